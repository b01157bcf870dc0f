# SPDX-License-Identifier: MIT
"""CPython's own tests, bare, under audit and under fix. The same must come of each."""

from harness.suites import Regrtest, declare

QUICK = ("test_httplib", "test_socketserver", "test_epoll", "test_wsgiref", "test_select")
SLOW = ("test_ssl", "test_httpservers", "test_urllib2_localnet",
        "test_ftplib", "test_smtplib", "test_imaplib", "test_poplib", "test_telnetlib",
        "test_asyncore", "test_asynchat", "test_logging", "test_subprocess", "test_os",
        "test_posix", "test_signal", "test_threading", "test_selectors", "test_poll",
        "test_xmlrpc", "test_pty")

# One run takes two minutes of an idle machine.
SLOWER = ("test_asyncio", "test_multiprocessing_fork", "test_multiprocessing_spawn",
          "test_multiprocessing_forkserver")

# They are no TCP, and where /dev/vsock leads to no host their accept() waits for ever.
IGNORED = {"test_socket": ("*VSOCK*",)}

# What they test is the RST itself; only where fix takes it away.
EXPLAINED = {
    "test_preauth_data_to_tls_client": "its server closes with unread data, and it wants the error "
                                       "of a connection that is gone",
    "test_handle_close_after_conn_broken": "its client never reads, writes on after the FIN, and "
                                           "waits for a RST to be told of it",
    "test_sendfile_close_peer_in_the_middle_of_receiving":
        "its peer closes with most of the file unread, and it wants ConnectionError of sendfile",
    "test_sendfile_fallback_close_peer_in_the_middle_of_receiving":
        "the same without os.sendfile",
}

for name in QUICK + SLOW + SLOWER + ("test_socket",):
    declare(Regrtest(name, explained=EXPLAINED, seconds=900 if name in SLOWER else 280,
                     ignored=IGNORED.get(name, ())),
            f"cpythons_{name}", quick=name in QUICK)

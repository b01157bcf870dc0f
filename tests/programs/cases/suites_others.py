# SPDX-License-Identifier: MIT
"""Tests that Debian ships with other network programs, bare, under audit and under fix."""

import os

from harness.suites import Programs, Pytest, Ruby, declare

INSTALLED = "/usr/libexec/installed-tests"

# Of tests that are methods of a mix-in pytest makes tests of their own, which nobody meant.
NO_MIXINS = ("-o", "python_classes=")


def ignored(*files):
    """Files that are not even loaded: of what they need much is not there."""
    return tuple(f"--ignore-glob=/*/{file}.py" for file in files)


# test_unregisterProducerAfterDisconnect writes until it is reset. Under fix that comes when the
# lingering is over, so that each reactor takes 30 s.
TWISTED = {
    "tcp": ("twisted.internet.test.test_tcp", "twisted.test.test_tcp",
            "twisted.test.test_tcp_internals", "twisted.test.test_ssl"),
    "internet": ("twisted.internet.test.test_unix", "twisted.internet.test.test_socket",
                 "twisted.internet.test.test_endpoints", "twisted.internet.test.test_fdset",
                 "twisted.internet.test.test_core", "twisted.internet.test.test_posixbase",
                 "twisted.internet.test.test_process"),
    "tls": ("twisted.internet.test.test_tls",),
    "protocols": ("twisted.test.test_ftp", "twisted.test.test_protocols",
                  "twisted.test.test_policies", "twisted.test.test_internet",
                  "twisted.test.test_loopback", "twisted.test.test_unix", "twisted.test.test_stdio",
                  "twisted.test.test_threads"),
    "web": ("twisted.web.test.test_webclient", "twisted.web.test.test_agent",
            "twisted.web.test.test_http", "twisted.web.test.test_web",
            "twisted.web.test.test_xmlrpc", "twisted.web.test.test_wsgi",
            "twisted.web.test.test_proxy", "twisted.web.test.test_cgi"),
    "mail": ("twisted.mail.test.test_pop3", "twisted.mail.test.test_smtp",
             "twisted.mail.test.test_imap"),
}

GLIB = ("socket", "socket-address", "socket-listener", "socket-service", "gsocketclient-slow",
        "network-address", "network-monitor", "network-monitor-race", "proxy-test", "srvtarget",
        "inet-address", "resolver-parsing", "pollable", "stream-rw_all", "tls-bindings",
        "tls-certificate", "tls-database", "tls-interaction", "unix-fd", "unix-streams",
        "converter-stream", "cancellable", "gsubprocess", "spawn-singlethread",
        "spawn-multithreaded", "mainloop", "gdbus-peer", "gdbus-peer-object-manager",
        "gdbus-server-auth", "gdbus-auth", "gdbus-non-socket", "gdbus-overflow")

# Left out: what needs Apache, and two that do not end, bare: server-test, and at times http2-test.
SOUP = ("cache-test", "chunk-io-test", "coding-test", "context-test", "continue-test",
        "cookies-test", "forms-test", "hsts-test", "logger-test", "misc-test",
        "multipart-test", "no-ssl-test", "ntlm-test", "redirect-test", "request-body-test",
        "server-auth-test", "session-test", "sniffing-test", "ssl-test", "streaming-test",
        "timeout-test", "unix-socket-test", "websocket-test")

# Unpacked by tests/programs/sources.sh: {where in the build folder: which tests}.
PERL = {
    "perl/dist/IO": ("t/io_sock*.t", "t/io_unix.t", "t/io_poll.t", "t/io_sel.t", "t/io_dup.t",
                     "t/io_pipe.t", "t/cachepropagate-*.t"),
    "perl/cpan/IO-Socket-IP": ("t/*.t",),
    "perl/cpan/Socket": ("t/*.t",),
    "perl/cpan/libnet": ("t/*.t",),
    "perl/cpan/HTTP-Tiny": ("t/*.t",),
    "libio-socket-ssl-perl": ("t/*.t",),
    "libhttp-daemon-perl": ("t/*.t",),
}

# Their servers close with a request or a handshake unread, and they want the client's error of it.
SOUP_EXPLAINED = {
    "misc-test: 1 /misc/bigheader": "it wants ECONNRESET, and gets the end of file",
    "misc-test: exit": "as its /misc/bigheader",
    "ssl-test: 2 /ssl/tls-interaction-msg": "it wants what its client makes of the reset, "
                                            "and gets the end of file",
    "ssl-test: exit": "as its /ssl/tls-interaction-msg",
}

declare(Pytest("tornado", modules=("tornado.test",), options=NO_MIXINS, package="python3-tornado",
               seconds=600), "tornados_tests")
declare(Pytest("trio", modules=("trio.tests",), package="python3-trio", seconds=600,
               options=ignored("test_exports", "test_gen_exports")), "trios_tests")
declare(Pytest("cheroot", modules=("cheroot.test",), package="python3-cheroot", seconds=600,
               options=("-p", "pytest_mock"), explained={
                   "test_http_over_https_error": "its server closes with the request unread, and "
                                                 "it wants ECONNRESET"}), "cheroots_tests")
for name, modules in TWISTED.items():
    declare(Pytest(f"twisted-{name}", modules=modules, package="python3-twisted", seconds=600,
                   options=NO_MIXINS), f"twisteds_tests_of_{name}")
declare(Programs("glib", folder=f"{INSTALLED}/glib", programs=GLIB, options=("--tap", "-k"),
                 package="libglib2.0-tests", seconds=120), "glibs_tests")
declare(Programs("libsoup", folder=f"{INSTALLED}/libsoup-3.0", programs=SOUP,
                 options=("--tap", "-k"), package="libsoup-3.0-tests", seconds=120,
                 explained=SOUP_EXPLAINED),
        "libsoups_tests")
declare(Ruby("ruby", source="sources/ruby3.1", tests=("socket", "net"), seconds=280),
        "rubys_tests")
for name, programs in PERL.items():
    title = os.path.basename(name)
    declare(Programs(f"perl-{title}", folder=f"sources/{name}", programs=programs,
                     before=("perl",), package=title, seconds=120),
            f"perls_tests_of_{title.replace('-', '_')}")

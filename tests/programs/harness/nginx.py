# SPDX-License-Identifier: MIT
"""The configuration of an nginx that keeps all it writes in one folder."""

CONFIG = """\
daemon off;
{main}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 100m;
    server {{ listen {host}:{port}; root {folder}; {rules} }}
}}
"""


def config(folder, host, port, rules="", main="master_process off; user root root;"):
    """rules: of the server; main: of no block. Without a master it need not change its user."""
    return CONFIG.format(folder=folder, host=host, port=port, rules=rules, main=main)

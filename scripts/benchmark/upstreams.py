"""The fixed upstream of all gateways: nginx for whole answers, a small server of our own for streams.

Both do as little as can be done, so that what is measured is the gateway. nginx answers POST from memory (`return`),
and keeps its connections as long as a gateway wants them.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from answers import completion, listing
from machine import Cores
from process import await_ready, free_port, running

HERE = Path(__file__).resolve().parent

NGINX = """
daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off; server_tokens off; tcp_nodelay on;
  keepalive_requests 1000000000; keepalive_timeout 1h;
  client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /v1/chat/completions {{ default_type application/json; return 200 '{completion}'; }}
    location = /v1/models {{ default_type application/json; return 200 '{listing}'; }}
  }}
}}
"""


class Upstreams(NamedTuple):
    """The ports on the loopback."""

    small: int
    streams: int


@contextlib.contextmanager
def started(cores: Cores, folder: Path, nginx: Path) -> Iterator[Upstreams]:
    """Run both while the block lasts."""
    ports = Upstreams(free_port(), free_port())
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(port=ports.small, completion=completion().decode(), listing=listing().decode()))
    server = [nginx, "-e", "stderr", "-p", folder, "-c", config]
    streams = [sys.executable, HERE / "stream_server.py", str(ports.streams)]
    with (
        running("nginx", server, core=cores.upstream, folder=folder) as nginx_pid,
        running("streams", streams, core=cores.upstream, folder=folder) as streams_pid,
    ):
        await_ready(nginx_pid, ports.small, "/v1/models", folder / "nginx.log")
        await_ready(streams_pid, ports.streams, "/v1/models", folder / "streams.log")
        yield ports

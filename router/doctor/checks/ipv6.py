"""Whether the loopback has ::1. Nothing is lost without it: servers and Caddy are at 127.0.0.1."""

import socket
from collections.abc import Iterator

from router.doctor.findings import Finding


def check() -> Iterator[Finding]:
    """Yield whether ::1 can be used."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        yield Finding("ok", "ipv6", "this system has no ::1; everything uses 127.0.0.1")
    else:
        yield Finding("ok", "ipv6", "::1 can be used")

"""The loopback sockets that the router listens on for Caddy, and hands over to it."""

import contextlib
import errno
import socket
import sys

from router.errors import CaddyError, PortTakenError, SettingsError

_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_BACKLOG = 1024


def listening_sockets(port: int) -> tuple[socket.socket, ...]:
    """Return sockets that listen on 127.0.0.1 and, where the system has it, ::1.

    Raises PortTakenError, or SettingsError where the system does not allow this port.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in _LOOPBACK:
            with contextlib.suppress(_NoFamilyError):
                sockets.append(_listening_socket(family, address, port))
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return tuple(sockets)


class _NoFamilyError(Exception):
    """The system has no such address family."""


def _listening_socket(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as exc:
        raise _NoFamilyError from exc
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(_BACKLOG)
    except OSError as exc:
        sock.close()
        raise _translated(exc, port, family) from exc
    return sock


def _translated(exc: OSError, port: int, family: socket.AddressFamily) -> Exception:
    if exc.errno == errno.EADDRINUSE:
        return PortTakenError(
            f"port {port} is taken", hint="choose another: `router up --port 8090` or ROUTER_PORT=8090"
        )
    if exc.errno in {errno.EACCES, errno.EPERM}:
        fix = "sudo sysctl net.ipv4.ip_unprivileged_port_start=80" if sys.platform == "linux" else "sudo router up"
        return SettingsError(f"this system does not let you listen on port {port}", hint=f"allow it once: `{fix}`")
    if family == socket.AF_INET6:
        return _NoFamilyError()
    return CaddyError(f"port {port} cannot be listened on: {exc.strerror}", hint="choose another with ROUTER_PORT")

"""The loopback sockets that the router listens on for Caddy, and hands over to it."""

import contextlib
import ctypes
import errno
import os
import socket
import struct
import sys
from collections.abc import Iterable
from itertools import chain

from router.errors import CaddyError, PortTakenError, SettingsError
from router.observe import sock_diag

_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_BACKLOG = 1024
_ATTACH = 51  # SO_ATTACH_REUSEPORT_CBPF (socket(7)), which Python's socket module does not name
_UNACKED = 24  # where that stands in struct tcp_info (linux/tcp.h)
_RETURN = 0x06  # BPF_RET | BPF_K


Sets = tuple[tuple[socket.socket, ...], ...]
"""Sockets on one port, in sets with a socket for each address: two sets that can take turns, or one."""


def listening_sockets(port: int) -> Sets:
    """Return sockets that listen on 127.0.0.1 and, where the system has it, ::1: two sets on Linux, else one.

    Two share a port by SO_REUSEPORT, so that any other process of this user could join them: that nobody else listens
    there is asked before, and looked up afterwards. Raises PortTakenError, or SettingsError where the system does not
    allow this port.
    """
    if sys.platform != "linux":
        return (_set(port),)
    expect_free(port)
    try:
        return _pair(port)
    except OSError:  # a kernel that cannot be told which of them gets connections, or does not say who listens
        return (_set(port),)


def expect_free(port: int) -> None:
    """Raise what `listening_sockets` would, and keep no socket."""
    _close(_set(port))


def hand_connections_to(sets: Sets, turn: int) -> None:
    """Have the kernel give new connections to one of two sets. OSError where it cannot.

    That takes a program of one instruction that returns the socket's number (struct sock_fprog of linux/filter.h).
    """
    answer = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN, 0, 0, turn))
    program = struct.pack("HP", 1, ctypes.addressof(answer))
    for sock in sets[turn]:
        sock.setsockopt(socket.SOL_SOCKET, _ATTACH, program)


def is_waited_at(sock: socket.socket) -> bool:
    """Tell whether a connection waits to be accepted at a socket that listens (Linux).

    Of such a socket `tcpi_unacked` of struct tcp_info is how many wait (tcp_get_info of net/ipv4/tcp.c).
    """
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED + 4)
    return bool(struct.unpack_from("I", info, _UNACKED)[0])


def _pair(port: int) -> Sets:
    """Return two sets; of each address, the socket's number is that of its set: they listen in that order."""
    sets: Sets = ()
    try:
        for _ in range(2):
            sets += (_set(port, shared=True),)
        hand_connections_to(sets, 0)
        own = {os.fstat(sock.fileno()).st_ino for sock in chain(*sets)}
        if any(bound.port == port and inode not in own for inode, bound in sock_diag.listening()):
            raise _taken(port)
    except BaseException:
        _close(chain(*sets))
        raise
    return sets


def _close(sockets: Iterable[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def _set(port: int, *, shared: bool = False) -> tuple[socket.socket, ...]:
    """Return a socket for each address; `shared` where another one of ours is to listen there too."""
    sockets: list[socket.socket] = []
    try:
        for family, address in _LOOPBACK:
            with contextlib.suppress(_NoFamilyError):
                sockets.append(_listening_socket(family, address, port, shared=shared))
    except BaseException:
        _close(sockets)
        raise
    return tuple(sockets)


class _NoFamilyError(Exception):
    """The system has no such address family."""


def _listening_socket(family: socket.AddressFamily, address: str, port: int, *, shared: bool) -> socket.socket:
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as exc:
        raise _NoFamilyError from exc
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
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
        return _taken(port)
    if exc.errno in {errno.EACCES, errno.EPERM}:
        fix = "sudo sysctl net.ipv4.ip_unprivileged_port_start=80" if sys.platform == "linux" else "sudo router up"
        return SettingsError(f"this system does not let you listen on port {port}", hint=f"allow it once: `{fix}`")
    if family == socket.AF_INET6:
        return _NoFamilyError()
    return CaddyError(f"port {port} cannot be listened on: {exc.strerror}", hint="choose another with ROUTER_PORT")


def _taken(port: int) -> PortTakenError:
    return PortTakenError(f"port {port} is taken", hint="choose another: `router up --port 8090` or ROUTER_PORT=8090")

"""Linux's own table of listening TCP sockets, and which address reaches each."""

import socket
import struct
import sys
from collections.abc import Iterator

# What a socket is bound to → the address that reaches it, and how far that is from what it is bound to: where two
# sockets could take a connection, the kernel gives it to the one bound more closely.
DIALLED = {"127.0.0.1": ("127.0.0.1", 0), "0.0.0.0": ("127.0.0.1", 1), "::1": ("::1", 0), "::": ("::1", 1)}  # noqa: S104
MAPPED = {"::ffff:127.0.0.1": "127.0.0.1", "::ffff:0.0.0.0": "0.0.0.0"}  # noqa: S104  # how Java binds IPv4
# linux/netlink.h, sock_diag.h, inet_diag.h
_SOCK_DIAG, _BY_FAMILY, _DUMP, _DONE, _LISTEN, _V6ONLY = 4, 20, 0x301, 3, 1 << 10, 11

Bound = tuple[str, int, bool]  # address, port, and whether it is a `::` that takes IPv4 connections as well


def listening() -> Iterator[tuple[int, Bound]]:
    """Yield the inode of each socket in state LISTEN that loopback reaches, and what it is bound to.

    From the kernel's sock_diag(7), without root. /proc/net/tcp holds almost the same, but reading it walks the table
    of all connections (1.6 ms for each family on a machine with much memory, against 0.03), and it does not tell
    whether a `::` is for IPv6 alone, as asyncio's servers (uvicorn) make it.
    """
    for family, width in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        for body in _diagnosed(family):
            address = socket.inet_ntop(family, body[8 : 8 + width])
            address = MAPPED.get(address, address)
            if address in DIALLED:
                inode, port = int.from_bytes(body[68:72], sys.byteorder), int.from_bytes(body[4:6])
                dual = address == "::" and dict(_parts(body[72:], "=HH", 4)).get(_V6ONLY) != b"\1"
                yield inode, (address, port, dual)


def _diagnosed(family: int) -> Iterator[bytes]:
    request = struct.pack("=IHHII4BI48x", 72, _BY_FAMILY, _DUMP, 0, 0, family, socket.IPPROTO_TCP, 0, 0, _LISTEN)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(1.0)
        kernel.send(request)
        while True:
            for kind, body in _parts(kernel.recv(1 << 16), "=IH", 16):
                if kind == _DONE:
                    return
                if kind != _BY_FAMILY:
                    raise OSError("the kernel does not tell its sockets")
                yield body


def _parts(data: bytes, head: str, width: int) -> Iterator[tuple[int, bytes]]:
    """Yield kind and body of each netlink message or attribute: a size, a kind, the body, filled up to four bytes."""
    while len(data) >= width:
        size, kind = struct.unpack_from(head, data)
        if size < width:  # nothing that the kernel says; it would never end
            return
        yield kind, data[width:size]
        data = data[size + -size % 4 :]

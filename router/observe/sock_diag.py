"""Linux's own tables of TCP sockets, and word of each that is closed: netlink's sock_diag(7)."""

import socket
import struct
from collections.abc import Collection, Iterator
from typing import NamedTuple, Self

from router.observe.sockets import DIALLED, MAPPED

# linux/netlink.h, sock_diag.h, inet_diag.h
_SOCK_DIAG, _BY_FAMILY, _DUMP, _DONE, _LISTEN, _V6ONLY = 4, 20, 0x301, 3, 1 << 10, 11
_LEAST = 72  # bytes of an inet_diag_msg
_INFO, _SILENT, _RECEIVED = (
    2,
    52,
    128,
)  # INET_DIAG_INFO; tcpi_last_data_recv and tcpi_bytes_received in it (linux/tcp.h)
# Every state of a connection that was accepted, TIME_WAIT (6) included: ESTABLISHED, FIN_WAIT1 and 2, CLOSE_WAIT, …
_ACCEPTED = sum(1 << state for state in (1, 4, 5, 6, 8, 9, 11))
_ESTABLISHED, _TIME_WAIT = 1, 6  # linux/tcp_states.h
_PATIENCE = struct.pack("ll", 1, 0)  # a struct timeval: a second
_REMEMBERED = 60.0  # seconds: TCP_TIMEWAIT_LEN of linux/tcp.h
_DESTROYED = 0b101  # the groups SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER of asm-generic/socket.h
# Connections are closed by the thousand: let through only sockets without a peer (linux/filter.h: load the half word
# at 22, the peer's port; if it is 0, keep all; else nothing)
_WITHOUT_PEER = b"".join(
    struct.pack("=HBBI", *each) for each in ((0x28, 0, 0, 22), (0x15, 0, 1, 0), (0x06, 0, 0, 1 << 16), (0x06, 0, 0, 0))
)


class Bound(NamedTuple):
    """What a listening socket is bound to; `dual` is a `::` that takes IPv4 connections as well, `uid` its owner.

    `waited_at` is whether connections wait to be accepted there.
    """

    address: str
    port: int
    dual: bool
    uid: int | None = None
    waited_at: bool = False


def listening() -> Iterator[tuple[int, Bound]]:
    """Yield the inode of each socket in state LISTEN that loopback reaches, and what it is bound to.

    From the kernel, without root. /proc/net/tcp holds almost the same, but reading it walks the table of all
    connections (1.6 ms for each family on a machine with much memory, against 0.03), and it does not tell whether a
    `::` is for IPv6 alone, as asyncio's servers (uvicorn) make it. OSError where the kernel does not answer.
    """
    for family, width in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        for body in _diagnosed(family):
            if len(body) < _LEAST:
                continue
            address = socket.inet_ntop(family, body[8 : 8 + width])
            address = MAPPED.get(address, address)
            if address in DIALLED:
                port, uid, inode = int.from_bytes(body[4:6]), *struct.unpack_from("=II", body, 64)
                dual = address == "::" and dict(_parts(body[72:], "=HH", 4)).get(_V6ONLY) != b"\1"
                yield inode, Bound(address, port, dual, uid, any(body[56:60]))


class Connection(NamedTuple):
    """A connection to a port of this machine, by who made it; `received` are the bytes that came to the server.

    That is 0 where only the client's end is left: whoever closes first is the one whom the kernel remembers. `silent`
    are the seconds since the last of them came, or since it ended; infinite where this end does not tell.
    """

    port: int
    client: str
    client_port: int
    received: int = 0
    silent: float = float("inf")


def connections(ports: Collection[int]) -> Iterator[Connection]:
    """Yield the connections to these ports, those that ended within the last minute included (TIME_WAIT).

    One whose two ends are on this machine comes once for each of them. OSError where the kernel does not answer.
    """
    for family, width in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        for body in _diagnosed(family, states=_ACCEPTED, told=1 << (_INFO - 1)):
            if len(body) < _LEAST:
                continue
            own, other = int.from_bytes(body[4:6]), int.from_bytes(body[6:8])
            if own in ports:
                yield Connection(own, _address(family, body[24 : 24 + width]), other, *_came(body))
            elif other in ports and (here := _address(family, body[8 : 8 + width])) and _is_here(family, body, width):
                yield Connection(other, here, own, silent=_ended(body))


def owners(client: tuple[str, int], server: tuple[str, int]) -> Iterator[int]:
    """Yield who made a connection that is open at both ends, by the addresses and ports of its client and server.

    A client that has closed its end has no owner any more. OSError where the kernel does not answer.
    """
    for family, width in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        for body in _diagnosed(family, states=1 << _ESTABLISHED):
            if len(body) >= _LEAST:
                here = _address(family, body[8 : 8 + width]), int.from_bytes(body[4:6])
                other = _address(family, body[24 : 24 + width]), int.from_bytes(body[6:8])
                if (here, other) == (client, server):
                    yield struct.unpack_from("=I", body, 64)[0]


class Closings:
    """Word from the kernel of each listening socket whose last holder has closed it, within a millisecond.

    Any user may have it (tested on 6.18). OSError where there is none.
    """

    def __init__(self, kernel: socket.socket) -> None:
        self._kernel = kernel

    @classmethod
    def open(cls) -> Self:
        """Begin to listen."""
        import ctypes  # here: commands start without it

        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _SOCK_DIAG)
        try:
            code = ctypes.create_string_buffer(_WITHOUT_PEER, len(_WITHOUT_PEER))
            program = struct.pack("HL", len(_WITHOUT_PEER) // 8, ctypes.addressof(code))
            kernel.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
            kernel.bind((0, _DESTROYED))
        except OSError:
            kernel.close()
            raise
        return cls(kernel)

    def fileno(self) -> int:
        """Return what to wait for with select."""
        return self._kernel.fileno()

    def ports(self) -> set[int]:
        """Return the ports of the sockets that were closed since the last call. OSError where some may be missing."""
        found: set[int] = set()
        while True:
            try:
                data = self._kernel.recv(1 << 16)
            except BlockingIOError:
                return found
            found |= {int.from_bytes(body[4:6]) for kind, body in _parts(data, "=IH", 16) if kind == _BY_FAMILY}

    def close(self) -> None:
        """Listen no more."""
        self._kernel.close()


def _address(family: int, packed: bytes) -> str:
    """Return an address as text, an IPv4 one that a socket for both has as such."""
    return socket.inet_ntop(family, packed).removeprefix("::ffff:")


def _is_here(family: int, body: bytes, width: int) -> bool:
    """Tell whether the other end of a socket is on this machine."""
    other = body[24 : 24 + width]
    return other == body[8 : 8 + width] or _address(family, other).startswith("127.")


def _came(body: bytes) -> tuple[int, float]:
    """Return how many bytes came to this end, and how many seconds ago the last of them did, or it ended."""
    info = dict(_parts(body[_LEAST:], "=HH", 4)).get(_INFO, b"")
    if len(info) < _RECEIVED + 8:
        return 0, _ended(body)
    return struct.unpack_from("=Q", info, _RECEIVED)[0], struct.unpack_from("=I", info, _SILENT)[0] / 1000


def _ended(body: bytes) -> float:
    """Return how many seconds ago a connection ended, infinity where it is still open."""
    left = struct.unpack_from("=I", body, 52)[0] / 1000  # until the kernel forgets it
    return max(0.0, _REMEMBERED - left) if body[1] == _TIME_WAIT else float("inf")


def _diagnosed(family: int, *, states: int = _LISTEN, told: int = 0) -> Iterator[bytes]:
    head = (72, _BY_FAMILY, _DUMP, 0, 0)
    request = struct.pack("=IHHII4BI48x", *head, family, socket.IPPROTO_TCP, told, 0, states)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
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

"""A listening socket with the processes that hold it, wherever that comes from."""

from router.values import dataclass

# What a socket is bound to → the address that reaches it, and how far that is from what it is bound to: where two
# sockets could take a connection, the kernel gives it to the one bound more closely.
DIALLED = {"127.0.0.1": ("127.0.0.1", 0), "0.0.0.0": ("127.0.0.1", 1), "::1": ("::1", 0), "::": ("::1", 1)}  # noqa: S104
MAPPED = {"::ffff:127.0.0.1": "127.0.0.1", "::ffff:0.0.0.0": "0.0.0.0"}  # noqa: S104  # how Java binds IPv4


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a socket.

    `cwd` is its working directory as the system names it; `around` are those of itself and of its ancestors in the
    same session, nearest first, empty where its own was removed.
    """

    pid: int
    program: str | None
    cwd: str
    around: tuple[str, ...] = ()
    parent: int = 0
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Socket:
    """A listening socket: what it is bound to, whose it is, and who holds it.

    `dual` is a `::` that takes IPv4 connections as well. `uid` is None where the system does not say.
    """

    address: str
    port: int
    dual: bool
    holders: tuple[Holder, ...]
    uid: int | None = None

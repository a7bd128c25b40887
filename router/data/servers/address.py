"""Where a server of the router's own is reached, and its password: given out once, and kept for its owner alone."""

import contextlib
import json
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from router import files, from_json
from router.errors import FileError, StoreError
from router.naming import hash6
from router.values import asdict, dataclass, field, replace

_DIRECTORY = "data-servers"
_FILE = "address.json"
_LOCK = "address.lock"
_LARGEST = 1 << 12  # bytes
_PATIENCE = 10.0  # seconds to wait for another router that gives it out
_PORTS = range(31_000, 32_768)  # above hash ports, below those that systems give to clients
_SCHEMES = {"postgres": ("postgresql", "postgres"), "redis": ("redis", "default")}
KINDS = tuple(_SCHEMES)
"""The kinds of resource for which the router can run a server itself."""


@dataclass(frozen=True, slots=True)
class Address:
    """The port of a server on 127.0.0.1, and the password of its administrator."""

    kind: str
    port: int
    password: str = field(repr=False)

    def url(self, database: str) -> str:
        """Return the URL of a database; for Redis of a number."""
        scheme, user = _SCHEMES[self.kind]
        return f"{scheme}://{user}:{self.password}@127.0.0.1:{self.port}/{quote(database, safe='')}"


def home(state: Path, kind: str) -> Path:
    """Return the directory that has all of a server's: its data, its log, its address."""
    return state / _DIRECTORY / kind


def given(state: Path) -> bool:
    """Tell whether any server may have been given an address: most have no need of one, and are asked at each look."""
    return not files.is_absent(f"{state}/{_DIRECTORY}")


def address(state: Path, kind: str) -> Address:
    """Return a server's address, which is given out when it is first asked for; nothing is started.

    StoreError where it cannot be kept.
    """
    directory = home(state, kind)
    if found := known(state, kind):
        return found
    with locked(directory, _LOCK, patience=_PATIENCE):
        if found := known(state, kind):
            return found
        made = Address(kind, _free_port(state, kind), secrets.token_urlsafe(24))
        _write(directory, made)
    return made


def known(state: Path, kind: str) -> Address | None:
    """Return a server's address where one was given out, None where none was, or nothing that can be understood."""
    try:
        content = files.read_bounded(home(state, kind) / _FILE, limit=_LARGEST)
        return from_json.build(Address, json.loads(content or b"null"))
    except (FileError, ValueError, RecursionError):
        return None


def moved(state: Path, found: Address) -> Address:
    """Give a server another port, as somebody else listens at its own, and return where it is reached from now on."""
    there = replace(found, port=_free_port(state, found.kind))
    _write(home(state, found.kind), there)
    return there


def is_free(port: int) -> bool:
    """Tell whether a server could listen on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended are in nobody's way
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def locked(directory: Path, name: str, *, patience: float) -> Iterator[None]:
    """Hold a lock of a server's directory for as long as the block takes. StoreError where another router keeps it."""
    descriptor = take(directory, name, patience=patience)
    try:
        yield
    finally:
        os.close(descriptor)


def take(directory: Path, name: str, *, patience: float) -> int:
    """Take a lock of a server's directory; it is held until the descriptor that this returns is closed."""
    path = directory / name
    try:
        files.make_private_directory(directory)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (OSError, FileError) as exc:
        raise StoreError(f"{path} cannot be made: {exc}", hint="make room or fix its permissions") from exc
    if not files.take_lock(descriptor, patience=patience):
        os.close(descriptor)
        raise StoreError(f"another router has had {path} for {patience:.0f} s", hint="it is tried again")
    return descriptor


def _write(directory: Path, found: Address) -> None:
    try:
        files.replace(directory / _FILE, json.dumps(asdict(found)), durable=True)
    except FileError as exc:
        raise StoreError(exc.message, hint=exc.hint) from exc


def _free_port(state: Path, kind: str) -> int:
    """Return a free port that no other server of the directory has: each directory begins to look at another one."""
    first = int(hash6(f"{state} {kind}"), 36) % len(_PORTS)
    ports: list[int] = [*_PORTS[first:], *_PORTS[:first]]
    given = {other.port for each in KINDS if (other := known(state, each))}
    found = next((port for port in ports if port not in given and is_free(port)), None)
    if found is None:
        raise StoreError("every port from 31000 to 32767 is taken", hint="end what listens there")
    return found

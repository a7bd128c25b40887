"""A repository whose main checkout has a database of some size on a real server, in use, and its worktrees' copies."""

import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import MissingError, progress
from router.data.ledger import Ledger
from tests.data.servers import PostgresServer
from tests.e2e.routers import Router, wait_until
from tests.e2e.shops import SLOW, states, with_database

_SERVER = Path("/usr/lib/postgresql/15/bin/postgres")
_EMPTY = 8  # megabytes that a database has with nothing in it
_ROWS = 975  # of a kilobyte, for a megabyte


def server_missing() -> str:
    """Return how to get what this needs, empty where it is there."""
    return "" if _SERVER.exists() else "PostgreSQL 15 is missing: apt-get install postgresql"


@dataclass(frozen=True)
class Shop:
    """A repository that a watcher serves, and the database of its main checkout."""

    router: Router
    server: PostgresServer
    main: str

    def ready(self, count: int = 1) -> float:
        """Add worktrees; return the milliseconds from the end of the first command until all have their database."""
        paths = [self.router.add(f"n/{secrets.token_hex(4)}")]
        started = time.perf_counter()
        paths += [self.router.add(f"n/{secrets.token_hex(4)}") for _ in range(count - 1)]
        for path in paths:
            wait_until(lambda path=path: self._settled(path), limit=SLOW, what=str(path), pause=0.002)  # type: ignore[misc]
        taken = (time.perf_counter() - started) * 1000
        assert all(states(self.router, path) == {"db": "ready"} for path in paths), self.router.at(paths[0])
        return taken

    def by_hand(self, *options: str) -> float:
        """Return the milliseconds that `createdb` takes for one more copy of the template, which is dropped then."""
        [template] = [each.name for each in Ledger(self.router.state).records() if each.is_template]
        name, where = (
            f"hand_{secrets.token_hex(4)}",
            ["-h", self.server.place, "-p", str(self.server.port), "-U", "ann"],
        )
        command = [f"{self.server.programs}/createdb", *where, "-T", template, *options, name]
        taken = timed(lambda: subprocess.run(command, check=True))()
        self.server.psql("postgres", f"DROP DATABASE {name}")
        return taken

    def _settled(self, path: Path) -> bool:
        return states(self.router, path).get("db") in ("ready", "failed")


@contextmanager
def served(server: PostgresServer, megabytes: int, *, in_use: bool = True) -> Iterator[Shop]:
    """Serve a repository whose main checkout has a database of that size, to which somebody may be connected."""
    with tempfile.TemporaryDirectory() as place, Router(Path(place)) as router:
        main = with_database(router, server, keep="1h")
        filled(server, main, megabytes)
        router.detach()
        with server.session(main) if in_use else nullcontext():
            yield Shop(router, server, main)


def filled(server: PostgresServer, name: str, megabytes: int) -> None:
    """Have a database be of that size, and all of it on the disk."""
    progress(f"a database of {megabytes} MB")
    rows = max(0, megabytes - _EMPTY) * _ROWS
    filler = f"SELECT repeat(md5(i::text), 30) AS text FROM generate_series(1, {rows}) i"
    server.psql(name, f"CREATE TABLE filler AS {filler}", user="ann")
    server.psql(name, "CHECKPOINT")


@contextmanager
def cloning_disk(megabytes: int) -> Iterator[Path]:
    """Mount a Btrfs of that size, on which files share blocks. MissingError where that cannot be."""
    if not shutil.which("mkfs.btrfs"):
        raise MissingError("mkfs.btrfs is missing: apt-get install btrfs-progs")
    with tempfile.TemporaryDirectory() as directory:
        image, place = Path(directory, "image"), Path(directory, "btrfs")
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        place.mkdir()
        subprocess.run(["mkfs.btrfs", "-q", image], capture_output=True, check=True)
        mounted = subprocess.run(["mount", "-o", "loop", image, place], capture_output=True, text=True, check=False)
        if mounted.returncode:
            raise MissingError(f"no Btrfs can be mounted: {mounted.stderr.strip()}")
        Path(directory).chmod(0o755)  # the server's user goes through it
        place.chmod(0o755)
        try:
            yield place
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """Return what runs some work and returns the milliseconds that it took."""

    def measured() -> float:
        started = time.perf_counter()
        work()
        return (time.perf_counter() - started) * 1000

    return measured

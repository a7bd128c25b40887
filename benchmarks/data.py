"""How soon a new worktree has its own database, against `createdb -T` by hand, and what the watcher's passes cost then.

PostgreSQL servers write to the disk as outside of tests, and a session is connected to the main checkout's database
while it is copied, but for the clone. `router status` says when a database is ready.
"""

import secrets
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.data_passes import passes
from benchmarks.data_shop import cloning_disk, filled, served, server_missing, timed
from benchmarks.measure import Goal, MissingError, Result, Row, interleaved, progress, ratio, rounded, spread
from router.data.making import Made, make
from tests.data import shops
from tests.data.servers import PostgresServer, postgres

TOGETHER = 5
LIMITS = {10: 1000, 100: 1500}
"""Milliseconds from `git worktree add` to a database of so many megabytes."""
CLONED = 500  # milliseconds, for a gigabyte whose blocks are shared
HAND, COPIED, MADE, READY, FIRST = (
    "createdb -T by hand", "createdb -T --strategy=file_copy", "making alone", "git worktree add → ready",
    "the same for the first one, with its template",
)  # fmt: skip
AT_ONCE = f"{TOGETHER} times git worktree add → all ready"

_NOTE = f"a session is connected to main's database, but for the clone; {AT_ONCE}: from the end of the first command"


def run(*, smoke: bool) -> Result:
    """Measure with 10 and 100 MB on PostgreSQL 15, a gigabyte on 18 where blocks can be shared, and the passes."""
    if why := server_missing():
        raise MissingError(why)
    rows: list[Row] = []
    goals: list[Goal] = []
    notes = [
        f"a session is connected to main's database, but for the clone; {AT_ONCE}: from the end of the first command"
    ]
    sizes = (10,) if smoke else LIMITS
    with postgres("15", parent=None if smoke else tempfile.gettempdir(), durable=not smoke) as server:
        for megabytes in sizes:
            found = _copied(server, megabytes, rounds=1 if smoke else 7)
            rows += _rows(found, megabytes, "15")
            goals += _goals(found, megabytes)
        rates, of_passes = passes(server, smoke=smoke)
        rows += rates
        goals += of_passes
    try:
        cloned = _cloned(64 if smoke else 1000, rounds=1 if smoke else 3, durable=not smoke)
        rows += _rows(cloned, 64 if smoke else 1000, "18, Btrfs")
        goals += [Goal("git worktree add → 1 GB by a clone, ms", rounded(median(cloned[READY])), CLONED)]
    except MissingError as exc:
        notes.append(f"1 GB by a clone was skipped: {exc}")
    return Result(rows, [] if smoke else goals, notes)


def _copied(server: PostgresServer, megabytes: int, *, rounds: int) -> dict[str, list[float]]:
    with served(server, megabytes) as shop, tempfile.TemporaryDirectory() as state:
        first = shop.ready()
        found = interleaved(
            {
                HAND: shop.by_hand,
                COPIED: partial(shop.by_hand, "--strategy=file_copy"),
                MADE: _making(server, megabytes, Path(state)),
                READY: shop.ready,
                AT_ONCE: partial(shop.ready, TOGETHER),
            },
            rounds=rounds,
        )
    return {**found, FIRST: [first]}


def _cloned(megabytes: int, *, rounds: int, durable: bool) -> dict[str, list[float]]:
    with ExitStack() as stack:
        place = stack.enter_context(cloning_disk(5 * megabytes + 1000))
        server = stack.enter_context(postgres("18", parent=str(place), durable=durable))
        shop = stack.enter_context(served(server, megabytes, in_use=False))  # no pg_dump of 18 is installed
        first = shop.ready()
        found = interleaved({HAND: shop.by_hand, READY: shop.ready}, rounds=rounds)
    return {**found, FIRST: [first]}


def _making(server: PostgresServer, megabytes: int, state: Path) -> Callable[[], float]:
    """Return what makes a database in this process, whose template is there."""
    app = shops.shop(server, state)
    filled(server, app.name, megabytes)

    def making() -> None:
        made = make(app.named(secrets.token_hex(4)))
        assert isinstance(made, Made), made

    making()
    return timed(making)


def _rows(found: dict[str, list[float]], megabytes: int, version: str) -> list[Row]:
    progress(f"{megabytes} MB: {FIRST}: {found[FIRST][0]:.0f} ms")
    return [
        {
            "what": name,
            "MB": megabytes,
            "PostgreSQL": version,
            "ms": spread(values),
            "of by hand": ratio(values, found[HAND]),
        }
        for name, values in found.items()
    ]


def _goals(found: dict[str, list[float]], megabytes: int) -> list[Goal]:
    return [
        Goal(f"{READY}, {megabytes} MB, ms", rounded(median(found[READY])), LIMITS[megabytes]),
        Goal(f"{MADE}, {megabytes} MB, of {HAND}", ratio(found[MADE], found[HAND]), 1.3),
        Goal(f"{READY}, {megabytes} MB, of {HAND}", ratio(found[READY], found[HAND]), 1.3),
        Goal(f"{AT_ONCE}, {megabytes} MB, of one", ratio(found[AT_ONCE], found[READY]), 4),
    ]

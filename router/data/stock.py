"""The resources of one worktree: read from the main checkout's files, made by the ledger, described."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from router import repository_settings
from router.data import making
from router.data.kind import Order
from router.data.kinds import kind
from router.data.ledger import OWN, Ledger
from router.data.making import Failure, Made, Work
from router.data.planned import Named, Planned, Unplanned, planned
from router.model import Repository, Worktree
from router.observe import envfiles
from router.remembered import Memory


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of a resource: its name in `router.toml`, its kind where that is known, what was made of it."""

    resource: str
    kind: str
    name: str
    result: Made | Failure


def of_worktree(repository: Repository, worktree: Worktree, memory: Memory) -> tuple[Planned | Unplanned, ...]:
    """Return the resources that a worktree is to have; none for a main checkout, or while it has no names.

    FileError or SettingsError where `router.toml` cannot be read.
    """
    main = next((each for each in repository.worktrees if each.main), None)
    names = {each.id: each for each in memory.worktrees if each.project}
    if main is None or worktree.main or worktree.copy or not {main.id, worktree.id} <= names.keys():
        return ()
    resources = repository_settings.load_repository_settings(Path(main.path)).resources
    if not resources:
        return ()
    values = values_of(Path(main.path))
    return tuple(planned(resources, values, main=Named(main, names[main.id]), own=Named(worktree, names[worktree.id])))


def values_of(root: Path) -> dict[str, str]:
    """Return the value that counts of each variable of a checkout's own files, without what the router wrote."""
    found: dict[str, str] = {}
    for variable, value, _ in envfiles.values(root, blocks=False):
        found.setdefault(variable, value)
    return found


def provide(wanted: Iterable[Planned | Unplanned], ledger: Ledger, *, hosts: Collection[str] = ()) -> Iterator[Outcome]:
    """Make each resource, or find it made, and yield what has become of it; one that fails stops no other."""
    for each in wanted:
        if isinstance(each, Unplanned):
            yield Outcome(each.name, "", "", each.failure)
        else:
            yield Outcome(each.name, each.wanted.kind, each.wanted.name, making.make(_work(each, ledger, hosts)))


def reset(each: Planned | Unplanned, ledger: Ledger, *, hosts: Collection[str] = ()) -> Outcome:
    """Drop a worktree's resource and make it afresh, and return what has become of it."""
    if isinstance(each, Planned):
        for record in ledger.records():
            if (record.worktree, record.resource, record.use) == (each.wanted.worktree, each.name, OWN):
                failure = making.drop(ledger, kind(record.kind), each.connection, record)
                if failure:
                    return Outcome(each.name, record.kind, record.name, failure)
    return next(provide([each], ledger, hosts=hosts))


def _work(each: Planned, ledger: Ledger, hosts: Collection[str]) -> Work:
    order = Order(largest=each.settings.largest, work=ledger.file.parent / "data")
    return Work(each.wanted, kind(each.wanted.kind), each.connection, ledger, order, hosts)

"""The resources of one worktree: read from the main checkout's files, made by the ledger, described."""

import contextlib
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from router import files, repository_settings
from router.data import making
from router.data.kind import Order
from router.data.kinds import kind
from router.data.ledger import OWN, Ledger
from router.data.making import Failure, Made, Work
from router.data.planned import Named, Planned, Unplanned, planned
from router.errors import FileError
from router.model import Repository, Worktree
from router.observe import envfiles
from router.remembered import Memory
from router.resource_settings import Resource

_MOST_FILES = 5000
_LARGEST = 1 << 20  # bytes of each


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of a resource: its name in `router.toml`, its kind where that is known, what was made of it."""

    resource: str
    kind: str
    name: str
    result: Made | Failure


def of_worktree(
    repository: Repository, worktree: Worktree, memory: Memory, *, main_too: bool = False
) -> tuple[Planned | Unplanned, ...]:
    """Return the resources that a worktree is to have; none for a main checkout, or while it has no names.

    With `main_too` a main checkout has them as well: its own names, to which something is added.
    FileError or SettingsError where `router.toml` cannot be read.
    """
    main = next((each for each in repository.worktrees if each.main), None)
    names = {each.id: each for each in memory.worktrees if each.project}
    if main is None or (worktree.main and not main_too) or worktree.copy or not {main.id, worktree.id} <= names.keys():
        return ()
    resources = repository_settings.load_repository_settings(Path(main.path)).resources
    if not resources:
        return ()
    values = values_of(Path(main.path))
    versions = {name: _version(Path(main.path), each) for name, each in resources.items()}
    of_main, own = Named(main, names[main.id]), Named(worktree, names[worktree.id])
    return tuple(planned(resources, values, main=of_main, own=own, versions=versions))


def _version(main: Path, resource: Resource) -> str:
    """Return what tells whether the files are the same on which a resource's template depends, empty for none."""
    found = sorted({path for glob in resource.template_files for path in main.glob(glob)})[:_MOST_FILES]
    told = hashlib.sha256()
    for path in found:
        with contextlib.suppress(FileError):  # a directory, or one that is just written
            content = files.read_bounded(path, limit=_LARGEST) or b""
            told.update(f"{path.relative_to(main)} {len(content)} ".encode(errors="surrogateescape") + content)
    return told.hexdigest() if found else ""


def values_of(root: Path) -> dict[str, str]:
    """Return the value that counts of each variable of a checkout's own files, without what the router wrote."""
    found: dict[str, str] = {}
    for variable, value, _ in envfiles.values(root, blocks=False):
        found.setdefault(variable, value)
    return found


def provide(each: Planned | Unplanned, ledger: Ledger, *, hosts: Collection[str] = (), expected: str = "") -> Outcome:
    """Make a resource, or find it made, and return what has become of it.

    `hosts` are the other machines that are allowed, `expected` is the identifier of the server that is, empty where it
    is met for the first time.
    """
    if isinstance(each, Unplanned):
        return Outcome(each.name, "", "", each.failure)
    return Outcome(each.name, each.wanted.kind, each.wanted.name, making.make(_work(each, ledger, hosts, expected)))


def refresh(each: Planned, ledger: Ledger, *, hosts: Collection[str] = (), expected: str = "") -> Made | Failure:
    """Make a resource's template again where the main checkout's database has changed, even while that is in use."""
    return making.refresh(_work(each, ledger, hosts, expected))


def reset(each: Planned | Unplanned, ledger: Ledger, *, hosts: Collection[str] = (), expected: str = "") -> Outcome:
    """Drop a worktree's resource and make it afresh, and return what has become of it."""
    if isinstance(each, Planned):
        if failure := making.refused(_work(each, ledger, hosts, expected)):
            return Outcome(each.name, each.wanted.kind, each.wanted.name, failure)
        for record in ledger.records():
            if (record.worktree, record.resource, record.use) == (each.wanted.worktree, each.name, OWN):
                failure = making.drop(ledger, kind(record.kind), each.connection, record)
                if failure:
                    return Outcome(each.name, record.kind, record.name, failure)
    return provide(each, ledger, hosts=hosts, expected=expected)


def _work(each: Planned, ledger: Ledger, hosts: Collection[str], expected: str) -> Work:
    order = Order(largest=each.settings.largest, work=ledger.file.parent / "data")
    return Work(each.wanted, kind(each.wanted.kind), each.connection, ledger, order, hosts, expected)

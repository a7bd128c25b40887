"""The resources of one worktree: read from the main checkout's files, made by the ledger, described."""

import contextlib
import hashlib
from collections.abc import Collection
from pathlib import Path

from router import files, repository_settings
from router.data import making
from router.data.kind import Order
from router.data.kinds import kind
from router.data.ledger import OWN, Ledger
from router.data.making import Failure, Made, Work
from router.data.planned import Named, Planned, Unplanned, is_served, planned
from router.data.servers import running
from router.data.servers.address import address
from router.errors import FileError, RouterError
from router.model import Repository, Worktree
from router.observe import envfiles
from router.remembered import Memory
from router.resource_settings import Resource
from router.values import dataclass, replace

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
    repository: Repository, worktree: Worktree, memory: Memory, *, state: Path, main_too: bool = False
) -> tuple[Planned | Unplanned, ...]:
    """Return the resources that a worktree is to have; none while it has no names.

    A main checkout has those on servers of the router's own, whose addresses the directory `state` keeps. With
    `main_too` it has the others as well: its own names, to which something is added.
    FileError or SettingsError where `router.toml` cannot be read, StoreError where an address cannot be kept.
    """
    main = next((each for each in repository.worktrees if each.main), None)
    names = {each.id: each for each in memory.worktrees if each.project}
    if main is None or worktree.copy or not {main.id, worktree.id} <= names.keys():
        return ()
    resources = repository_settings.load_repository_settings(Path(main.path)).resources
    served = {name: each for name, each in resources.items() if is_served(each)}
    if worktree.main and not main_too:
        resources = served
    if not resources:
        return ()
    servers = {kind: address(state, kind) for kind in {str(each.kind) for each in served.values()}}
    values = values_of(Path(main.path))
    versions = {name: _version(Path(main.path), each) for name, each in resources.items()}
    of_main, own = Named(main, names[main.id]), Named(worktree, names[worktree.id])
    return tuple(planned(resources, values, main=of_main, own=own, versions=versions, servers=servers))


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
    return Outcome(each.name, each.wanted.kind, each.wanted.name, _made(each, _work(each, ledger, hosts, expected)))


def refresh(each: Planned, ledger: Ledger, *, hosts: Collection[str] = (), expected: str = "") -> Made | Failure:
    """Make a resource's template again where the main checkout's database has changed, even while that is in use."""
    return making.refresh(_work(each, ledger, hosts, expected))


def reset(each: Planned | Unplanned, ledger: Ledger, *, hosts: Collection[str] = (), expected: str = "") -> Outcome:
    """Drop a worktree's resource and make it afresh, and return what has become of it."""
    if isinstance(each, Planned):
        if failure := _started(each, ledger):
            return Outcome(each.name, each.wanted.kind, each.wanted.name, failure)
        if failure := making.refused(_work(each, ledger, hosts, expected)):
            return Outcome(each.name, each.wanted.kind, each.wanted.name, failure)
        for record in ledger.records():
            if (record.worktree, record.resource, record.use) == (each.wanted.worktree, each.name, OWN):
                failure = making.drop(ledger, kind(record.kind), each.connection, record)
                if failure:
                    return Outcome(each.name, record.kind, record.name, failure)
    return provide(each, ledger, hosts=hosts, expected=expected)


def _made(each: Planned, work: Work) -> Made | Failure:
    """Make a resource, and before it what it has to have: a server of the router's own, and main's database there."""
    if failure := _started(each, work.ledger):
        return failure
    if each.original and isinstance(original := making.make(replace(work, wanted=each.original)), Failure):
        return original
    return making.make(work)


def _started(each: Planned, ledger: Ledger) -> Failure | None:
    """Have the server of a resource run where it is the router's own; return why it does not."""
    try:
        if is_served(each.settings):
            running.ensure(ledger.file.parent, each.wanted.kind)
    except RouterError as exc:
        return making.failure(exc)
    return None


def _work(each: Planned, ledger: Ledger, hosts: Collection[str], expected: str) -> Work:
    order = Order(largest=each.settings.largest, work=ledger.file.parent / "data", tools=_tools(each))
    return Work(each.wanted, kind(each.wanted.kind), each.connection, ledger, order, hosts, expected)


def _tools(each: Planned) -> tuple[Path, ...] | None:
    """Return where the programs of a server are sought: those of the router's own come with it."""
    try:
        return (running.program(each.wanted.kind).folder(),) if is_served(each.settings) else None
    except RouterError:
        return None

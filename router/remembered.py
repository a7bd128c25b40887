"""What is remembered between passes and restarts: names and ports that were given out, and worktrees that are gone."""

from collections.abc import Collection, Mapping

from router.model import WorktreeId
from router.values import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class RememberedService:
    """What is remembered of one service of a worktree.

    `port` is where it was last routed, by `source`; `address` and `tls` are those of the last server seen there.
    `declared` is the port its files named then: another one there means that the memory is out of date. `assigned` is
    the port that its strategy once gave it, by `rule`; `env_port` the one that the worktree's environment has. `found`
    is whether a server of such a service was ever found in any worktree of the repository. `handed_out` is the one of
    these ports that somebody asked for: what listens there is this worktree's, if it is nobody else's.
    """

    port: int
    source: str
    address: str = "127.0.0.1"
    tls: bool = False
    program: str | None = None
    declared: int | None = None
    assigned: int | None = None
    rule: str = "hash"
    env_port: int | None = None
    found: bool = False
    handed_out: int | None = None


@dataclass(frozen=True, slots=True)
class LostName:
    """A name that a worktree had, and since when it has it no more, in seconds since the epoch.

    It `stays` where it was the label until then and is an alias for good.
    """

    name: str
    since: float
    stays: bool = False


@dataclass(frozen=True, slots=True)
class RememberedWorktree:
    """What is remembered of one worktree: its label, for which branch, and its services.

    `wanted` is the label that its branch asked for, empty where another worktree has been given the label since.
    `project` and `scope` are what it is called in shared servers, `repository` is its repository's name; `own_database`
    is the database that the files of a main checkout name. `path` and `aliases` are those of the last pass that routed
    it. `earlier` are those of the aliases that were its label before that became
    the natural one; `former` are the names that it had before, among `aliases` while they still lead to it.
    `waiting_since` is since when the natural label has been free while it has another, in seconds since the epoch.
    """

    id: WorktreeId
    label: str
    branch: str | None
    wanted: str
    services: Mapping[str, RememberedService] = field(default_factory=dict)
    repository: str = ""
    index: int | None = None
    project: str = ""
    scope: str = ""
    own_database: str = ""
    path: str = ""
    aliases: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    former: tuple[LostName, ...] = ()
    waiting_since: float | None = None


@dataclass(frozen=True, slots=True)
class GoneWorktree:
    """What is remembered of a worktree that is gone: whose processes may be left, and whose names are not free yet.

    `path` is where it was (empty in what 0.1.0 remembered), `names` are its label and aliases, without those that
    another worktree has been given since. `project` and `scope` are what it was called in shared servers. `since` is
    when it was first seen to be gone, in seconds since the epoch.
    """

    id: WorktreeId
    path: str
    repository: str
    branch: str | None
    names: tuple[str, ...]
    since: float
    project: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What must survive between passes and restarts."""

    repositories: tuple[str, ...] = ()
    worktrees: tuple[RememberedWorktree, ...] = ()
    gone: tuple[GoneWorktree, ...] = ()


def without_waits(memory: Memory, commons: Collection[str]) -> Memory:
    """Return a memory in which the worktrees of these repositories wait no longer for a name that is free.

    `commons` are the common directories of the repositories.
    """
    return replace(memory, worktrees=tuple(_without_wait(each, commons) for each in memory.worktrees))


def _without_wait(known: RememberedWorktree, commons: Collection[str]) -> RememberedWorktree:
    waits = known.id.common_dir in commons and known.wanted not in ("", known.label)
    return replace(known, waiting_since=0.0) if waits else known

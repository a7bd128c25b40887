"""What a checkout's files say of its services, of all files together: names, folders, ports, and who says so."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from router.launch.tree import Tree
from router.model import Declaration
from router.observe.projects import agents, apps, claude, editors, mise_tasks, procfile
from router.observe.projects.checkout import checkout
from router.observe.projects.roles import named
from router.observe.projects.said import Said, Service, Shared, Step
from router.values import dataclass

FILES = (
    claude.FILE, *procfile.FILES, "package.json", "pnpm-workspace.yaml", editors.LAUNCH, editors.TASKS,
    *editors.CONTAINERS, *agents.FILES,
)  # fmt: skip
"""The files at fixed places that are read, besides mise's."""

_MOST = 20  # services of a checkout
_ROLES = frozenset({"web", "api"})


@dataclass(frozen=True, slots=True)
class Project:
    """What the files of a checkout say: `services` strongest first, what new worktrees share, and what is run there.

    Several services may have one name: each file says something of it. `names` are those that the checkout has.
    """

    services: tuple[Service, ...] = ()
    shared: tuple[Shared, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the services, each once."""
        return tuple(dict.fromkeys(each.name for each in self.services))

    def of(self, name: str) -> tuple[Service, ...]:
        """Return what the files say of a service, the strongest first."""
        return tuple(each for each in self.services if each.name == name)

    def folder(self, name: str) -> str:
        """Return the directory that a service works in, empty for the checkout itself."""
        return next((each.folder for each in self.of(name) if each.folder), "")

    def declarations(self) -> tuple[Declaration, ...]:
        """Return the ports that the files fix, the strongest first."""
        return tuple(
            Declaration(each.name, each.port, each.source, each.name, str(each.port))
            for each in self.services
            if each.port
        )


def project(root: Path) -> Project:
    """Return what the files of the checkout at `root` say; nothing of them is run. Raises nothing."""
    return read(checkout(root))


def read(files: Tree, *, more: Iterable[Service] = ()) -> Project:
    """Return what files say of a project; `more` are services that other files name, which count last.

    The files that name services come first, each with names of its own: Claude Code's, then Procfiles, then packages.
    What editors, task runners and agent tools say counts for services that these have, and for `web` and `api`.
    """
    of_packages = tuple(apps.services(files))
    strong = [*named(tuple(claude.services(files))), *named(tuple(procfile.services(files))), *named(of_packages)]
    every = (*_others(files), tuple(more))
    groups = [tuple(each for each in group if isinstance(each, Service)) for group in every]
    names = {each.name for each in strong} | _ROLES
    weak = [each for group in groups for each in named(group) if each.name in names]
    kept = set(list(dict.fromkeys(each.name for each in (*strong, *weak)))[:_MOST])
    return Project(
        tuple(each for each in (*strong, *weak) if each.name in kept),
        tuple(_once(each for group in every for each in group if isinstance(each, Shared))),
        tuple(each for group in every for each in group if isinstance(each, Step)),
    )


def _others(files: Tree) -> Iterator[tuple[Said, ...]]:
    yield tuple(claude.shared(files))
    yield tuple(editors.debug_runs(files))
    yield tuple(mise_tasks.services(files))
    for tool in (agents.conductor, agents.cursor, agents.codex, agents.superset, agents.emdash):
        yield tuple(tool(files))
    yield tuple(editors.forwarded(files))


def _once(shared: Iterable[Shared]) -> Iterator[Shared]:
    seen: set[str] = set()
    for each in shared:
        if each.path not in seen:
            seen.add(each.path)
            yield each

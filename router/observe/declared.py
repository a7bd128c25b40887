"""What all files of a worktree say of its services: env files, those of its packages, and other tools' files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from router.model import Declaration, Problem, ServiceSpec, Worktree
from router.observe import envfiles
from router.observe.projects.project import Project, project
from router.values import replace


def with_files(worktree: Worktree, specs: Sequence[ServiceSpec], *, before: Iterable[Declaration] = ()) -> Worktree:
    """Return a worktree with the services that its own files name, and what they say of ports, strongest first.

    `specs` are the services of every worktree. The env files of a package say most of its service, as its server reads
    them; then come those of the worktree, and last the ports that files of other tools fix. Where the system fails to
    read a file, what it said in `before` stands.
    """
    before = tuple(before)
    found = project(Path(worktree.path))
    known = {spec.name for spec in specs}
    own = tuple(ServiceSpec(name) for name in found.names if name not in known | {"web", "api"})
    named = known | {spec.name for spec in own}
    of_packages, wrong = _of_packages(worktree, found, (*specs, *own), before)
    said, problems = envfiles.declarations(Path(worktree.path), (*specs, *own), before=before)
    fixed = (each for each in found.declarations() if each.service in named)
    return replace(
        worktree,
        services=own,
        declared=(*of_packages, *said, *fixed),
        problems=(*worktree.problems, *problems, *wrong),
    )


def _of_packages(
    worktree: Worktree, found: Project, specs: Sequence[ServiceSpec], before: Sequence[Declaration]
) -> tuple[tuple[Declaration, ...], tuple[Problem, ...]]:
    """Return what the env files in the directories of services say of their ports; `PORT` is their server's there."""
    said: list[Declaration] = []
    problems: list[Problem] = []
    for spec in specs:
        folder = found.folder(spec.name)
        if folder:
            earlier = (replace(each, source=each.source.replace(f"{folder}/", "", 1)) for each in before)
            variables = (*dict.fromkeys((*spec.env, "PORT")),)
            there = Path(worktree.path, folder)
            more, wrong = envfiles.declarations(there, (ServiceSpec(spec.name, variables),), before=earlier)
            said += (replace(each, source=each.source.replace(":", f":{folder}/", 1)) for each in more)
            problems += wrong
    return tuple(said), tuple(problems)

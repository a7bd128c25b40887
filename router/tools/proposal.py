"""A `router.toml` as the files of a checkout suggest it: each line with the file that it comes from."""

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from router.observe.projects.project import Project
from router.observe.projects.said import Service, Shared, Step
from router.repository_settings import RepositorySettings
from router.resource_settings import LONGEST_COMMAND, words
from router.text import shown
from router.tools.toml_edit import quoted

_HEAD = """\
# Proposed by `router init`: what other files of this checkout say, each line with the file that it comes from.
# Remove what is not right. `router start` runs a `run`, once `router allow` has shown it; comments are only to be seen.
"""
_LONGEST = 200  # characters of a command that are shown
_MOST = 100  # paths


def proposed(
    project: Project, *, branch: str | None, reserved: Collection[int], there: RepositorySettings | None = None
) -> str:
    """Return the text of a `router.toml`, or what the one that is `there` lacks; empty where that is nothing.

    `branch` is that of the main checkout, whose ports the fixed ones are; `reserved` are the router's own.
    """
    settings = there or RepositorySettings()
    runs = _runs(project, settings)
    parts = [
        _start(name, runs) if name in settings.services else _service(project.of(name), name, runs.get(name))
        for name in project.names
    ]
    parts.append(_setup(project, settings))
    if branch:
        ports = settings.worktrees[branch].ports if branch in settings.worktrees else {}
        parts.append(_ports(project, branch, left_out={*ports}, reserved=reserved))
    found = [part for part in parts if part]
    return "\n".join([_HEAD, *found] if there is None else found) if found else ""


def _runs(project: Project, settings: RepositorySettings) -> dict[str, tuple[str, Service]]:
    """Return the command of each service that has none yet, and who says it: the strongest that can be run.

    What starts several services stands for the first of them alone.
    """
    taken = {service.run for service in settings.services.values()}
    found: dict[str, tuple[str, Service]] = {}
    for name in project.names:
        lines = ((runnable(each.command), each) for each in project.of(name) if each.command)
        first = next((each for each in lines if each[0]), None)
        if first and first[0] not in taken and not (name in settings.services and settings.services[name].run):
            taken.add(first[0])
            found[name] = first
    return found


def _service(said: Sequence[Service], name: str, run: tuple[str, Service] | None) -> str:
    """Return a service with the command that starts it; the others that files say are comments."""
    lines = [f"[services.{name}]  # {_place(said[0])}", *([_run(run)] if run else [])]
    others = (each for each in said if each.command and not (run and runnable(each.command) == run[0]))
    lines += [f"# starts with: {_command(each.command)}  # {_place(each)}" for each in others]
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def _start(name: str, runs: Mapping[str, tuple[str, Service]]) -> str:
    """Return the command alone, for a service that is there; empty where it has one, or no file says any."""
    return f"[services.{name}]\n{_run(runs[name])}\n" if name in runs else ""


def _run(run: tuple[str, Service]) -> str:
    return f"run = {quoted(run[0])}  # {_place(run[1])}"


def runnable(command: str) -> str:
    """Return a line of a file as `run` has it: by `sh -c` where it needs a shell; empty where it cannot be one."""
    plain = not re.search(r"[$`*?~\[]|(?:^|\s)#", command)
    lines = ([command] if plain else []) + [f"sh -c {shlex.quote(command)}"]
    return next((line for line in lines if len(line) <= LONGEST_COMMAND and _is_command(line)), "")


def _is_command(line: str) -> bool:
    try:
        words(line)
    except ValueError:
        return False
    return True


def _setup(project: Project, settings: RepositorySettings) -> str:
    """Return what new worktrees get. What other tools run in them stands as comments."""
    setup = settings.setup
    new = [each for each in project.shared if each.path not in {*setup.link, *setup.copies, *setup.clone}]
    lines = [line for how in ("link", "copy") for line in _paths(how, (each for each in new if each.how == how))]
    if not lines and setup != RepositorySettings().setup:
        return ""
    lines += [f"# also run there: {_command(each.command)}  # {_place(each)}" for each in project.steps]
    return "".join(f"{line}\n" for line in ["[setup]", *lines]) if lines else ""


def _paths(key: str, shared: Iterable[Shared]) -> Iterator[str]:
    paths = [f"    {quoted(each.path)},  # {_place(each)}" for each in islice(shared, _MOST)]
    yield from [f"{key} = [", *paths, "]"] if paths else []


def _ports(project: Project, branch: str, *, left_out: set[str], reserved: Collection[int]) -> str:
    """Return the ports of the main checkout: those that files fix for every worktree, of which one can have them."""
    lines = []
    for name in (name for name in project.names if name not in left_out):
        fixed = (each for each in project.of(name) if each.port and each.port not in reserved)
        if first := next(fixed, None):
            lines.append(f"{name} = {first.port}  # {_place(first)}")
    header = f"[worktrees.{quoted(branch)}.ports]"
    return "".join(f"{line}\n" for line in [header, *lines]) if lines else ""


def _place(said: Service | Shared | Step) -> str:
    return f"{shown(said.file)}, line {said.line}"


def _command(command: str) -> str:
    text = shown(command)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"

"""A `router.toml` as the files of a checkout suggest it: each line with the file that it comes from."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from router.naming import shown
from router.observe.projects.project import Project
from router.observe.projects.said import Service, Shared, Step
from router.repository_settings import RepositorySettings
from router.tools.toml_edit import quoted

_HEAD = """\
# Proposed by `router init`: what other files of this checkout say, each line with the file that it comes from.
# Remove what is not right. Commands stand here to be seen; nothing runs them.
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
    services = [name for name in project.names if name not in settings.services]
    parts = [_service(project.of(name), name) for name in services]
    parts.append(_setup(project, settings))
    if branch:
        ports = settings.worktrees[branch].ports if branch in settings.worktrees else {}
        parts.append(_ports(project, branch, left_out={*ports}, reserved=reserved))
    found = [part for part in parts if part]
    return "\n".join([_HEAD, *found] if there is None else found) if found else ""


def _service(said: Iterable[Service], name: str) -> str:
    lines: list[str] = []
    for each in said:
        if not lines:
            lines.append(f"[services.{name}]  # {_place(each)}")
        if each.command:
            lines.append(f"# starts with: {_command(each.command)}  # {_place(each)}")
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


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

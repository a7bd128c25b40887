"""What the files of agent tools say: Conductor, Cursor, Codex, Superset and emdash prepare and start worktrees."""

from collections.abc import Iterator, Mapping
from typing import Any

from router import jsonc
from router.launch.tree import Tree
from router.observe.projects import setup
from router.observe.projects.said import Said, Service
from router.observe.projects.servers import fixed_port, of_line, only
from router.observe.projects.values import entries, line_of, lines, port, table, text, texts
from router.toml_reader import read_toml

CONDUCTOR, CONDUCTOR_JSON = ".conductor/settings.toml", "conductor.json"
CURSOR, CURSOR_CLOUD = ".cursor/worktrees.json", ".cursor/environment.json"
CODEX = ".codex/environments/environment.toml"
SUPERSET, SUPERSET_PORTS = ".superset/config.json", ".superset/ports.json"
EMDASH = ".emdash.json"
FILES = (CONDUCTOR, CONDUCTOR_JSON, CURSOR, CURSOR_CLOUD, CODEX, SUPERSET, SUPERSET_PORTS, EMDASH)


def conductor(files: Tree) -> Iterator[Said]:
    """Yield what Conductor runs in a workspace; `conductor.json` counts where its newer file is not there."""
    if (content := files.read(CONDUCTOR)) is not None:
        document = toml(content)
        yield from _scripts(table(document.get("scripts")), CONDUCTOR, content, files)
        for task in list(table(document.get("tasks")).values())[:20]:
            yield from _started(table(task).get("command"), CONDUCTOR, content, files)
    elif content := files.read(CONDUCTOR_JSON):
        yield from _scripts(table(jsonc.read(content).get("scripts")), CONDUCTOR_JSON, content, files)


def cursor(files: Tree) -> Iterator[Said]:
    """Yield what Cursor runs in a worktree, and the terminals of its cloud agents."""
    content = files.read(CURSOR) or ""
    document = jsonc.read(content)
    wanted = document.get("setup-worktree-unix", document.get("setup-worktree"))
    if isinstance(wanted, list):  # a text is the path of a script, which is not read
        yield from setup.said(lines(wanted), file=CURSOR, text=content)
    content = files.read(CURSOR_CLOUD) or ""
    document = jsonc.read(content)
    yield from setup.said(lines(document.get("install")), file=CURSOR_CLOUD, text=content)
    for terminal in entries(document.get("terminals")):
        name = text(terminal.get("name"))
        yield from _started(terminal.get("command"), CURSOR_CLOUD, content, files, name=name)


def codex(files: Tree) -> Iterator[Said]:
    """Yield what Codex runs in a worktree, and its buttons that start something."""
    content = files.read(CODEX) or ""
    document = toml(content)
    yield from setup.said(lines(table(document.get("setup")).get("script")), file=CODEX, text=content)
    for action in entries(document.get("actions")):
        yield from _started(action.get("command"), CODEX, content, files)


def superset(files: Tree) -> Iterator[Said]:
    """Yield what Superset runs in a workspace, and the ports that it has labels for."""
    content = files.read(SUPERSET) or ""
    document = jsonc.read(content)
    yield from setup.said(lines(document.get("setup")), file=SUPERSET, text=content)
    for line in lines(document.get("run")):
        yield from _started(line, SUPERSET, content, files)
    content = files.read(SUPERSET_PORTS) or ""
    for entry in entries(jsonc.read(content).get("ports")):
        name, number = text(entry.get("label")), port(entry.get("port"))
        if name and number:
            yield Service(name, "launch", SUPERSET_PORTS, jsonc.line_of(content, name), number)


def emdash(files: Tree) -> Iterator[Said]:
    """Yield what emdash keeps from the main checkout, and what it runs."""
    content = files.read(EMDASH) or ""
    document = jsonc.read(content)
    for pattern in texts(document.get("preservePatterns")):
        yield from setup.path(pattern, file=EMDASH, line=jsonc.line_of(content, pattern))
    yield from _scripts(table(document.get("scripts")), EMDASH, content, files)


def toml(content: str) -> Mapping[str, Any]:
    """Return a TOML text as plain values, nothing where it is none."""
    try:
        return read_toml(content)
    except ValueError:
        return {}


def _scripts(scripts: Mapping[str, Any], file: str, content: str, files: Tree) -> Iterator[Said]:
    yield from setup.said(lines(scripts.get("setup")), file=file, text=content)
    for line in lines(scripts.get("run")):
        yield from _started(line, file, content, files)


def _started(command: object, file: str, content: str, files: Tree, *, name: str = "") -> Iterator[Service]:
    """Yield the server that a command starts."""
    for line in lines(command):
        if members := of_line(line, files, folder="", name=name):
            member = only(members)
            number = line_of(content, line)
            yield Service(
                name, "launch", file, number, fixed_port(member), line, member.at.folder if member else "", member
            )

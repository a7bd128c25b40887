"""Claude Code's `.claude/launch.json`: the servers of its preview, with their ports and commands."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from router import jsonc
from router.launch.tree import Tree
from router.observe.projects import setup
from router.observe.projects.said import Service, Shared
from router.observe.projects.servers import fixed_port, inner_folder, of_words, only, typed_in
from router.observe.projects.values import entries, port, table, text, texts

FILE, SETTINGS = ".claude/launch.json", ".claude/settings.json"


def services(files: Tree) -> Iterator[Service]:
    """Yield its configurations; one with `autoPort: true` takes a free port, so that its `port` is nobody's."""
    content = files.read(FILE)
    for entry in entries(jsonc.read(content).get("configurations")):
        name, folder, words = text(entry.get("name")), inner_folder(entry.get("cwd")), _words(entry)
        if not name or folder is None or only_looks(entry):
            continue
        member = only(of_words(words, files, folder=folder, name=name)) if words else None
        number = None if entry.get("autoPort") is True else port(entry.get("port")) or fixed_port(member)
        command = typed_in(folder, shlex.join(words)) if words else ""
        if number or words:
            line = jsonc.line_of(content, name, behind="configurations")
            yield Service(name, "launch", FILE, line, number, command, folder, member)


def shared(files: Tree) -> Iterator[Shared]:
    """Yield the directories that Claude Code links into its worktrees (`worktree.symlinkDirectories`)."""
    content = files.read(SETTINGS)
    for written in texts(table(jsonc.read(content).get("worktree")).get("symlinkDirectories")):
        yield from setup.path(written, file=SETTINGS, line=jsonc.line_of(content, written), how="link")


def _words(entry: Mapping[str, Any]) -> tuple[str, ...]:
    if program := text(entry.get("runtimeExecutable")):
        return (program, *texts(entry.get("runtimeArgs")))
    script = text(entry.get("program"))
    return ("node", script, *texts(entry.get("args"))) if script else ()


def only_looks(entry: Mapping[str, Any]) -> bool:
    """Tell whether an entry only looks at what is running, as the one of `router init claude` does."""
    return not _words(entry) and text(entry.get("url")).partition(".localhost")[1] != ""

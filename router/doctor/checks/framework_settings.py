"""Whether the frameworks of each worktree accept its hosts, and the line that their configuration lacks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from router.doctor import projects
from router.doctor.findings import Finding
from router.doctor.frameworks.found import frameworks
from router.doctor.frameworks.framework import Framework
from router.document import Document
from router.text import shown


def check(status: Document) -> Iterator[Finding]:
    """Yield each framework of each worktree, with the line that is missing."""
    port = urlsplit(status["origin"]).port or 80
    for worktree in status["worktrees"]:
        # Only services other than `web` have a host of two labels, which some frameworks refuse
        deep = {s["program"] for name, s in worktree["services"].items() if name != "web" and s["up"]}
        for directory, files in projects.projects(Path(worktree["path"])):
            for framework in frameworks(files, port=port):
                yield _need(framework, directory, worktree["name"], deep=bool(framework.programs & deep))


def _need(framework: Framework, directory: str, worktree: str, *, deep: bool) -> Finding:
    """Return what a framework needs; `deep` is whether a server of it runs at a host of two labels."""
    root = directory == "."
    name = framework.name if root else f"{framework.name} in {shown(directory)}"
    file = shown(framework.file if root else f"{directory}/{framework.file}")
    level: Literal["ok", "warn"] = "ok" if framework.deep and not deep else "warn"
    if framework.deep:
        name += " works at <label>.localhost; at <service>.<label>.localhost"
    if framework.unsure:
        message = f"{name}: cannot be told, as {framework.unsure}; see {file}"
        return Finding(level, "framework", message, framework.look, worktree)
    if not framework.without:
        return Finding("ok", "framework", f"{name} needs nothing", worktree=worktree)
    if framework.deep:
        return Finding(
            level, "framework", f"{name} {framework.without}, unless {file} has this line", framework.line, worktree
        )
    missing = f"{file} lacks this line" if framework.line else f"see {file}"
    return Finding("warn", "framework", f"{name}: {framework.without}; {missing}", framework.line, worktree)

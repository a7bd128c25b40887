"""Whether files of a worktree fix ports that keep a second worktree's servers from starting."""

from collections.abc import Iterator
from pathlib import Path

from router.doctor.findings import Finding
from router.doctor.fixed_ports import fixed_ports
from router.document import Document
from router.observe.projects.checkout import checkout
from router.text import shown

_MOST = 50  # of a worktree


def check(status: Document) -> Iterator[Finding]:
    """Yield each fixed port of each worktree, with file and line, and what to write there."""
    for worktree in status["worktrees"]:
        found = fixed_ports(checkout(Path(worktree["path"])))
        for each, _ in zip(dict.fromkeys(found), range(_MOST), strict=False):
            message = f"{shown(each.file)}, line {each.line} fixes port {each.port}: {each.without}"
            yield Finding("warn", "ports", message, shown(each.instead), worktree["name"])

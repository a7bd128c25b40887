"""The status document as a table for people, and what is wrong below it."""

import sys
from collections.abc import Iterator
from typing import Any

from router.ports import STRATEGIES
from router.status import Document, problems

_WIDE = 10_000  # columns of a pipe: nothing that reads it wants folded cells


def print_status(status: Document) -> None:
    """Print the table on stdout and the problems below it on stderr."""
    from rich.console import Console  # `url` and `status --json` start without it

    out = Console() if sys.stdout.isatty() else Console(width=_WIDE)
    out.print(_table(status))
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in notes(status):
        errors.print(line, markup=False, emoji=False)


def renderable(status: Document) -> Any:
    """Return the table and the lines below it as something rich shows in place."""
    from rich.console import Group
    from rich.text import Text

    return Group(_table(status), *(Text(line) for line in notes(status)))


def _table(status: Document) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in ("NAME", "URL", "BRANCH", "PORT", "SOURCE", ""):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"NAME", "URL", "PORT"})
    several = len({worktree["repository"] for worktree in status["worktrees"]}) > 1
    repository = None
    for worktree in sorted(status["worktrees"], key=lambda w: (w["repository"], w["name"]) if several else w["name"]):
        if several and worktree["repository"] != repository:
            repository = worktree["repository"]
            table.add_row(Text(repository, style="bold"))
        for cells in _rows(worktree):
            table.add_row(*(Text(text, style=style) for text, style in cells))
    return table


def _rows(worktree: Document) -> Iterator[list[tuple[str, str]]]:
    branch = worktree["branch"] or ("(detached)" if worktree["detached"] else "")
    for name, service in worktree["services"].items():
        if name != "web" and not service["up"] and service["source"] in STRATEGIES:
            continue
        first = name == "web"
        up = f"up {service['program'] or ''} {service['pid'] or ''}".rstrip() if service["up"] else "down"
        yield [
            (worktree["name"] if first else f"  {name}", ""),
            (service["url"], "cyan"),
            (branch if first else "", ""),
            (str(service["port"]), ""),
            (service["source"], "dim"),
            (up, "green" if service["up"] else "dim"),
        ]


def notes(status: Document) -> Iterator[str]:
    """Yield the lines below the table: what is wrong and what to do, then where sign-ins come back."""
    if not status["worktrees"]:
        yield "no worktree is routed"
    for problem in problems(status):
        of = f"{problem['name']}: " if problem["name"] else ""
        yield f"{problem['severity']}: {of}{problem['message']} [{problem['kind']}]"
        if problem["hint"]:
            yield f"  → {problem['hint']}"

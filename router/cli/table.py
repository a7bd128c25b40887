"""The status document as a table for people, with what is wrong below it."""

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from router.cli.output import Output
from router.naming import shown
from router.ports import STRATEGIES
from router.status import Document, problems, source_text

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_WIDE = 10_000  # columns of a pipe: whoever reads it wants one line for each service


def output(status: Document, *notes: str, up_first: bool = False) -> Output:
    """Return the table for standard output, the problems and then these notes for standard error.

    With `up_first` the worktrees with a server come before those without one, in each repository.
    """
    from rich.console import Console  # `url` and `status --json` start without it

    console = Console() if sys.stdout.isatty() else Console(width=_WIDE)
    with console.capture() as capture:
        console.print(_table(status, up_first=up_first))
    return Output(capture.get(), (*_memory_lines(status), *_problems(status), *notes))


def renderable(status: Document) -> "Group":
    """Return the table and the problems below it as something that rich shows in place."""
    from rich.console import Group
    from rich.text import Text

    return Group(_table(status), *(Text(line) for line in (*_memory_lines(status), *_problems(status))))


def problem_lines(problem: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a problem of the status document: what is wrong, and below it what to do."""
    worktree = f"{problem['name']}: " if problem.get("name") else ""
    yield shown(f"{problem['severity']}: {worktree}{problem['message']} [{problem['kind']}]")
    if problem["hint"]:
        yield shown(f"  → {problem['hint']}")


def _problems(status: Document) -> Iterator[str]:
    if not status["worktrees"]:
        yield "no worktree is routed"
    for problem in problems(status):
        yield from problem_lines(problem)


def _table(status: Document, *, up_first: bool = False) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in ("NAME", "URL", "BRANCH", "PORT", "SOURCE", *(["MEMORY"] if "memory" in status else []), ""):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"NAME", "URL", "PORT", "MEMORY"})
    several = len({worktree["repository"] for worktree in status["worktrees"]}) > 1
    repository = None

    def place(worktree: Document) -> tuple[str, bool, str]:
        is_up = any(service["up"] for service in worktree["services"].values())
        return worktree["repository"] if several else "", up_first and not is_up, worktree["name"]

    for worktree in sorted(status["worktrees"], key=place):
        if several and worktree["repository"] != repository:
            repository = worktree["repository"]
            table.add_row(Text(repository, style="bold"))
        for cells in _rows(worktree):
            table.add_row(*(Text(text, style=style) for text, style in cells))
    for cells in _orphans(status):
        table.add_row(*(Text(text, style=style) for text, style in cells))
    return table


def _rows(worktree: Document) -> Iterator[list[tuple[str, str]]]:
    """Yield the cells, as text and style, of each service that is up or that somebody named."""
    branch = worktree["branch"] or ("(detached)" if worktree["detached"] else "")
    for name, service in worktree["services"].items():
        if name != "web" and not service["up"] and service["source"] in STRATEGIES:
            continue
        web = name == "web"
        state = f"up {service['program'] or ''} {service['pid'] or ''}".rstrip() if service["up"] else "down"
        yield [
            (worktree["name"] if web else f"  {name}", ""),
            (service["url"], "cyan"),
            (branch if web else "", ""),
            (str(service["port"]), ""),
            (source_text(service["source"], service["program"]), "dim"),
            *_memory(worktree if web else service, asked="memory" in worktree),
            (state, "green" if service["up"] else "dim"),
        ]


def _orphans(status: Document) -> Iterator[list[tuple[str, str]]]:
    """Yield the cells of each process whose worktree is gone."""
    for orphan in status.get("orphans", ()):
        from router.processes.words import duration

        yield [
            (f"{shown(orphan['worktree'])} (gone)", "yellow"),
            ("", ""),
            ("", ""),
            (", ".join(map(str, orphan["ports"])), ""),
            ("left over", "dim"),
            *_memory({"memory": {"bytes": orphan["memory"]}}, asked="memory" in status),
            (f"up {orphan['program'] or ''} {orphan['pid']} for {duration(orphan['age_s'])}", "yellow"),
        ]


def _memory(of: Document, *, asked: bool) -> list[tuple[str, str]]:
    """Return the cell for the memory of a worktree, a service or a process; none where nobody asked for it."""
    if not asked:
        return []
    from router.processes.words import size

    used = of.get("memory", {}).get("bytes", 0)
    return [(size(used) if used else "", "")]


def _memory_lines(status: Document) -> Iterator[str]:
    """Yield what memory all worktrees use together, and what of it `router stop` would give back."""
    if total := status.get("memory"):
        from router.processes.words import size

        kept = ", ".join(f"{role} {size(used)}" for role, used in total["shown"].items())
        yield (
            f"memory: {size(total['bytes'])} ({total['kind']}) in {total['processes']} processes and "
            f"{total['containers']} containers; `router stop` would give back {size(total['reclaimable'])}"
            f"{f'; the rest is of: {kept}' if kept else ''}"
        )

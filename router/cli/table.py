"""The status document as a table for people, with what is wrong below it."""

import io
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from router.cli.output import Output
from router.document import Document, passing, problems
from router.status import source_text
from router.text import clock, shown

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

_STYLES = {"up": "green", "not answering": "yellow", "starting": "yellow", "failed": "red"}
_WIDE = 10_000  # columns of a pipe: whoever reads it wants one line for each service


def output(status: Document, *notes: str, verbose: bool = False) -> Output:
    """Return the table for standard output, the problems and then these notes for standard error.

    On a terminal it has the columns that fit one of 80 characters, unless it is to be `verbose`.
    """
    from rich.console import Console  # `url` and `status --json` start without it

    console = Console() if sys.stdout.isatty() else Console(file=io.StringIO(), width=_WIDE)
    with console.capture() as capture:
        console.print(_table(status, whole=verbose or not sys.stdout.isatty()))
    return Output(capture.get(), (*_server_lines(status), *_memory_lines(status), *_problems(status), *notes))


def renderable(status: Document, *, verbose: bool = False, chosen: str | None = None) -> "Group":
    """Return the table and the problems below it as something that rich shows in place; `verbose` as in `output`.

    The first line of the worktree that is `chosen` is reversed.
    """
    from rich.console import Group
    from rich.text import Text

    lines = (*_server_lines(status), *_memory_lines(status), *_problems(status))
    return Group(_table(status, whole=verbose, chosen=chosen), *map(Text, lines))


def ordered(status: Document) -> list[Document]:
    """Return the worktrees as they stand in the table: by repository, those with a server first."""
    several = _several(status)

    def place(worktree: Document) -> tuple[str, bool, str]:
        is_up = any(service["up"] for service in worktree["services"].values())
        return worktree["repository"] if several else "", not is_up, worktree["name"]

    return sorted(status["worktrees"], key=place)


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


def _table(status: Document, *, whole: bool, chosen: str | None = None) -> "Table":
    """Return the table, its worktrees with a server before those without one, in each repository."""
    from rich.table import Table
    from rich.text import Text

    headings = ("NAME", "URL", "BRANCH", "PORT", "SOURCE", *(["MEMORY"] if "memory" in status else []), "")
    shown_ones = [place for place, heading in enumerate(headings) if whole or heading not in _left_out(status)]
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in (headings[place] for place in shown_ones):
        table.add_column(heading, overflow="fold", no_wrap=whole and heading in {"NAME", "URL", "PORT", "MEMORY"})
    for cells in _all_rows(status, chosen):
        row = [cells[place] for place in shown_ones if place < len(cells)]
        table.add_row(*(Text(text if whole else text.removeprefix("http://"), style=style) for text, style in row))
    return table


def _left_out(status: Document) -> set[str]:
    """Return the columns without which a table does: where a port comes from, and branches that are called alike."""
    alike = all(tree["branch"] == tree["name"] for tree in status["worktrees"])
    return {"SOURCE", "BRANCH"} if alike else {"SOURCE"}


def _several(status: Document) -> bool:
    return len({worktree["repository"] for worktree in status["worktrees"]}) > 1


def _all_rows(status: Document, chosen: str | None) -> Iterator[list[tuple[str, str]]]:
    several, repository = _several(status), None
    for worktree in ordered(status):
        if several and worktree["repository"] != repository:
            repository = worktree["repository"]
            yield [(repository, "bold")]
        for place, row in enumerate(_rows(worktree)):
            is_chosen = worktree["name"] == chosen and not place
            yield [(text, "reverse") for text, _ in row] if is_chosen else row
    yield from _orphans(status)


def _rows(worktree: Document) -> Iterator[list[tuple[str, str]]]:
    """Yield the cells, as text and style, of each service that there is."""
    branch = worktree["branch"] or ("(detached)" if worktree["detached"] else "")
    for name, service in worktree["services"].items():
        if not service.get("seen", True):
            continue
        web = name == "web"
        word = service.get("state", "up" if service["up"] else "down").replace("-", " ")  # 0.1.0 did not say it
        state = f"{word} {service['program'] or ''} {service['pid'] or ''}".rstrip() if service["up"] else word
        yield [
            (worktree["name"] if web else f"  {name}", ""),
            (service["url"], "cyan"),
            (branch if web else "", ""),
            (str(service["port"]), ""),
            (source_text(service["source"], service["program"]), "dim"),
            *_memory(worktree if web else service, asked="memory" in worktree),
            (_said(worktree, name, state), _STYLES.get(word, "dim")),
        ]
    yield from _passing(worktree)


def _passing(worktree: Document) -> Iterator[list[tuple[str, str]]]:
    """Yield the cells of each name that was the worktree's until lately, and leads to it for a while."""
    for name, until in passing(worktree).items():
        yield [
            (f"  {name}", "dim"),
            (worktree["url"].replace(f"//{worktree['name']}.", f"//{name}.", 1), "cyan"),
            ("", ""),
            ("", ""),
            ("name before", "dim"),
            *_memory({}, asked="memory" in worktree),
            (f"until {clock(datetime.fromisoformat(until).timestamp())}", "dim"),
        ]


def _said(worktree: Document, service: str, state: str) -> str:
    """Return the state of a service in words."""
    if state != "asleep":
        return state
    from router.cli.sleep_text import asleep

    return asleep(worktree, service, now=time.time())


def _orphans(status: Document) -> Iterator[list[tuple[str, str]]]:
    """Yield the cells of each process and container whose worktree is gone."""
    for orphan in status.get("orphans", ()):
        from router.processes.words import duration

        called = f"{orphan['program'] or ''} {orphan['pid'] or ''}".strip()
        state = "up" if orphan["runs"] else "stopped"
        yield [
            (f"{shown(orphan['worktree'])} (gone)", "yellow"),
            ("", ""),
            ("", ""),
            (", ".join(map(str, orphan["ports"])), ""),
            ("left over", "dim"),
            *_memory({"memory": {"bytes": orphan["memory"]}}, asked="memory" in status),
            (f"{state} {called} for {duration(orphan['age_s'])}", "yellow"),
        ]


def _memory(of: Document, *, asked: bool) -> list[tuple[str, str]]:
    """Return the cell for the memory of a worktree, a service or a process; none where nobody asked for it."""
    if not asked:
        return []
    from router.processes.words import size

    used = of.get("memory", {}).get("bytes", 0)
    return [(size(used) if used else "", "")]


def _server_lines(status: Document) -> Iterator[str]:
    """Yield which servers the router runs itself."""
    for each in status.get("data_servers", ()):
        yield f"{each['name']} runs on 127.0.0.1:{each['port']} (pid {each['pid']})"


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

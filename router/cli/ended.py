"""What `stop` and `reap` say of processes: which ended, which stay and why, as lines or as JSON."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from router.cli.output import Output
from router.naming import shown
from router.processes import orphans as left_over
from router.processes.end import NOT_ENDING, Ended
from router.processes.ending import Left
from router.processes.look import Process
from router.processes.orphans import Orphan
from router.processes.stop import Stopped
from router.processes.words import duration, size


def stopped(done: Mapping[str, Stopped], *, asked: bool, as_json: bool) -> Output:
    """Return what a stop came to, by the labels of worktrees.

    Its code is 1 where something runs on that should have ended; with `asked`, for one service or port, also where
    nothing but what is never ended was found there.
    """
    code = int(any(each.failed or _runs_on(each.ended, asked=asked) for each in done.values()))
    if as_json:
        return Output(
            _json({"worktrees": [{"name": name, **_stopped(each)} for name, each in done.items()]}), code=code
        )
    return Output(notes=tuple(f"{name}: {line}" for name, each in done.items() for line in _lines(each)), code=code)


def reaped(ended: Ended, *, as_json: bool) -> Output:
    """Return what a reap came to."""
    lines = (*_ended(ended, {}), *_left(ended.left))
    notes = lines or ("nothing is left over from worktrees that are gone",)
    return Output(_json(_facts(ended, {})) if as_json else "", () if as_json else notes, int(_runs_on(ended)))


def orphans(found: Sequence[Orphan], *, now: float, as_json: bool) -> Output:
    """Return orphans as a list, and what ends them."""
    entries = [left_over.entry(each, now=now) for each in found]
    if as_json:
        return Output(_json({"orphans": entries}))
    if not found:
        return Output(notes=("nothing is left over from worktrees that are gone",))
    stay = any(each.process.role for each in found)
    note = f"`router reap --yes` ends these{', but for those that are marked' if stay else ''}"
    return Output("".join(f"{line}\n" for line in _rows(map(_cells, entries))), (note,))


def _cells(entry: Mapping[str, Any]) -> tuple[str, ...]:
    ports = " ".join(map(str, entry["ports"])) or "-"
    stays = f"{entry['role']}: stays" if entry["role"] else ""
    return (
        shown(f"{entry['worktree']} ({entry['repository']})"), str(entry["pid"]), entry["program"] or "?", ports,
        size(entry["memory"]), duration(entry["age_s"]), stays,
    )  # fmt: skip


def _rows(cells: Iterable[tuple[str, ...]]) -> Iterator[str]:
    rows = [("WORKTREE", "PID", "PROGRAM", "PORT", "MEMORY", "AGE", ""), *cells]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _lines(stopped: Stopped) -> Iterator[str]:
    containers = [f"stopped the container {each.name}" for each in stopped.containers]
    yield from [*_ended(stopped.ended, stopped.ports), *containers] or ["nothing was running"]
    for failed in stopped.failed:
        yield shown(f"{failed.message}; {failed.hint}")
    yield from _left((*stopped.ended.left, *stopped.bystanders))


def _ended(ended: Ended, ports: Mapping[int, Sequence[int]]) -> Iterator[str]:
    killed = {each.id for each in ended.killed}
    for process in ended.processes:
        at = f" on {', '.join(map(str, ports[process.pid]))}" if process.pid in ports else ""
        yield f"{'killed' if process.id in killed else 'ended'} {_called(process)}{at}"


def _left(left: Iterable[Left]) -> Iterator[str]:
    return (f"left {_called(each.process)}: {each.why}" for each in left)


def _called(process: Process) -> str:
    return f"{process.program or 'a process'} (pid {process.pid})"


def _runs_on(ended: Ended, *, asked: bool = False) -> bool:
    return any(left.why == NOT_ENDING for left in ended.left) or bool(asked and ended.left and not ended.processes)


def _stopped(stopped: Stopped) -> dict[str, Any]:
    facts = _facts(stopped.ended, stopped.ports)
    facts["left"] += [_stays(each) for each in stopped.bystanders]
    failed = [shown(each.message) for each in stopped.failed]
    return {**facts, "containers": [each.name for each in stopped.containers], "failed": failed}


def _facts(ended: Ended, ports: Mapping[int, Sequence[int]]) -> dict[str, Any]:
    killed = {each.id for each in ended.killed}
    return {
        "ended": [
            {"pid": e.pid, "program": e.program, "ports": list(ports.get(e.pid, ())), "killed": e.id in killed}
            for e in ended.processes
        ],
        "left": [_stays(each) for each in ended.left],
    }


def _stays(left: Left) -> dict[str, Any]:
    return {"pid": left.process.pid, "program": left.process.program, "why": left.why}


def _json(document: Any) -> str:
    return f"{json.dumps(document, indent=2)}\n"

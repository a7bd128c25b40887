"""What `stop` and `reap` say of processes: which ended, which stay and why, as lines or as JSON."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from router.cli import output
from router.cli.output import Output
from router.processes import left_over
from router.processes.end import NOT_ENDING, Ended
from router.processes.ending import Left
from router.processes.left_over import LeftOver
from router.processes.look import Process
from router.processes.stop import Stopped
from router.processes.take_down import TakenDown
from router.processes.words import duration, size
from router.text import shown

_NOTHING = "nothing is left over from worktrees that are gone"


def stopped(done: Mapping[str, Stopped], *, asked: bool, as_json: bool, asleep: Collection[str] = ()) -> Output:
    """Return what a stop came to, by the labels of worktrees; those that are `asleep` now say so.

    Its code is 1 where something runs on that should have ended; with `asked`, for one service or port, also where
    nothing but what is never ended was found there.
    """
    code = int(any(each.failed or _runs_on(each.ended, asked=asked) for each in done.values()))
    if as_json:
        trees = [{"name": name, **facts(each), "asleep": name in asleep} for name, each in done.items()]
        return output.as_json({"worktrees": trees}, code=code)
    lines = [f"{name}: {line}" for name, each in done.items() for line in _lines(each)]
    sleeping = (f"{name}: sleeps until it is started, or visited where a visit wakes it" for name in asleep)
    return Output(notes=(*lines, *sleeping), code=code)


def facts(stopped: Stopped) -> dict[str, Any]:
    """Return for JSON which processes of a worktree ended, which stay and why, and its containers."""
    found = _facts(stopped.ended, stopped.ports)
    found["left"] += [_stays(each) for each in stopped.bystanders]
    failed = [shown(each.message) for each in stopped.failed]
    return {**found, "containers": [each.name for each in stopped.containers], "failed": failed}


def reaped(ended: Ended, down: TakenDown, *, as_json: bool) -> Output:
    """Return what a reap came to. Its code is 1 where something is still there that should be gone."""
    code = int(_runs_on(ended) or bool(down.failed))
    if as_json:
        return output.as_json({**_facts(ended, {}), **_taken_down(down)}, code=code)
    lines = (*_ended(ended, {}), *_left(ended.left), *_down_lines(down))
    return Output(notes=lines or (_NOTHING,), code=code)


def orphans(found: LeftOver, *, now: float, as_json: bool) -> Output:
    """Return what is left over as a list, and what ends it."""
    entries = left_over.entries(found, now=now)
    if as_json:
        return output.as_json({"orphans": entries})
    if not found:
        return Output(notes=(_NOTHING,))
    stay = any(each["role"] for each in entries)
    note = f"`router reap --yes` ends these{', but for those that are marked' if stay else ''}"
    return Output("".join(f"{line}\n" for line in _rows(map(_cells, entries))), (note,))


def _down_lines(down: TakenDown) -> Iterator[str]:
    yield from (f"removed the container {name}" for name in down.containers)
    yield from (f"removed the network {name}" for name in down.networks)
    yield from (f"removed the volume {name}" for name in down.volumes)
    yield from (f"left {shown(each.name)}: {each.why}" for each in down.kept)
    yield from (shown(f"{each.message}; {each.hint}") for each in down.failed)


def _taken_down(down: TakenDown) -> dict[str, Any]:
    return {
        "containers": list(down.containers),
        "networks": list(down.networks),
        "volumes": list(down.volumes),
        "kept": [{"name": shown(each.name), "why": each.why} for each in down.kept],
        "failed": [shown(each.message) for each in down.failed],
    }


def _cells(entry: Mapping[str, Any]) -> tuple[str, ...]:
    ports = " ".join(map(str, entry["ports"])) or "-"
    stays = f"{entry['role']}: stays" if entry["role"] else ""
    return (
        shown(f"{entry['worktree']} ({entry['repository']})"), str(entry["pid"] or "-"), entry["program"] or "?", ports,
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

"""Resources as tables and as JSON."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from router.data.known import Known
from router.data.ledger import Record
from router.data.lives import Action
from router.data.making import Failure
from router.data.retiring import Decided
from router.data.stock import Outcome
from router.model import WorktreeId
from router.processes.words import duration, size
from router.text import shown


def table(found: Sequence[Known], *, gone: Collection[WorktreeId], now: float) -> str:
    """Return a line for each resource under a heading, nothing where there is none."""
    heading = ("WORKTREE", "RESOURCE", "KIND", "NAME", "SIZE", "AGE", "STATE")
    return _columns([heading, *(_cells(entry(each, gone=gone, now=now)) for each in found)]) if found else ""


def decided(found: Iterable[Decided]) -> str:
    """Return a line for each resource that has outlived its worktree: what is done with it, and why."""
    return _columns([_decision(each) for each in found])


def troubles(found: Iterable[Known]) -> Iterator[str]:
    """Yield a line for each resource that cannot be looked at, or that is not what was made: why, and the next step."""
    for each in found:
        if trouble := each.trouble:
            yield shown(f"{each.record.name}: {trouble.cause}: {trouble.message}; {trouble.hint}")


def entry(known: Known, *, gone: Collection[WorktreeId], now: float) -> dict[str, Any]:
    """Return a resource for JSON: `size` in bytes, `age_s` in seconds, each null where it is not known.

    `gone` are the worktrees of which git says that they are gone.
    """
    record, description = known.record, known.description
    told, failure = (None, description) if isinstance(description, Failure) else (description, None)
    return {
        **_record(record), "gone": record.worktree in gone, "server": record.server,
        "size": told.size if told else None, "age_s": max(0, round(now - record.since)),
        "state": told.state if told else failure and failure.cause,
        "detail": told.detail if told else failure and failure.message,
        "used_by": [str(each) for each in told.sessions] if told else [],
    }  # fmt: skip


def verdict(each: Decided) -> dict[str, Any]:
    """Return for JSON what would be done with a resource that has outlived its worktree, and why."""
    return {**_record(each.verdict.record), "drop": _drops(each), "why": each.verdict.why, **_trouble(each.trouble)}


def dropped(record: Record, failure: Failure | None) -> dict[str, Any]:
    """Return for JSON whether a resource was dropped, else why not."""
    return {**_record(record), "dropped": failure is None, **_trouble(failure)}


def outcome(made: Outcome) -> dict[str, Any]:
    """Return for JSON whether a resource is ready, else why not."""
    failure = made.result if isinstance(made.result, Failure) else None
    known = {"resource": made.resource, "kind": made.kind or None, "name": made.name or None}
    return {**known, "ready": failure is None, **_trouble(failure)}


def _record(record: Record) -> dict[str, Any]:
    return {
        "worktree": shown(record.path), "resource": record.resource, "use": record.use, "kind": record.kind,
        "name": shown(record.name),
    }  # fmt: skip


def _trouble(failure: Failure | None) -> dict[str, Any]:
    """Return what is wrong, and what to do; nothing where nothing is."""
    return {"cause": failure.cause, "message": failure.message, "hint": failure.hint} if failure else {}


def _drops(each: Decided) -> bool:
    return each.verdict.action is Action.DROP and not each.trouble


def _decision(each: Decided) -> tuple[str, ...]:
    record = each.verdict.record
    trouble = f": {each.trouble.cause}: {each.trouble.message}; {each.trouble.hint}" if each.trouble else ""
    return "drop" if _drops(each) else "keep", record.kind, shown(record.name), shown(f"{each.verdict.why}{trouble}")


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    use = "" if entry["use"] == "own" else f" ({entry['use']})"
    worktree = f"{entry['worktree']} (gone)" if entry["gone"] else entry["worktree"]
    used = f", used by {len(entry['used_by'])}" if entry["used_by"] else ""
    return (
        worktree, f"{entry['resource']}{use}", entry["kind"], entry["name"],
        "?" if entry["size"] is None else size(entry["size"]), duration(entry["age_s"]), f"{entry['state']}{used}",
    )  # fmt: skip


def _columns(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)

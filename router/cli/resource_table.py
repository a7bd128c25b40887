"""Resources as tables and as JSON."""

from collections.abc import Iterable, Sequence
from typing import Any

from router.data.lives import Action
from router.data.making import Failure
from router.data.retiring import Decided, Known
from router.naming import shown
from router.processes.words import duration, size


def table(found: Sequence[Known], *, now: float) -> str:
    """Return a line for each resource under a heading, nothing where there is none."""
    heading = ("WORKTREE", "RESOURCE", "KIND", "NAME", "SIZE", "AGE", "STATE")
    return _columns([heading, *(_cells(entry(each, now=now)) for each in found)]) if found else ""


def decided(found: Iterable[Decided]) -> str:
    """Return a line for each resource that has outlived its worktree: what is done with it, and why."""
    words = {Action.DROP: "drop", Action.KEEP: "keep", Action.STUCK: "keep"}
    told = (each.verdict for each in found)
    return _columns([(words[each.action], each.record.kind, shown(each.record.name), each.why) for each in told])


def entry(known: Known, *, now: float) -> dict[str, Any]:
    """Return a resource for JSON: `size` in bytes, `age_s` in seconds, each null where it is not known."""
    record, description = known.record, known.description
    told, failure = (None, description) if isinstance(description, Failure) else (description, None)
    return {
        "worktree": shown(record.path), "resource": record.resource, "use": record.use, "kind": record.kind,
        "name": shown(record.name), "server": record.server, "size": told.size if told else None,
        "age_s": max(0, round(now - record.since)),
        "state": told.state if told else failure and failure.cause,
        "detail": told.detail if told else failure and failure.message,
        "used_by": [str(each) for each in told.sessions] if told else [],
    }  # fmt: skip


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    use = "" if entry["use"] == "own" else f" ({entry['use']})"
    used = f", used by {len(entry['used_by'])}" if entry["used_by"] else ""
    return (
        entry["worktree"], f"{entry['resource']}{use}", entry["kind"], entry["name"],
        "?" if entry["size"] is None else size(entry["size"]), duration(entry["age_s"]), f"{entry['state']}{used}",
    )  # fmt: skip


def _columns(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)

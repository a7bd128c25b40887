"""What `router doctor` finds: one value for each thing that was checked, as lines for people and as JSON for tools."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from router import __version__
from router.text import shown
from router.values import dataclass, replace

SCHEMA = 1
LOGS = "router logs | tail   # and then: router down && router up --detach"
"""The hint where only the logs say more."""

_MARKS = {"ok": "ok", "warn": "warn", "fail": "FAIL"}
_COLOURS = {"ok": "32", "warn": "33", "fail": "1;31"}
_MOST_NAMED = 3  # worktrees that one line names; of more it gives the number


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: `check` is its name, `hint` what to type or to paste, `worktree` the label it is about.

    `fail` is what keeps the router from working, `warn` what will annoy, `ok` neither.
    """

    level: Literal["ok", "warn", "fail"]
    check: str
    message: str
    hint: str = ""
    worktree: str | None = None


def document(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return findings as plain values, schema 1."""
    return {"schema": SCHEMA, "version": __version__, "findings": [_values(finding) for finding in findings]}


def failed(findings: Iterable[Finding]) -> bool:
    """Tell whether a check failed; a warning is no failure."""
    return any(finding.level == "fail" for finding in findings)


def lines(findings: Sequence[Finding], *, colour: bool = False) -> Iterator[str]:
    """Yield a line for each finding with its hint below, then one that counts them.

    A finding that several worktrees share is one line with their names.
    """
    for finding, worktrees in _grouped(findings).items():
        mark = f"{_MARKS[finding.level]:<4}"
        mark = f"\033[{_COLOURS[finding.level]}m{mark}\033[0m" if colour else mark
        names = f"{_listed(worktrees)}: " if worktrees else ""
        yield f"{mark}  {finding.check:<10}  {shown(names + finding.message)}"
        if finding.hint:
            yield f"                  → {shown(finding.hint)}"
    counts = {level: sum(finding.level == level for finding in findings) for level in _MARKS}
    yield f"{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} failed"


def _values(finding: Finding) -> dict[str, Any]:
    return {
        "level": finding.level,
        "check": finding.check,
        "of": finding.worktree,
        "message": shown(finding.message),
        "hint": shown(finding.hint),
    }


def _grouped(findings: Iterable[Finding]) -> dict[Finding, list[str]]:
    """Return the findings without their worktrees, each with the labels it is about, in the order of the first ones."""
    grouped: dict[Finding, list[str]] = {}
    for finding in findings:
        worktrees = grouped.setdefault(replace(finding, worktree=None), [])
        if finding.worktree:
            worktrees.append(finding.worktree)
    return grouped


def _listed(names: Sequence[str]) -> str:
    first = ", ".join(names[:_MOST_NAMED])
    return first if len(names) <= _MOST_NAMED else f"{first} and {len(names) - _MOST_NAMED} more"

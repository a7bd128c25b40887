"""What `router doctor` finds: one value for each thing looked at, told to people and to tools."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from router import __version__
from router.naming import shown

SCHEMA = 1
_MARKS = {"ok": "ok", "warn": "warn", "fail": "FAIL"}
_COLOURS = {"ok": "32", "warn": "33", "fail": "1;31"}
_NAMED = 3  # worktrees that one line names; of more it gives the number


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `check` is by what, `of` whose it is, `hint` what to type or to paste.

    `fail` is something that keeps the router from its work, `warn` something that will annoy, `ok` neither.
    """

    level: Literal["ok", "warn", "fail"]
    check: str
    message: str
    hint: str = ""
    of: str | None = None


def document(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return findings as plain values, schema 1."""
    return {"schema": SCHEMA, "version": __version__, "findings": [_values(finding) for finding in findings]}


def failed(findings: Iterable[Finding]) -> bool:
    """Tell whether something has failed; warnings have not."""
    return any(finding.level == "fail" for finding in findings)


def lines(findings: Sequence[Finding], *, colour: bool = False) -> Iterator[str]:
    """Yield a line for each finding with its hint below, then one that counts them.

    What is the same for several worktrees stands once, with their names.
    """
    for finding, names in _together(findings).items():
        mark = f"{_MARKS[finding.level]:<4}"
        mark = f"\033[{_COLOURS[finding.level]}m{mark}\033[0m" if colour else mark
        of = f"{_listed(names)}: " if names else ""
        yield f"{mark}  {finding.check:<10}  {shown(of + finding.message)}"
        if finding.hint:
            yield f"                  → {shown(finding.hint)}"
    counts = {level: sum(finding.level == level for finding in findings) for level in _MARKS}
    yield f"{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} failed"


def _values(finding: Finding) -> dict[str, Any]:
    return {
        "level": finding.level,
        "check": finding.check,
        "of": finding.of,
        "message": shown(finding.message),
        "hint": shown(finding.hint),
    }


def _together(findings: Iterable[Finding]) -> dict[Finding, list[str]]:
    """Return the findings without whose they are, each with the names it is for, in the order of the first ones."""
    found: dict[Finding, list[str]] = {}
    for finding in findings:
        names = found.setdefault(Finding(finding.level, finding.check, finding.message, finding.hint), [])
        if finding.of:
            names.append(finding.of)
    return found


def _listed(names: Sequence[str]) -> str:
    first = ", ".join(names[:_NAMED])
    return first if len(names) <= _NAMED else f"{first} and {len(names) - _NAMED} more"

"""The command `router allow`: what the `router.toml` of a repository has done, shown and allowed."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli import output
from router.cli.opened import current_directory, opened
from router.cli.options import AsJson
from router.cli.output import Output
from router.errors import UsageError
from router.text import shown

if TYPE_CHECKING:
    from router.repository_settings import RepositorySettings
    from router.store import Store
    from router.trust.statements import Statement, Verdict
    from router.trust.wanted import Wanted

app = typer.Typer()

Show = Annotated[bool, typer.Option("--show", help="Show it and what has changed; allow nothing.")]
Revoke = Annotated[bool, typer.Option("--revoke", help="Allow nothing any more for this repository.")]


@app.command()
def allow(show: Show = False, revoke: Revoke = False, as_json: AsJson = False) -> Output:
    """Allow what router.toml has done. Commands are run and databases made only as they were shown here."""
    from router.trust import records
    from router.trust.statements import allowed
    from router.trust.wanted import wanted
    from router.worktrees import git_commands

    if show and revoke:
        raise UsageError("--show and --revoke do not go together", hint="use one of them")
    settings, store = opened()
    checkout = git_commands.checkout_at(current_directory())
    place = shown(str(checkout.main))
    if revoke:
        was = records.revoke(store, checkout.common)
        if as_json:
            return output.as_json({"repository": place, "allowed": False, "revoked": was})
        return Output(
            notes=(f"nothing is allowed for {place} any more" if was else f"nothing was allowed for {place}",)
        )
    asked = wanted(checkout.main, hosts=settings.data_hosts)
    verdict = allowed(asked.statements, records.read(store, checkout.common))
    if not show:
        records.allow(store, checkout.common, asked.statements)
    code = int(bool(asked.refused))
    if as_json:
        return output.as_json(_facts(place, asked, verdict, show=show), code=code)
    text = "".join(f"{each}\n" for each in asked.statements)
    beside, learnt = _beside(checkout.main, asked.settings), _learnt(store, checkout.common)
    return Output(text, (*_lines(asked, verdict), *beside, *learnt, _last(place, asked, verdict, show=show)), code)


def _facts(place: str, asked: "Wanted", verdict: "Verdict", *, show: bool) -> dict[str, Any]:
    """Return for JSON what a repository asks for, what of that is new, and whether it is allowed now."""
    return {
        "repository": place, "allowed": verdict.allowed or not show,
        "statements": _statements(asked.statements),
        "added": _statements(verdict.added), "removed": _statements(verdict.removed), "moved": verdict.moved,
        "refused": [{"key": each.key, "message": each.message, "hint": each.hint} for each in asked.refused],
    }  # fmt: skip


def _statements(statements: "Iterable[Statement]") -> list[dict[str, str]]:
    return [{"key": each.key, "text": each.text} for each in statements]


def _lines(asked: "Wanted", verdict: "Verdict") -> "Iterator[str]":
    """Yield what has changed since it was allowed, and what cannot be allowed."""
    yield from () if verdict.never else verdict.lines
    for each in asked.refused:
        yield f"{each.key} is not allowed: {each.message}"
        yield f"  → {each.hint}"


def _last(place: str, asked: "Wanted", verdict: "Verdict", *, show: bool) -> str:
    if not asked.statements:
        return f"router.toml of {place} has nothing that has to be allowed"
    if not show:
        return f"allowed for {place}; `router allow --revoke` takes it back"
    return f"allowed for {place}" if verdict.allowed else f"for {place} this {verdict.state}; `router allow` allows it"


def _learnt(store: "Store", common: Path) -> "Iterator[str]":
    """Yield what was learnt of how servers are started: who has it started is the user, or a visit that is allowed."""
    from router.servers import learnt

    for each in learnt.every(store, common):
        who = "`router start` runs it, and a visit where `wake` says so"
        yield f"learnt in {each.path}: {each.service} is started with {each.command}; {who}"


def _beside(main: "Path", settings: "RepositorySettings") -> tuple[str, ...]:
    """Return a note for each server of a Compose file beside which the router is to run one of its own."""
    from router.tools.resources import look
    from router.worktrees import checkout_files

    kinds = {str(each.kind) for each in settings.resources.values() if not each.variable}
    return look.beside(main, checkout_files.compose_files(main), kinds=kinds) if kinds else ()

"""The command `router allow`: what the `router.toml` of a repository has done, shown and allowed."""

from typing import Annotated

import typer

from router.cli.options import current_directory, opened
from router.cli.output import Output
from router.errors import UsageError
from router.naming import shown

app = typer.Typer()

Show = Annotated[bool, typer.Option("--show", help="Show it and what has changed; allow nothing.")]
Revoke = Annotated[bool, typer.Option("--revoke", help="Allow nothing any more for this repository.")]


@app.command()
def allow(show: Show = False, revoke: Revoke = False) -> Output:
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
        return Output(
            notes=(f"nothing is allowed for {place} any more" if was else f"nothing was allowed for {place}",)
        )
    asked = wanted(checkout.main, hosts=settings.data_hosts)
    verdict = allowed(asked.statements, records.read(store, checkout.common))
    if show:
        last = (
            f"allowed for {place}" if verdict.allowed else f"for {place} this {verdict.state}; `router allow` allows it"
        )
    else:
        records.allow(store, checkout.common, asked.statements)
        last = f"allowed for {place}; `router allow --revoke` takes it back"
    if not asked.statements:
        last = f"router.toml of {place} has nothing that has to be allowed"
    changes = () if verdict.never else verdict.lines
    refused = (
        line for each in asked.refused for line in (f"{each.key} is not allowed: {each.message}", f"  → {each.hint}")
    )
    text = "".join(f"{each}\n" for each in asked.statements)
    return Output(text, (*changes, *refused, last), code=int(bool(asked.refused)))

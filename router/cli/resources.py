"""The commands about a worktree's own databases, queues and caches: `provision`, `resources`, `reset`, `prune`."""

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from router.cli import output
from router.cli.opened import current_directory, opened
from router.cli.options import AsJson
from router.cli.output import Output
from router.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from router.data.ledger import Record
    from router.data.making import Failure
    from router.data.stock import Outcome
    from router.env.current import CurrentWorktree
    from router.trust.resources import Provider

app = typer.Typer()

Resource = Annotated[str, typer.Argument(metavar="NAME", help="The resource's name in router.toml, such as db.")]
Yes = Annotated[bool, typer.Option("--yes", help="Drop them; without it they are only listed.")]


@app.command()
def provision(as_json: AsJson = False) -> Output:
    """Make what a worktree is to have of its own. The watcher does it by itself; this says why it could not."""
    provider, current = _current()
    before = provider.servers()
    done = tuple(provider.provide(current.repository, current.worktree, current.memory))
    if not done and not as_json:
        return Output(notes=("router.toml of the main checkout names no resources for this worktree",))
    started = [each for each in provider.servers() if each not in before]
    made = _outcomes(done, as_json=as_json)
    return made._replace(notes=(*(f"started {each}; `router down` ends it" for each in started), *made.notes))


@app.command()
def resources(as_json: AsJson = False) -> Output:
    """List what worktrees have of their own. Every database, queue and cache: size, age, owner, state."""
    from router.cli import resource_table
    from router.data import owners
    from router.data.known import known
    from router.data.ledger import Ledger
    from router.data.lives import Presence

    settings, store = opened()
    ledger, now = Ledger(store.directory), time.time()
    records, repositories = ledger.records(), owners.repositories(ledger)
    there = owners.trees(repositories, store.memory(), records, now=now)
    gone = {owner for owner, tree in there.items() if tree.presence is Presence.GONE}
    found = known(records, repositories, hosts=settings.data_hosts, state=store.directory, environ=os.environ)
    if as_json:
        return output.as_json({"resources": [resource_table.entry(each, gone=gone, now=now) for each in found]})
    notes = tuple(resource_table.troubles(found)) if found else ("no worktree has any resources",)
    return Output(resource_table.table(found, gone=gone, now=now), notes)


@app.command()
def reset(name: Resource, as_json: AsJson = False) -> Output:
    """Make a worktree's resource afresh. What is in it is lost; the new one is a copy of the template as it is now."""
    provider, current = _current()
    done = provider.reset(name, current.repository, current.worktree, current.memory)
    if done is None:
        raise UsageError(f"this worktree has no resource {name!r}", hint="`router resources` lists them")
    return _outcomes((done,), as_json=as_json)


@app.command()
def prune(yes: Yes = False, as_json: AsJson = False) -> Output:
    """List resources whose worktree is gone. The watcher drops them after a while; `--yes` drops them now."""
    from router.cli import resource_table
    from router.data import owners, retiring
    from router.data.ledger import Ledger

    settings, store = opened()
    ledger = Ledger(store.directory)
    repositories, hosts = owners.repositories(ledger), settings.data_hosts
    found = retiring.outlived(ledger, repositories, store.memory(), now=time.time(), hosts=hosts, environ=os.environ)
    if not found and not as_json:
        return Output(notes=("no resource has outlived its worktree",))
    if yes:
        return _retired(tuple(retiring.retire(ledger, found)), as_json=as_json)
    if as_json:
        return output.as_json({"resources": [resource_table.verdict(each) for each in found]})
    return Output(resource_table.decided(found), ("`router prune --yes` drops those that are marked `drop`",))


def _retired(done: "Sequence[tuple[Record, Failure | None]]", *, as_json: bool) -> Output:
    """Return what became of each resource that was to be dropped; the code is 1 where one is still there."""
    from router.cli import resource_table

    code = int(any(failure for _, failure in done))
    if as_json:
        return output.as_json({"resources": [resource_table.dropped(*each) for each in done]}, code=code)
    lines = [
        f"{record.name} is not dropped, {failure.cause}: {failure.message}; {failure.hint}" if failure
        else f"dropped {record.name}"
        for record, failure in done
    ]  # fmt: skip
    return Output(notes=tuple(lines), code=code)


def _current() -> "tuple[Provider, CurrentWorktree]":
    from router.env.current import current_worktree
    from router.trust.resources import Provider

    settings, store = opened()
    return Provider(settings, store), current_worktree(settings, store, cwd=current_directory())


def _outcomes(done: "Sequence[Outcome]", *, as_json: bool) -> Output:
    """Return for each resource that it was made, or why it could not be and the next step."""
    from router.cli import resource_table
    from router.data.making import Failure

    if as_json:
        made = [resource_table.outcome(each) for each in done]
        return output.as_json({"resources": made}, code=int(not all(each["ready"] for each in made)))
    lines, notes = [], []
    for each in done:
        if isinstance(each.result, Failure):
            notes.append(f"error: {each.resource}: {each.result.cause}: {each.result.message}; {each.result.hint}")
        else:
            lines.append(f"{each.resource}: {each.name} is ready\n")
    return Output("".join(lines), tuple(notes), code=int(bool(notes)))

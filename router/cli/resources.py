"""The commands about a worktree's own databases, queues and caches: `provision`, `resources`, `reset`, `prune`."""

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from router.cli.options import current_directory, opened
from router.cli.output import Output
from router.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from router.data.stock import Outcome
    from router.env.current import CurrentWorktree
    from router.trust.resources import Provider

app = typer.Typer()

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Resource = Annotated[str, typer.Argument(metavar="NAME", help="The resource's name in router.toml, such as db.")]
Yes = Annotated[bool, typer.Option("--yes", help="Drop them; without it they are only listed.")]


@app.command()
def provision() -> Output:
    """Make what a worktree is to have of its own. The watcher does it by itself; this says why it could not."""
    provider, current = _current()
    done = tuple(provider.provide(current.repository, current.worktree, current.memory))
    if not done:
        return Output(notes=("router.toml of the main checkout names no resources for this worktree",))
    return _outcomes(done)


@app.command()
def resources(as_json: AsJson = False) -> Output:
    """List what worktrees have of their own. Every database, queue and cache: size, age, owner, state."""
    from router.cli import resource_table
    from router.data import retiring
    from router.data.ledger import Ledger

    settings, store = opened()
    ledger = Ledger(store.directory)
    found = retiring.known(ledger.records(), retiring.repositories(ledger), hosts=settings.data_hosts)
    if as_json:
        return _json({"resources": [resource_table.entry(each, now=time.time()) for each in found]})
    return Output(resource_table.table(found, now=time.time()), () if found else ("no worktree has any resources",))


@app.command()
def reset(name: Resource) -> Output:
    """Make a worktree's resource afresh. What is in it is lost; the new one is a copy of the template as it is now."""
    provider, current = _current()
    done = provider.reset(name, current.repository, current.worktree, current.memory)
    if done is None:
        raise UsageError(f"this worktree has no resource {name!r}", hint="`router resources` lists them")
    return _outcomes((done,))


@app.command()
def prune(yes: Yes = False) -> Output:
    """List resources whose worktree is gone. The watcher drops them after a while; `--yes` drops them now."""
    from router.cli import resource_table
    from router.data import retiring
    from router.data.ledger import Ledger

    settings, store = opened()
    ledger = Ledger(store.directory)
    repositories, hosts = retiring.repositories(ledger), settings.data_hosts
    found = retiring.outlived(ledger, repositories, store.memory(), now=time.time(), hosts=hosts)
    if not found:
        return Output(notes=("no resource has outlived its worktree",))
    if not yes:
        return Output(resource_table.decided(found), ("`router prune --yes` drops those that are marked `drop`",))
    done = tuple(retiring.retire(ledger, found))
    lines = [
        f"{record.name} is not dropped, {failure.cause}: {failure.message}; {failure.hint}" if failure
        else f"dropped {record.name}"
        for record, failure in done
    ]  # fmt: skip
    return Output(notes=tuple(lines), code=int(any(failure for _, failure in done)))


def _current() -> "tuple[Provider, CurrentWorktree]":
    from router.env.current import current_worktree
    from router.trust.resources import Provider

    settings, store = opened()
    return Provider(settings, store), current_worktree(settings, store, cwd=current_directory())


def _outcomes(done: "Sequence[Outcome]") -> Output:
    """Return a line for each resource that was made, and for each that could not be: its cause and the next step."""
    from router.data.making import Failure

    lines, notes = [], []
    for each in done:
        if isinstance(each.result, Failure):
            notes.append(f"error: {each.resource}: {each.result.cause}: {each.result.message}; {each.result.hint}")
        else:
            lines.append(f"{each.resource}: {each.name} is ready\n")
    return Output("".join(lines), tuple(notes), code=int(bool(notes)))


def _json(document: object) -> Output:
    return Output(f"{json.dumps(document, indent=2)}\n")

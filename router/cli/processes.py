"""The commands about running processes: `whose`, `stop`, `reap`."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli.options import Name, current_directory, opened
from router.cli.output import Output
from router.errors import NobodyKnowsError, UsageError

if TYPE_CHECKING:
    from router.status import Document
    from router.store import Store

app = typer.Typer()

What = Annotated[str, typer.Argument(metavar="WHAT", help="A port, a URL, a pid, a path or a container's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Service = Annotated[str | None, typer.Option("--service", help="Only this service of the worktree.")]
OnPort = Annotated[int | None, typer.Option("--port", help="Only the server on this port.")]
All = Annotated[bool, typer.Option("--all", help="Every worktree of the repository; NAME may be the repository's.")]
Other = Annotated[bool, typer.Option("--other", help="Another worktree than the current one is meant.")]
Yes = Annotated[bool, typer.Option("--yes", help="End them; without it they are only listed.")]


@app.command()
def whose(what: What, as_json: AsJson = False) -> Output:
    """Show whose something is. Worktree, branch and commit, process, who started it, and how that is known."""
    from router.processes import answers, whose
    from router.watcher import client

    settings, store = opened()
    document, _ = client.here(settings, store, cwd=current_directory())
    now = time.time()
    found = answers.facts(whose.whose(what, whose.sources(document, store.memory(), now=now)), now=now)
    return _json(found) if as_json else Output("".join(f"{line}\n" for line in answers.lines(found)))


@app.command()
def stop(
    name: Name = None, *, service: Service = None, port: OnPort = None, every: All = False, other: Other = False,
    as_json: AsJson = False,
) -> Output:  # fmt: skip
    """Stop the servers of a worktree. Its containers too; nothing else that works there, and nobody else's."""
    from router.cli import ended
    from router.processes import guard
    from router.processes.stop import stop
    from router.status import find_service
    from router.watcher import client, logs

    if sum((service is not None, port is not None, every)) > 1 or (name is not None and port is not None):
        raise UsageError("these options cannot be combined", hint="use one of --service, --port and --all")
    settings, store = opened()
    cwd = current_directory()
    document, here = client.here(settings, store, cwd=cwd)
    own = next((tree for tree in document["worktrees"] if tree["name"] == here), None)
    targets = _at_port(port, document, store) if port is not None else _named(name, document, own, every=every)
    for tree in targets:
        guard.check(tree, own=own, cwd=cwd, other=other, what=f"port {port}" if port is not None else "")
    ports = [port] if port is not None else [find_service(targets[0], service)["port"]] if service else None
    roots = [tree["path"] for tree in document["worktrees"]]
    logs.log_to(store.watcher_log, rolls=False)
    routers = guard.routers(store)
    return ended.stopped(
        {tree["name"]: stop(tree["path"], roots=roots, routers=routers, ports=ports) for tree in targets},
        asked=ports is not None,
        as_json=as_json,
    )


@app.command()
def reap(yes: Yes = False, as_json: AsJson = False) -> Output:
    """List what is left of worktrees that are gone. It is what still holds a port or much memory; or end it."""
    from router.cli import ended
    from router.processes import guard, orphans
    from router.watcher import logs

    settings, store = opened()
    remembered = store.memory()
    found = orphans.find(remembered, least=settings.reap_memory)
    if not yes:
        return ended.orphans(found, now=time.time(), as_json=as_json)
    logs.log_to(store.watcher_log, rolls=False)
    return ended.reaped(orphans.reap(found, remembered, routers=guard.routers(store)), as_json=as_json)


def _named(name: str | None, document: "Document", own: "Document | None", *, every: bool) -> "Sequence[Document]":
    """Return the worktree of a name, else the current one; with `every` all those of its repository."""
    from router.status import find

    trees = document["worktrees"]
    if every and (of := [tree for tree in trees if tree["repository"] == name]):
        return of
    if name is None and own is None:
        raise UsageError("the current directory is in no worktree", hint="name one: `router status` lists them")
    tree = own if name is None and own is not None else find(document, name or "")
    return [each for each in trees if each["repository"] == tree["repository"]] if every else [tree]


def _at_port(port: int, document: "Document", store: "Store") -> "Sequence[Document]":
    """Return the worktree whose server listens on a port. NobodyKnowsError where none's does."""
    from router.processes import whose

    tree = whose.whose(f":{port}", whose.sources(document, store.memory(), now=time.time())).tree
    if tree.gone:
        raise NobodyKnowsError(
            f"port {port} is left over from {tree.name or tree.path}, which is gone", hint="run `router reap`"
        )
    found = [each for each in document["worktrees"] if each["name"] == tree.name]
    if not found:
        raise NobodyKnowsError(f"port {port} is of {tree.path}, which is not routed", hint="run `router up` there")
    return found


def _json(document: Any) -> Output:
    return Output(f"{json.dumps(document, indent=2)}\n")

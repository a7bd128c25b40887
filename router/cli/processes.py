"""The commands about running processes: `whose`, `stop`, `reap`."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from router.cli import outcomes
from router.cli.opened import current_directory, opened
from router.cli.options import AsJson, Name, OnlyService
from router.cli.output import Output
from router.errors import NobodyKnowsError, UsageError

if TYPE_CHECKING:
    from router.document import Document
    from router.store import Store

app = typer.Typer()

What = Annotated[str, typer.Argument(metavar="WHAT", help="A port, a URL, a pid, a path or a container's name.")]
OnPort = Annotated[int | None, typer.Option("--port", help="Only the server on this port.")]
Asleep = Annotated[bool, typer.Option("--sleep", help="Put it to sleep: as it was, once somebody starts or wakes it.")]
All = Annotated[bool, typer.Option("--all", help="Every worktree of the repository; NAME may be the repository's.")]
Other = Annotated[bool, typer.Option("--other", help="Another worktree than the current one is meant.")]
Yes = Annotated[bool, typer.Option("--yes", help="End them; without it they are only listed.")]


@app.command()
def whose(what: What, as_json: AsJson = False) -> Output:
    """Show whose something is. Worktree, branch and commit, process, who started it, and how that is known."""
    settings, store = opened()
    return outcomes.owner(settings, store, what, cwd=current_directory(), as_json=as_json)


@app.command()
def stop(
    name: Name = None, *, service: OnlyService = None, port: OnPort = None, every: All = False, other: Other = False,
    asleep: Asleep = False, as_json: AsJson = False,
) -> Output:  # fmt: skip
    """Stop the servers of a worktree. Its containers too; nothing else that works there, and nobody else's."""
    from router.cli import ended
    from router.cli.servers import learn
    from router.document import find_service
    from router.processes import guard
    from router.servers.stopping import stop_all
    from router.sleep import by_hand, kept
    from router.watcher import client, logs

    if sum((service is not None, port is not None, every)) > 1 or (name is not None and port is not None):
        raise UsageError("these options cannot be combined", hint="use one of --service, --port and --all")
    if asleep and (service is not None or port is not None):
        raise UsageError("a worktree sleeps as a whole", hint="leave out --service and --port, or --sleep")
    settings, store = opened()
    cwd = current_directory()
    document, here = client.here(settings, store, cwd=cwd)
    own = next((tree for tree in document["worktrees"] if tree["name"] == here), None)
    targets = _at_port(port, document, store) if port is not None else _named(name, document, own, every=every)
    for tree in targets:
        guard.check(tree, own=own, cwd=cwd, other=other, what=f"port {port}" if port is not None else "")
    ports = [port] if port is not None else [find_service(targets[0], service)["port"]] if service else None
    remembered = {each.path: each.id for each in store.memory().worktrees}
    for tree in targets:
        if known := remembered.get(tree["path"]):
            learn(store, known, document, tree)
    services, roots = [service] if service else [], [tree["path"] for tree in document["worktrees"]]
    logs.log_to(store.watcher_log, rolls=False)
    routers, paths = guard.routers(store), [tree["path"] for tree in targets]
    notes = tuple(by_hand.going(store, document, paths, routers=routers)) if asleep else ()
    done = {path: stop_all(store, path, roots=roots, routers=routers, services=services, ports=ports) for path in paths}
    kept.forget_at(store, [] if ports else paths)
    sleeps = [note.path for note in notes if by_hand.keep(store, note, done[note.path])]
    client.wake(store)
    names = {tree["path"]: tree["name"] for tree in targets}
    told = {names[path]: each for path, each in done.items()}
    return ended.stopped(told, asked=ports is not None, as_json=as_json, asleep=[names[each] for each in sleeps])


@app.command()
def reap(yes: Yes = False, as_json: AsJson = False) -> Output:
    """List what is left of worktrees that are gone. It is what still holds a port or much memory; or end it."""
    from router.cli import ended
    from router.processes import guard, left_over, orphans, stacks
    from router.processes.take_down import take_down
    from router.watcher import logs

    settings, store = opened()
    remembered = store.memory()
    found = left_over.find(remembered, least=settings.reap_memory)
    if not yes:
        return ended.orphans(found, now=time.time(), as_json=as_json)
    logs.log_to(store.watcher_log, rolls=False)
    processes = orphans.reap(found.processes, remembered, routers=guard.routers(store))
    down = take_down(found.stacks, again=lambda: stacks.find(store.memory()))
    return ended.reaped(processes, down, as_json=as_json)


def _named(name: str | None, document: "Document", own: "Document | None", *, every: bool) -> "Sequence[Document]":
    """Return the worktree of a name, else the current one; with `every` all those of its repository."""
    from router.document import find

    name = None if name == "." else name
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

"""The commands that start the servers of a worktree: `start`, `restart`."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router.cli import output
from router.cli.opened import current_directory, named_worktree, opened
from router.cli.options import AsJson, Name, OnlyService
from router.cli.output import Output
from router.errors import NoStartCommandError

if TYPE_CHECKING:
    from router.document import Document
    from router.env.worktree_env import CommandEnvironment
    from router.model import WorktreeId
    from router.processes.look import Process
    from router.servers.command import StartCommand
    from router.servers.start import Begun
    from router.settings import Settings
    from router.store import Store

app = typer.Typer()

Other = Annotated[bool, typer.Option("--other", help="Another worktree than the current one is meant.")]


@app.command()
def start(name: Name = None, service: OnlyService = None, as_json: AsJson = False) -> Output:
    """Start the servers of a worktree. They run on when the terminal is closed, each on its own port."""
    settings, store = opened()
    document, tree = named_worktree(settings, store, name)
    try:
        own, commands = _commands(settings, store, tree, service)
    except NoStartCommandError:
        if not _end_sleep(store, tree):  # all that sleeps of it
            raise
        return output.as_json({"name": tree["name"], "services": {}}) if as_json else Output()
    done = _start(store, document, tree, own, commands)
    return output.as_json(_facts(tree, [*commands], done), code=done.code) if as_json else done


@app.command()
def restart(name: Name = None, service: OnlyService = None, other: Other = False, as_json: AsJson = False) -> Output:
    """Stop the servers of a worktree, and start them again."""
    from router.cli import ended
    from router.document import name_at
    from router.env.current import current_worktree
    from router.processes import guard
    from router.servers.stopping import stop_all
    from router.watcher import logs

    settings, store = opened()
    cwd = current_directory()
    document, tree = named_worktree(settings, store, name)
    here = name_at(document, cwd)
    own_tree = next((each for each in document["worktrees"] if each["name"] == here), None)
    guard.check(tree, own=own_tree, cwd=cwd, other=other)
    learn(store, current_worktree(settings, store, cwd=Path(tree["path"])).worktree.id, document, tree)
    own, commands = _commands(settings, store, tree, service)  # before anything is ended
    logs.log_to(store.watcher_log, rolls=False)
    ports = [tree["services"][each]["port"] for each in commands]
    roots = [each["path"] for each in document["worktrees"]]
    gone = stop_all(store, tree["path"], roots=roots, routers=guard.routers(store), services=[*commands], ports=ports)
    stopped = ended.stopped({tree["name"]: gone}, asked=False, as_json=False)
    for line in stopped.notes:
        output.note(line)
    done = Output(code=stopped.code) if stopped.code else _start(store, document, tree, own, commands)
    if as_json:
        return output.as_json({**_facts(tree, [*commands], done), "stopped": ended.facts(gone)}, code=done.code)
    return done


def _facts(tree: "Document", services: "Sequence[str]", done: Output) -> dict[str, Any]:
    """Return for JSON what a start came to: of each service its URL, and whether it is up."""
    up = done.text.splitlines()
    urls = {each: tree["services"][each]["url"] for each in services}
    found = {each: {"url": url, "up": url in up} for each, url in urls.items()}
    return {"name": tree["name"], "services": found}


def _end_sleep(store: "Store", tree: "Document") -> bool:
    """Have a worktree sleep no longer, and tell whether containers of it were started again."""
    from router.sleep import kept
    from router.sleep.stopping import end_sleep

    boxes = end_sleep(store, kept.at(store, tree["path"]))
    for each in boxes:
        output.note(f"{tree['name']}: started the container {each.name}")
    return bool(boxes)


def learn(store: "Store", worktree: "WorktreeId", document: "Document", tree: "Document") -> None:
    """Learn how the servers of a worktree were started, which a watcher may not have seen."""
    from router.servers import learnt

    running = _processes(document, tree)
    learnt.learn(store, [(worktree, tree["path"], service, each.pid) for service, each in running.items()])


def _commands(
    settings: "Settings", store: "Store", tree: "Document", service: str | None
) -> "tuple[CommandEnvironment, Mapping[str, StartCommand]]":
    """Return the environment of a worktree, and the commands that start its services, or one of them.

    NoStartCommandError where there is none, with the line that would be one.
    """
    from router.document import find_service
    from router.env import worktree_env
    from router.servers import commands

    if service:
        find_service(tree, service)
    own = worktree_env.command_environment(settings, store, cwd=Path(tree["path"]), environ=os.environ, fix=True)
    found = commands.commands(own.current, settings, store, service=service)
    if not found:
        what = f"{service} of {tree['name']}" if service else f"a server of {tree['name']}"
        hint = commands.hint(own.current, service or "web")
        raise NoStartCommandError(f"nothing says how {what} is started", hint=hint)
    return own, found


def _start(
    store: "Store", document: "Document", tree: "Document", own: "CommandEnvironment",
    commands: "Mapping[str, StartCommand]",
) -> Output:  # fmt: skip
    """Start what is not up yet, and wait for it; print the URL of each service that is up then."""
    from router.servers import records
    from router.servers.start import begin
    from router.watcher import client

    for leak in own.replaced:
        output.note(f"replaced: {leak}")
    records.remove_old(store)
    _end_sleep(store, tree)
    running = _running(document, tree)
    begun: dict[str, Begun] = {}
    for service, command in commands.items():
        if found := running.get(service):
            output.note(f"{tree['name']}: {service} is up already: {found}")
            continue
        begun[service] = begin(own, service, command, store=store)
        _say_begun(tree["name"], service, begun[service], command)
    client.wake(store)

    def is_up(service: str) -> bool:
        """Tell whether something else listens by now: what was begun may only start others, like `compose up -d`."""
        client.wake(store)
        return service in _running(document, tree) or client.shows_up(store, tree["name"], [service])

    up = [name for name in commands if name not in begun or _waited(tree["name"], name, begun[name], is_up=is_up)]
    client.wake(store)
    client.shows_up(store, tree["name"], [service for service in up if service in begun])
    text = "".join(f"{tree['services'][service]['url']}\n" for service in up)
    return Output(text, code=int(len(up) < len(commands)))


def _running(document: "Document", tree: "Document") -> dict[str, str]:
    """Return what listens already for each service of a worktree, looked at just now."""
    services = tree["services"].items()
    contained = {
        name: each["source"] for name, each in services if each["up"] and each["source"].startswith("container:")
    }
    return {
        **{name: source.replace(":", " ", 1) for name, source in contained.items()},
        **{
            name: f"{each.program or 'a process'} (pid {each.pid}) on {tree['services'][name]['port']}"
            for name, each in _processes(document, tree).items()
        },
    }


def _processes(document: "Document", tree: "Document") -> "dict[str, Process]":
    """Return the process that listens for each service of a worktree, looked at just now."""
    from router.processes.servers import place_of, servers

    found = servers(each["path"] for each in document["worktrees"])
    listening = {name: found.of(place_of(tree["path"]), [each["port"]]) for name, each in tree["services"].items()}
    return {name: processes[0] for name, processes in listening.items() if processes}


def _say_begun(name: str, service: str, begun: "Begun", command: "StartCommand") -> None:
    if not begun.new:
        output.note(f"{name}: {service} is being started already")
        return
    output.note(f"{name}: starting {service} ({command.source}): {command}")
    for line in begun.notes:
        output.note(line)


def _waited(name: str, service: str, begun: "Begun", *, is_up: "Callable[[str], bool]") -> bool:
    """Wait for a server, say what has become of it, and tell whether it is up.

    Where it has ended without an error, `is_up` is asked whether the service is up all the same.
    """
    from router.servers import log, states
    from router.servers.waiting import Outcome, wait

    outcome, server = wait(begun.directory)
    if outcome is Outcome.UP and server:
        output.note(f"{name}: {service} is up (pid {server.record.server.pid})")
        return True
    if outcome is Outcome.ENDED and server and server.code == 0 and is_up(service):
        output.note(f"{name}: {service} is up; what started it has ended")
        return True
    if outcome is Outcome.SILENT or server is None:
        output.note(f"error: {name}: {service} runs, but it listens on no port")
    else:
        output.note(f"error: {name}: {states.failure(server, ())}")
    for line in log.last_lines(log.path(begun.directory)):
        output.note(f"  {line}")
    output.note(f"  → see `router logs {name} --service {service}`")
    return False

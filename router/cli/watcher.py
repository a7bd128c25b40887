"""The commands that start and stop the watcher, and show what it logs: `up`, `down`, `logs`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.cli import completion, output
from router.cli.opened import current_directory, named_worktree, opened
from router.cli.options import AsJson, Port, Repositories
from router.cli.output import Output
from router.errors import RouterError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from router.document import Document
    from router.servers.records import Server
    from router.settings import Settings
    from router.store import Store

app = typer.Typer()

Mode = Annotated[str | None, typer.Option("--caddy", help="embedded, external or compose (ROUTER_CADDY).")]
Detach = Annotated[bool, typer.Option("--detach", help="Return when the first configuration is loaded.")]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Save and replace the configuration that an external Caddy serves.")
]
Servers = Annotated[bool, typer.Option("--servers", help="End the servers too that `router start` started.")]
LogsOf = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", help="A worktree, `.` for that of the current directory.", autocompletion=completion.names
    ),
]
OfService = Annotated[
    str | None,
    typer.Option("--service", help="Only what this service of it prints.", autocompletion=completion.services),
]
Follow = Annotated[bool, typer.Option("--follow", help="Go on with the lines that are written from now on.")]


@app.command()
def up(
    repositories: Repositories = None,
    port: Port = None,
    caddy: Mode = None,
    detach: Detach = False,
    take_over: TakeOver = False,
) -> Output | None:
    """Start the router for a repository. If it is running already, it serves this repository too."""
    from router.observe import git
    from router.watcher import client, launch

    settings, store = opened(port=port, caddy=caddy)
    places = client.directories(repositories or [current_directory()])
    commons = [git.common_dir(path) for path in places]

    def start() -> "Document | None":
        if not detach:
            _watch(settings, store, commons, take_over=take_over, at=places[0])
            return None
        options = [f"--port={settings.port}", f"--caddy={settings.caddy}", *(["--take-over"] if take_over else [])]
        return launch.detach(store, [*options, *map(str, commons)], say=output.note)

    document, new = client.up(settings, store, commons, take_over=take_over, start=start)
    if document is None or new is None:
        return _shown(document, at=places[0]) if document else None
    serves = "now serves this repository too" if new else "already serves this repository"
    return _shown(document, f"the router (pid {document['watcher']['pid']}) {serves}", at=places[0])


@app.command()
def down(repositories: Repositories = None, servers: Servers = False) -> Output | None:
    """Stop the router and its Caddy. With REPO, only stop serving that repository."""
    from router.observe import git
    from router.watcher import client, shutdown

    settings, store = opened()
    commons = [git.common_dir(path) for path in client.directories(repositories or [])]
    ended = _end_started(store, commons) if servers else Output()
    ran = True
    if commons:
        client.leave(store, commons)
    else:
        ran = shutdown.stop(settings, store)
    nothing = ("no router is running",) if not ran else ()
    return Output("", (*ended.notes, *nothing, *_still_running(store, commons)), ended.code)


@app.command()
def logs(
    name: LogsOf = None, *, service: OfService = None, follow: Follow = False, as_json: AsJson = False
) -> Output | None:
    """Print the logs of the watcher and of Caddy. With NAME, what the servers of that worktree print."""
    from router.watcher.logs import lines, log_lines

    if service and name is None:
        raise UsageError("--service needs a worktree", hint="name it, or `.` for the one of the current directory")
    settings, store = opened()
    if name is None:
        found = log_lines(store, follow=follow, pause=output.pause)
    else:
        files = _logs_of_servers(settings, store, name, service)
        found = lines(files, follow=follow, older=True, pause=output.pause)
    if follow:
        for line in found:
            output.line(output.in_a_line(_logged(line)) if as_json else line)
        return None
    if as_json:
        return output.as_json({"lines": [_logged(line) for line in found]})
    return Output("".join(f"{line}\n" for line in found))


def _logged(line: str) -> dict[str, str]:
    """Return for JSON whose log a line is of, and what it says."""
    log, _, text = line.partition(": ")
    return {"log": log, "line": text}


def _logs_of_servers(settings: "Settings", store: "Store", name: str, service: str | None) -> dict[str, Path]:
    """Return the logs of a worktree's servers by service. RouterError where the router has started none."""
    from router.servers import log, records

    try:
        own = records.of_path(store, named_worktree(settings, store, name)[1]["path"])
    except UnknownNameError:  # a worktree that is gone has its logs for a while
        own = tuple(each for each in records.every(store) if each.record.name == name)
        if not own:
            raise
    chosen = (each for each in own if service in (None, each.record.service))
    files = {each.record.service: log.path(each.directory) for each in chosen}
    if not files:
        what = f"not started {service} of {name}" if service else f"started no server of {name}"
        hint = "`router start` starts one; others print where they run"
        raise RouterError(f"the router has {what}", hint=hint)
    return files


def _end_started(store: "Store", commons: list[Path]) -> Output:
    from router.cli import ended
    from router.processes import guard
    from router.servers.stopping import stop_started
    from router.watcher import logs

    logs.log_to(store.watcher_log, rolls=False)
    roots = [each.path for each in store.memory().worktrees if each.path]
    done = stop_started(store, _running(store, commons), roots=roots, routers=guard.routers(store))
    return ended.stopped(done, asked=False, as_json=False) if done else Output(notes=("no server was running",))


def _still_running(store: "Store", commons: list[Path]) -> tuple[str, ...]:
    """Return a line for each server that was started and runs on, and what ends them."""
    left = [each.record for each in _running(store, commons)]
    lines = [f"{each.name}: {each.service} runs on (pid {each.server.pid})" for each in left]
    return (*lines, "`router down --servers` ends what the router has started") if lines else ()


def _running(store: "Store", commons: list[Path]) -> "list[Server]":
    """Return the servers that the router started and that run, of these repositories or of all."""
    from router.servers import records

    wanted = [*map(str, commons)]
    return [
        each for each in records.every(store) if each.runs and (not wanted or each.record.worktree.common_dir in wanted)
    ]


def _watch(settings: "Settings", store: "Store", commons: list[Path], *, take_over: bool, at: Path) -> None:
    from router.cli import asked
    from router.observe.listeners import SharedListeners
    from router.watcher import logs, loop

    logs.log_to(store.watcher_log)
    loop.watch(settings, store, commons, say=output.news, ready=partial(_show, at=at), take_over=take_over,
               answer=partial(asked.answer, store, listeners=SharedListeners()))  # fmt: skip


def _shown(document: "Document", *notes: str, at: Path, foreground: bool = False) -> Output:
    """Return the table and the first steps; the next one is for the worktree that the directory `at` is in."""
    from router.cli import first_steps, table

    return table.output(document, *notes, *first_steps.lines(document, at=at, foreground=foreground))


def _show(document: "Document", *, at: Path) -> None:
    result = _shown(document, at=at, foreground=True)
    output.news(result.text.removesuffix("\n"))
    for line in result.notes:
        output.note(line)

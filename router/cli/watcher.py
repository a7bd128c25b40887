"""The commands that start and stop the watcher, and show what it logs: `up`, `down`, `logs`."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.cli import output
from router.cli.options import Port, Repositories, current_directory, opened
from router.cli.output import Output

if TYPE_CHECKING:
    from router.settings import Settings
    from router.status import Document
    from router.store import Store

app = typer.Typer()

Mode = Annotated[str | None, typer.Option("--caddy", help="embedded, external or compose (ROUTER_CADDY).")]
Detach = Annotated[bool, typer.Option("--detach", help="Return when the first configuration is loaded.")]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Save and replace the configuration that an external Caddy serves.")
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
def down(repositories: Repositories = None) -> Output | None:
    """Stop the router and its Caddy. With REPO, only stop serving that repository."""
    from router.observe import git
    from router.watcher import client, shutdown

    settings, store = opened()
    if repositories:
        client.leave(store, [git.common_dir(path) for path in client.directories(repositories)])
    elif not shutdown.stop(settings, store):
        return Output(notes=("no router is running",))
    return None


@app.command()
def logs(follow: Follow = False) -> Output | None:
    """Print the logs of the watcher and of Caddy."""
    from router.watcher.logs import log_lines

    _, store = opened()
    if not follow:
        return Output("".join(f"{line}\n" for line in log_lines(store, follow=False)))
    for line in log_lines(store, follow=True, pause=output.pause):
        output.line(line)
    return None


def _watch(settings: "Settings", store: "Store", commons: list[Path], *, take_over: bool, at: Path) -> None:
    from router.watcher import logs, loop

    logs.log_to(store.watcher_log)
    loop.watch(settings, store, commons, say=output.news, ready=partial(_show, at=at), take_over=take_over)


def _shown(document: "Document", *notes: str, at: Path, foreground: bool = False) -> Output:
    """Return the table and the first steps; the next one is for the worktree that the directory `at` is in."""
    from router.cli import first_steps, table

    return table.output(document, *notes, *first_steps.lines(document, at=at, foreground=foreground), up_first=True)


def _show(document: "Document", *, at: Path) -> None:
    result = _shown(document, at=at, foreground=True)
    output.news(result.text.removesuffix("\n"))
    for line in result.notes:
        output.note(line)

"""The `router` command: options, output, and the one place where an error becomes a message and an exit code."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router import __version__
from router.cli import doctor, env, tools
from router.cli.options import Name, Port, Repositories, Service, line, opened, say, worktree
from router.errors import RouterError
from router.settings import Settings, load
from router.store import Store

if TYPE_CHECKING:
    from router.status import Document

app = typer.Typer(
    name="router",
    help="Every git worktree on its own http://<branch>.localhost, and one OAuth redirect URI for all of them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(doctor.app)
app.add_typer(env.app)
app.add_typer(tools.app)

Mode = Annotated[str | None, typer.Option("--caddy", help="embedded, external or compose (ROUTER_CADDY).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the document, schema 1.")]


@app.command()
def up(
    repositories: Repositories = None,
    port: Port = None,
    caddy: Mode = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when the first configuration is loaded.")] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Save and replace what an external Caddy serves of somebody else.")
    ] = False,
) -> None:
    """Start Caddy and the watcher, or let the running one serve these repositories too."""
    from router.cli import table
    from router.observe import git
    from router.watcher import client

    settings, store = opened(port=port, caddy=caddy)
    commons = [git.common_dir(path) for path in client.places(repositories or [Path.cwd()])]
    if owner := store.running_watcher():
        document, joined = client.join(settings, store, owner, commons, take_over=take_over)
        table.print_status(document)
        say(f"the router (pid {owner.pid}) {'serves this repository now' if joined else 'already runs for this'}")
    elif detach:
        options = [f"--port={settings.port}", f"--caddy={settings.caddy}", *(["--take-over"] if take_over else [])]
        table.print_status(client.detach(store, [*options, *map(str, commons)]))
    else:
        _watch(settings, store, commons, take_over=take_over)


@app.command()
def down(repositories: Repositories = None) -> None:
    """Stop the watcher and its Caddy; with REPO only let go of that repository."""
    from router.observe import git
    from router.watcher import client

    settings, store = opened()
    if repositories:
        client.leave(store, [git.common_dir(path) for path in client.places(repositories)])
    elif not client.stop(settings, store):
        say("nothing runs")


@app.command()
def status(
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again whenever it changes.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Print nothing; exit 1 on an error.")] = False,
) -> None:
    """Show the route table: names, URLs, ports and where they come from, what is up, what is wrong."""
    from router.cli import table
    from router.watcher import client

    settings, store = opened()

    def ask() -> "Document":
        return client.status(settings, store, cwd=Path.cwd())

    if watch:
        _live(ask)
    elif check:
        from router.status import problems

        raise typer.Exit(any(p["severity"] == "error" for p in problems(ask())))
    elif as_json:
        print(json.dumps(ask(), indent=2))
    else:
        table.print_status(ask())


@app.command()
def url(
    name: Name = None,
    service: Service = "web",
    direct: Annotated[bool, typer.Option("--direct", help="The address and port of the server itself.")] = False,
    oauth: Annotated[bool, typer.Option("--oauth", help="The redirect URI to register, the same for all.")] = False,
) -> None:
    """Print one URL."""
    from router.status import find_service

    settings, store = opened()
    if oauth:
        print(*settings.redirect_uris, sep="\n")
        return
    found = find_service(worktree(settings, store, name), service)
    address = f"[{found['address']}]" if ":" in found["address"] else found["address"]
    print(f"{address}:{found['port']}" if direct else found["url"])


@app.command(name="open")
def open_(name: Name = None, service: Service = "web") -> None:
    """Open a worktree's URL in the browser."""
    import webbrowser

    from router.status import find_service

    settings, store = opened()
    target = find_service(worktree(settings, store, name), service)["url"]
    print(target)
    if not webbrowser.open(target):
        raise RouterError("no browser could be opened", hint=f"open {target} by hand")


@app.command()
def explain(
    what: Annotated[str, typer.Argument(metavar="URL|STATE", help="A URL, an OAuth state, or a callback's form body.")],
) -> None:
    """Tell where a URL or an OAuth state would go, and by which rule. Codes and tokens are never printed."""
    from router.caddy.explain import explanation
    from router.watcher import preview

    settings, store = opened()
    planned, _ = preview.would_route(settings, store, preview.repositories(store, Path.cwd()))
    told = explanation(what, planned.table, port=settings.port, paths=settings.callback_paths,
                       target=settings.callback_target)  # fmt: skip
    print(*told.lines, sep="\n")
    raise typer.Exit(0 if told.routed else 1)


@app.command()
def render(
    loaded: Annotated[bool, typer.Option("--loaded", help="The text that Caddy last took.")] = False,
    sites: Annotated[bool, typer.Option("--sites", help="The sites alone, to import into a Caddyfile.")] = False,
) -> None:
    """Print a Caddyfile of the route table that a plain `caddy run` serves."""
    from router.watcher import preview

    settings, store = opened()
    if not loaded:
        print(preview.rendered(settings, store, cwd=Path.cwd(), sites=sites), end="")
        return
    text = store.read(store.caddyfile)
    if text is None:
        raise RouterError("nothing has been loaded yet", hint="run `router up`")
    print(text, end="")


@app.command()
def logs(
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is written from now.")] = False,
) -> None:
    """Print the watcher's and Caddy's log."""
    from router.watcher import client

    _, store = opened()
    for each in client.log_lines(store, follow=follow):
        print(each, flush=follow)


@app.command()
def demo(
    port: Port = None,
    check: Annotated[bool, typer.Option("--check", help="Walk through it alone; exit 1 if a step fails.")] = False,
    browse: Annotated[bool, typer.Option("--open/--no-open", help="Open the dashboard in the browser.")] = True,
) -> None:
    """Show everything on a throw-away repository, until Ctrl-C removes it."""
    from router.demo.check import check as passes
    from router.demo.show import show

    wanted = load(port=port).port
    if check:
        raise typer.Exit(0 if passes(wanted, say=line, log=say) else 1)
    show(wanted, browse=browse, say=line)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command and end with its exit code: 0 fine, 1 expected failure, 2 usage, 3 a bug, 130 interrupted."""
    try:
        code = app(standalone_mode=False)
    except RouterError as exc:
        code = _failed(exc)
    except BrokenPipeError:  # the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as exc:
        code = _usage(exc) if hasattr(exc, "format_message") else _bug()
    sys.exit(int(code or 0))


def _watch(settings: Settings, store: Store, commons: list[Path], *, take_over: bool) -> None:
    from router.cli import table
    from router.watcher import client, loop

    client.log_to(store.watcher_log)
    client.begin(store, commons)
    loop.Watcher(settings, store, say=line, ready=table.print_status, take_over=take_over).run()


def _live(ask: "Callable[[], Document]") -> None:
    from rich.console import Console
    from rich.live import Live

    from router.cli import table

    console = Console()
    shown: Document = {}
    while not console.is_terminal:
        if (document := ask()) != shown:
            table.print_status(shown := document)
        time.sleep(0.5)
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            live.update(table.renderable(ask()), refresh=True)
            time.sleep(0.5)


def _failed(exc: RouterError) -> int:
    say(f"error: {exc.message}")
    if exc.hint:
        say(f"  → {exc.hint}")
    return exc.exit_code


def _usage(exc: Exception) -> int:
    say(f"error: {exc.format_message()}")  # type: ignore[attr-defined] # click's own, vendored or not
    say("  → see `router --help`")
    return 2


def _bug() -> int:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="router-bug-", suffix=".log", delete=False) as file:
        file.write(traceback.format_exc())
    say(f"error: this is a bug in router {__version__}; the traceback is in {file.name}")
    return 3

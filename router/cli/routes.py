"""The commands that show what is routed: `status`, `url`, `open`, `explain`, `render`."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from router.cli import output
from router.cli.options import Name, Service, current_directory, named_worktree, opened
from router.cli.output import Output
from router.errors import RouterError
from router.naming import host_port

if TYPE_CHECKING:
    from router.status import Document
    from router.store import Store

app = typer.Typer()

_PAUSE = 0.5  # seconds between two looks of `status --watch`

AsJson = Annotated[bool, typer.Option("--json", help="Print the status document, schema 1.")]
Watch = Annotated[bool, typer.Option("--watch", help="Show it again whenever it changes.")]
Check = Annotated[bool, typer.Option("--check", help="Print nothing; exit 1 on a problem of severity error.")]
Memory = Annotated[bool, typer.Option("--memory", help="Show the memory that each worktree uses, too.")]
Direct = Annotated[bool, typer.Option("--direct", help="The address and port of the server itself.")]
Oauth = Annotated[bool, typer.Option("--oauth", help="The redirect URI to register, the same for every worktree.")]
Loaded = Annotated[bool, typer.Option("--loaded", help="The Caddyfile that Caddy loaded last.")]
Sites = Annotated[bool, typer.Option("--sites", help="Only the sites, to import into another Caddyfile.")]
What = Annotated[str, typer.Argument(metavar="URL|STATE", help="A URL, an OAuth state, or a callback's form body.")]


@app.command()
def status(as_json: AsJson = False, watch: Watch = False, check: Check = False, memory: Memory = False) -> Output:
    """Show every worktree with its URLs and ports. Also where each port comes from, what is up, and what is wrong."""
    from router.cli import table
    from router.status import problems
    from router.watcher import client

    settings, store = opened()
    cwd = current_directory()

    def ask() -> "Document":
        document = client.status(settings, store, cwd=cwd)
        return _with_memory(document, store) if memory else document

    if watch:
        _show_changes(ask)
    document = ask()
    if check:
        return Output(code=int(any(problem["severity"] == "error" for problem in problems(document))))
    if as_json:
        return Output(f"{json.dumps(document, indent=2)}\n")
    return table.output(document)


def runs() -> bool:
    """Tell whether a router runs. SettingsError where the settings cannot be used."""
    from router.settings import load
    from router.store import Store

    return Store(load().state_dir).running_watcher() is not None


@app.command()
def url(name: Name = None, service: Service = "web", direct: Direct = False, oauth: Oauth = False) -> Output:
    """Print one URL."""
    from router.status import find_service

    settings, store = opened()
    if oauth:
        return Output("".join(f"{uri}\n" for uri in settings.redirect_uris))
    document, tree = named_worktree(settings, store, name)
    target = find_service(tree, service)
    server = host_port(target["address"], target["port"])
    return Output(f"{server if direct else target['url']}\n", _doubts(document))


@app.command(name="open")
def open_(name: Name = None, service: Service = "web") -> Output:
    """Open a worktree's URL in the browser."""
    import webbrowser

    from router.status import find_service

    settings, store = opened()
    document, tree = named_worktree(settings, store, name)
    target = find_service(tree, service)["url"]
    if not webbrowser.open(target):
        raise RouterError(f"no browser opened {target}", hint="open it by hand, or name a browser in BROWSER")
    return Output(f"{target}\n", _doubts(document))


@app.command()
def explain(what: What) -> Output:
    """Explain where a URL or an OAuth state leads. It names the rule, and never prints codes or tokens."""
    from router.caddy.explain import explanation
    from router.watcher import preview

    settings, store = opened()
    planned, _ = preview.would_route(settings, store, preview.repositories(store, current_directory()))
    explained = explanation(what, planned.table, port=settings.port, paths=settings.callback_paths,
                            target=settings.callback_target)  # fmt: skip
    return Output("".join(f"{line}\n" for line in explained.lines), code=0 if explained.routed else 1)


@app.command()
def render(loaded: Loaded = False, sites: Sites = False) -> Output:
    """Print the routes as a Caddyfile. A plain `caddy run` serves it."""
    from router.watcher import preview

    settings, store = opened()
    if not loaded:
        return Output(preview.rendered(settings, store, cwd=current_directory(), sites=sites))
    text = store.read(store.caddyfile)
    if text is None:
        raise RouterError("Caddy has loaded no configuration yet", hint="run `router up --detach`")
    return Output(text)


def _doubts(document: "Document") -> tuple[str, ...]:
    """Return what to say of a document whose watcher is hung: it may be out of date."""
    from router.cli import table

    hung = (problem for problem in document["problems"] if problem["kind"] == "watcher-hung")
    return tuple(line for problem in hung for line in table.problem_lines(problem))


def _show_changes(ask: "Callable[[], Document]") -> None:
    """Show the status whenever it changes, until interrupted: in place on a terminal, one below the other elsewhere."""
    from rich.console import Console
    from rich.live import Live

    from router.cli import table

    console = Console()
    shown: Document = {}
    while not console.is_terminal:
        if (document := ask()) != shown:
            output.show(table.output(document))
            shown = document
        output.pause(_PAUSE)
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            live.update(table.renderable(ask()), refresh=True)
            output.pause(_PAUSE)


def _with_memory(document: "Document", store: "Store") -> "Document":
    from router.processes import guard
    from router.processes.usage import with_memory

    return with_memory(document, routers=guard.routers(store))

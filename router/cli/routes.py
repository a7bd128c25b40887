"""The commands that show what is routed: `status`, `url`, `open`, `explain`, `render`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from router.cli import outcomes, output
from router.cli.opened import current_directory, named_worktree, opened
from router.cli.options import AsJson as Plain
from router.cli.options import Name, Service
from router.cli.output import Output
from router.errors import RouterError

if TYPE_CHECKING:
    from router.document import Document
    from router.store import Store

app = typer.Typer()

AsJson = Annotated[bool, typer.Option("--json", help="Print the status document, schema 1.")]
Watch = Annotated[
    bool, typer.Option("--watch", help="Show it again whenever it changes, with keys that start and stop.")
]
Check = Annotated[bool, typer.Option("--check", help="Print nothing; exit 1 on a problem of severity error.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", help="On a terminal: whole URLs, branches, sources of ports.")
]
Memory = Annotated[bool, typer.Option("--memory", help="Show the memory that each worktree uses, too.")]
Direct = Annotated[bool, typer.Option("--direct", help="The address and port of the server itself.")]
Oauth = Annotated[bool, typer.Option("--oauth", help="The redirect URI to register, the same for every worktree.")]
Loaded = Annotated[bool, typer.Option("--loaded", help="The Caddyfile that Caddy loaded last.")]
Sites = Annotated[bool, typer.Option("--sites", help="Only the sites, to import into another Caddyfile.")]
What = Annotated[str, typer.Argument(metavar="URL|STATE", help="A URL, an OAuth state, or a callback's form body.")]


@app.command()
def status(
    as_json: AsJson = False,
    watch: Watch = False,
    check: Check = False,
    memory: Memory = False,
    verbose: Verbose = False,
) -> Output:
    """Show every worktree with its URLs and ports. Also where each port comes from, what is up, and what is wrong."""
    from router.cli import table
    from router.document import problems
    from router.watcher import client

    settings, store = opened()
    cwd = current_directory()

    def ask() -> "Document":
        document = client.status(settings, store, cwd=cwd)
        return _with_memory(document, store) if memory else document

    if watch:
        from router.cli import watching

        watching.show_changes(ask, store, verbose=verbose)
        return Output()
    document = ask()
    if check:
        return Output(code=int(any(problem["severity"] == "error" for problem in problems(document))))
    if as_json:
        return Output(f"{json.dumps(document, indent=2)}\n")
    return table.output(document, verbose=verbose)


@app.command()
def ls(as_json: AsJson = False, verbose: Verbose = False) -> Output:
    """List the worktrees, as `status` does."""
    return status(as_json=as_json, verbose=verbose)


def runs() -> bool:
    """Tell whether a router runs. SettingsError where the settings cannot be used."""
    from router.settings import load
    from router.store import Store

    return Store(load().state_dir).running_watcher() is not None


@app.command()
def url(
    name: Name = None, service: Service = "web", direct: Direct = False, oauth: Oauth = False, as_json: Plain = False
) -> Output:
    """Print one URL."""
    settings, store = opened()
    if oauth:
        uris = settings.redirect_uris_with(_callback_paths())
        return output.as_json({"redirect_uris": uris}) if as_json else Output("".join(f"{uri}\n" for uri in uris))
    cwd = current_directory()
    return outcomes.url(settings, store, name, cwd=cwd, service=service, direct=direct, as_json=as_json)


@app.command(name="open")
def open_(name: Name = None, service: Service = "web") -> Output:
    """Open a worktree's URL in the browser."""
    import webbrowser

    from router.document import find_service

    settings, store = opened()
    document, tree = named_worktree(settings, store, name)
    target = find_service(tree, service)["url"]
    if not webbrowser.open(target):
        raise RouterError(f"no browser opened {target}", hint="open it by hand, or name a browser in BROWSER")
    return Output(f"{target}\n", outcomes.doubts(document))


@app.command()
def explain(what: What, as_json: Plain = False) -> Output:
    """Explain where a URL or an OAuth state leads. It names the rule, and never prints codes or tokens."""
    settings, store = opened()
    return outcomes.explained(settings, store, what, cwd=current_directory(), as_json=as_json)


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


def _callback_paths() -> tuple[str, ...]:
    """Return the callback paths of the current directory's repository, none outside of every repository."""
    from router.observe import git, survey

    try:
        [repository] = survey.repositories([str(git.common_dir(current_directory()))])
    except RouterError:
        return ()
    return repository.callback_paths


def _with_memory(document: "Document", store: "Store") -> "Document":
    from router.processes import guard
    from router.processes.usage import with_memory

    return with_memory(document, routers=guard.routers(store))

"""The command `router curl`: a request to a worktree that works wherever `*.localhost` is resolved or not."""

from typing import Annotated, NoReturn
from urllib.parse import urlsplit

import typer

from router.cli import completion
from router.cli.opened import named_worktree, opened
from router.cli.options import Service
from router.errors import UsageError
from router.naming import resolving
from router.text import shown

app = typer.Typer()

Target = Annotated[str, typer.Argument(metavar="PATH|URL", help="A path of the worktree, or a URL of the router's.")]
Rest = Annotated[list[str] | None, typer.Argument(metavar="[ARG]...", help="What curl gets besides.")]
Named = Annotated[
    str | None,
    typer.Option(
        "--name", help="Another worktree than that of the current directory.", autocompletion=completion.names
    ),
]


@app.command(context_settings={"allow_interspersed_args": False})
def curl(target: Target, rest: Rest = None, name: Named = None, service: Service = "web") -> NoReturn:
    """Ask a worktree with curl. It reaches it also where *.localhost is not resolved, and past every proxy."""
    import os

    from router.cli.become import become
    from router.document import find_service
    from router.values import replace

    settings, store = opened()
    if watcher := store.running_watcher():
        settings = replace(settings, port=watcher.port)
    if target.startswith("/"):
        _, tree = named_worktree(settings, store, name)
        target = f"{find_service(tree, service)['url']}{target}"
    else:
        _check(target, port=settings.port)
    options = ["--silent", "--show-error", "--resolve", resolving(settings.port), "--noproxy", "localhost"]
    become(["curl", *options, *(rest or ()), target], os.environ)


def _check(url: str, *, port: int) -> None:
    """Raise UsageError where a URL is none of the router's."""
    try:
        found = urlsplit(url)
        own = (found.scheme, found.port) == ("http", port) and f".{found.hostname}".endswith(".localhost")
    except ValueError:
        own = False
    if not own:
        hint = "give a path, as /api/users, or a URL as `router url` prints it; the options of curl come after it"
        raise UsageError(f"{shown(url)!r} is no URL of this router", hint=hint)

"""The options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from router.cli import completion

Repositories = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[REPO]...", help="Repositories, or a pattern of them; default: that of the current directory."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Port = Annotated[int | None, typer.Option("--port", help="The loopback port that Caddy listens on (ROUTER_PORT).")]
Name = Annotated[
    str | None,
    typer.Argument(
        help="Label, alias or branch; default: the current directory's worktree.", autocompletion=completion.names
    ),
]
Service = Annotated[
    str, typer.Option("--service", help="Which service of the worktree.", autocompletion=completion.services)
]
OnlyService = Annotated[
    str | None,
    typer.Option("--service", help="Only this service of the worktree.", autocompletion=completion.services),
]

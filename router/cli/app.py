"""The `router` command: its families, in the order in which `router --help` lists them."""

from typing import Annotated

import typer

from router import __version__
from router.cli import demo, doctor, env, hosts, output, processes, routes, tools, trust, watcher
from router.cli.output import Output

app = typer.Typer(
    name="router",
    help="Every git worktree on its own http://<branch>.localhost, and one OAuth redirect URI for all of them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(watcher.app)
app.add_typer(routes.app)
app.add_typer(env.app)
app.add_typer(processes.app)
app.add_typer(trust.app)
app.add_typer(tools.app)
app.add_typer(doctor.app)
app.add_typer(hosts.app, name="hosts")
app.add_typer(demo.app)


def _show(result: Output | None, **_: object) -> None:
    """Print what a command returned, and end with its exit code."""
    raise typer.Exit(output.show(result) if result else 0)


@app.callback(invoke_without_command=True, result_callback=_show)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        output.line(__version__)
        raise typer.Exit

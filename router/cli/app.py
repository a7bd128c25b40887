"""The `router` command: its families, in the order in which `router --help` lists them."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from router import __version__
from router.cli import (
    completion,
    curl,
    demo,
    doctor,
    env,
    hosts,
    output,
    processes,
    resources,
    routes,
    servers,
    sleep,
    tools,
    trust,
    watcher,
)
from router.cli.output import Output

FAMILIES = (
    ("Start and stop", watcher.app),
    ("See what is routed", routes.app),
    ("See what is routed", curl.app),
    ("Work in a worktree", env.app),
    ("Processes", servers.app),
    ("Processes", processes.app),
    ("Processes", sleep.app),
    ("Databases, queues, caches", trust.app),
    ("Databases, queues, caches", resources.app),
    ("Set up and check", tools.app),
    ("Set up and check", doctor.app),
)
_LAST = FAMILIES[-1][0]


class Grouped(TyperGroup):
    """Lists commands by family, without what Typer imports for that (rich)."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each family, its commands with the first sentence of their help."""
        commands = {name: self.commands[name] for name in self.list_commands(ctx) if not self.commands[name].hidden}
        room = formatter.width - 6 - max(map(len, commands), default=0)
        families: dict[str, list[tuple[str, str]]] = {}
        for name, command in commands.items():
            family = getattr(command, "rich_help_panel", None) or _LAST
            families.setdefault(family, []).append((name, command.get_short_help_str(room)))
        for family, rows in families.items():
            with formatter.section(family):
                formatter.write_dl(rows, col_spacing=2 + max(map(len, commands)) - max(len(name) for name, _ in rows))


app = typer.Typer(
    name="router",
    cls=Grouped,
    help="Every git worktree on its own http://<branch>.localhost, and one OAuth redirect URI for all of them.",
    add_completion=False,  # `completion` installs it
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for _title, _family in FAMILIES:
    for _command in _family.registered_commands:
        _command.rich_help_panel = _title
    for _group in _family.registered_groups:
        _group.rich_help_panel = _title
    app.add_typer(_family)
app.add_typer(hosts.app, name="hosts", rich_help_panel=_LAST)
app.add_typer(demo.app)
completion.answer()


def _show(result: Output | None, **_: object) -> None:
    """Print what a command returned, and end with its exit code."""
    raise typer.Exit(output.show(result) if result else 0)


@app.callback(invoke_without_command=True, result_callback=_show)
def _without_command(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    install_completion: Annotated[
        bool, typer.Option("--install-completion", help="Let this shell complete commands and names.")
    ] = False,
) -> Output | None:
    if version:
        output.line(__version__)
        raise typer.Exit
    if install_completion:
        raise typer.Exit(output.show(completion.install()))
    if context.invoked_subcommand is not None:
        return None
    if routes.runs():
        return routes.status()
    output.note(context.get_help())
    raise typer.Exit(2)

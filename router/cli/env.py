"""The commands of a worktree's environment: `env` prints, writes and checks it, `run` runs a command in it."""

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from router.cli import outcomes, output
from router.cli.become import become
from router.cli.opened import current_directory, opened
from router.cli.options import AsJson
from router.cli.output import Output
from router.errors import UsageError

if TYPE_CHECKING:
    from router.settings import Settings
    from router.store import Store
    from router.trust.databases import Databases

app = typer.Typer()


class Format(StrEnum):
    """How the environment is written."""

    shell = "shell"
    dotenv = "dotenv"
    json = "json"
    mise = "mise"


AsFormat = Annotated[
    Format | None, typer.Option("--format", help="How to write it; default: shell, and dotenv with --write.")
]
Write = Annotated[bool, typer.Option("--write", help="Into .env.local, or .mise.local.toml for mise.")]
Check = Annotated[bool, typer.Option("--check", help="Exit 1 where a value is another worktree's, or main's too.")]
Command = Annotated[list[str], typer.Argument(metavar="CMD...", help="The command and its arguments.")]
AsIs = Annotated[bool, typer.Option("--as-is", help="Leave the command as it is typed, and PORT that of web.")]
OfService = Annotated[str | None, typer.Option("--service", help="The service that the command is; default: web.")]
ForTests = Annotated[bool, typer.Option("--test", help="With the worktree's database for tests.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="With a database for this command alone, dropped after it.")]
Fix = Annotated[bool, typer.Option("--fix", help="Replace values of another worktree instead of refusing.")]


@app.command()
def env(form: AsFormat = None, write: Write = False, check: Check = False, as_json: AsJson = False) -> Output:
    """Print a worktree's environment. It has the ports, names and URLs of the current directory's worktree."""
    from router.env import env_files

    settings, store = opened()
    cwd = current_directory()
    if write:
        path = env_files.write(settings, store, cwd=cwd, form=_file_format(form))
        visible = env_files.is_seen_by_git(path)
        return Output(notes=(f"wrote {path}{'; git does not ignore it: add it to .gitignore' if visible else ''}",))
    if check:
        return outcomes.checked(settings, store, cwd=cwd, environ=os.environ)
    return outcomes.environment(settings, store, cwd=cwd, form=form or Format.shell, as_json=as_json)


@app.command(context_settings={"allow_interspersed_args": False})
def run(
    command: Command, *, fix: Fix = False, as_is: AsIs = False, service: OfService = None, test: ForTests = False,
    fresh: Fresh = False,
) -> None:  # fmt: skip
    """Run a command in a worktree's environment. A server takes the worktree's port, whatever its framework."""
    from router import proc

    if test and fresh:
        raise UsageError("--test and --fresh do not go together", hint="use one of them")
    settings, store = opened()
    ready = outcomes.ready(
        settings, store, tuple(command), cwd=current_directory(), environ=os.environ, fix=fix, as_is=as_is,
        service=service,
    )  # fmt: skip
    for line in ready.notes:
        output.note(line)
    if fresh:
        with _databases(settings, store).for_one_command() as variables:
            raise typer.Exit(proc.run_in_foreground(ready.argv, env={**ready.environ, **variables}))
    become(ready.argv, {**ready.environ, **(_databases(settings, store).for_tests() if test else {})})


def _databases(settings: "Settings", store: "Store") -> "Databases":
    from router.env.current import current_worktree
    from router.trust.databases import Databases
    from router.trust.resources import Provider

    current = current_worktree(settings, store, cwd=current_directory())
    return Databases(Provider(settings, store), current.repository, current.worktree, current.memory)


def _file_format(form: Format | None) -> Literal["dotenv", "mise"]:
    if form in {Format.shell, Format.json}:
        raise UsageError(f"--write cannot write the format {form}", hint="use --format dotenv or --format mise")
    return "mise" if form is Format.mise else "dotenv"

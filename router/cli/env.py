"""The commands of a worktree's environment: `env` prints, writes and checks it, `run` runs a command in it."""

import os
import signal
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from router.cli.options import opened, say
from router.errors import CommandError, UsageError

app = typer.Typer()


class Format(StrEnum):
    """How the environment is written."""

    shell = "shell"
    dotenv = "dotenv"
    json = "json"
    mise = "mise"


@app.command()
def env(
    form: Annotated[
        Format | None, typer.Option("--format", help="How to write it; default: shell, dotenv with --write.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Into .env.local, or .mise.local.toml for mise.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 where a value is another worktree's.")] = False,
) -> None:
    """Print the environment of the current directory's worktree: its own ports, names and URLs."""
    from router.env import env_files, leaks, worktree_env

    settings, store = opened()
    if write:
        path = env_files.write(settings, store, cwd=Path.cwd(), form=_of_file(form))
        seen = env_files.is_seen_by_git(path)
        say(f"wrote {path}{'; git does not ignore it: add it to .gitignore' if seen else ''}")
    elif check:
        leaks.refuse(worktree_env.leaked_values(settings, store, cwd=Path.cwd(), environ=os.environ))
        say("nothing here is another worktree's")
    else:
        _print(form or Format.shell, worktree_env.resolve(settings, store, cwd=Path.cwd()).environment.values)


@app.command(context_settings={"allow_interspersed_args": False})
def run(
    command: Annotated[list[str], typer.Argument(metavar="CMD...", help="The command and its arguments.")],
    fix: Annotated[bool, typer.Option("--fix", help="Replace values of another worktree instead of refusing.")] = False,
) -> None:
    """Run a command in the environment of the current directory's worktree."""
    from router.env import worktree_env

    settings, store = opened()
    environ, replaced = worktree_env.command_environment(settings, store, cwd=Path.cwd(), environ=os.environ, fix=fix)
    for leak in replaced:
        say(f"replaced: {leak}")
    _become(command, environ)


def _of_file(form: Format | None) -> Literal["dotenv", "mise"]:
    if form in {Format.shell, Format.json}:
        raise UsageError(f"no file of a worktree is in the format {form}", hint="use --format dotenv or --format mise")
    return "mise" if form is Format.mise else "dotenv"


def _print(form: Format, values: Mapping[str, str]) -> None:
    from router.env import formats

    writers = {Format.shell: formats.shell, Format.dotenv: formats.dotenv, Format.json: formats.as_json}
    text = writers[form](values) if form in writers else f"[env]\n{formats.mise(values)}"
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))


def _become(command: list[str], environ: dict[str, str]) -> None:
    """Become the command: signals and its exit status are its own from here."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and what it becomes would too
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606 - that is what it is for
    except FileNotFoundError as exc:
        raise CommandError(
            f"{command[0]} is not found", hint="see whether it is installed and on PATH", found=False
        ) from exc
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else exc
        raise CommandError(f"{command[0]} cannot be run: {why}", hint="is it an executable file?", found=True) from exc

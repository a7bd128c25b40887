"""The commands of a worktree's environment: `env` prints, writes and checks it, `run` runs a command in it."""

import os
import shlex
import signal
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from router.cli import output
from router.cli.options import current_directory, opened
from router.cli.output import Output
from router.errors import CommandError, UsageError

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
def env(form: AsFormat = None, write: Write = False, check: Check = False) -> Output:
    """Print a worktree's environment. It has the ports, names and URLs of the current directory's worktree."""
    from router.env import copied, env_files, leaks, worktree_env

    settings, store = opened()
    cwd = current_directory()
    if write:
        path = env_files.write(settings, store, cwd=cwd, form=_file_format(form))
        visible = env_files.is_seen_by_git(path)
        return Output(notes=(f"wrote {path}{'; git does not ignore it: add it to .gitignore' if visible else ''}",))
    if check:
        leaked, common = worktree_env.foreign_values(settings, store, cwd=cwd, environ=os.environ)
        leaks.refuse(leaked)
        copied.refuse(common)
        return Output(notes=("no value belongs to another worktree",))
    return Output(_text(form or Format.shell, worktree_env.resolve(settings, store, cwd=cwd).environment.values))


@app.command(context_settings={"allow_interspersed_args": False})
def run(
    command: Command, *, fix: Fix = False, as_is: AsIs = False, service: OfService = None, test: ForTests = False,
    fresh: Fresh = False,
) -> None:  # fmt: skip
    """Run a command in a worktree's environment. A server takes the worktree's port, whatever its framework."""
    from router import proc
    from router.env import worktree_env
    from router.launch.prepared import prepared

    if test and fresh:
        raise UsageError("--test and --fresh do not go together", hint="use one of them")
    settings, store = opened()
    cwd = current_directory()
    own = worktree_env.command_environment(settings, store, cwd=cwd, environ=os.environ, fix=fix)
    for leak in own.replaced:
        output.note(f"replaced: {leak}")
    if names := ", ".join(dict.fromkeys(each.assignment.variable for each in own.copied)):
        output.note(f"warning: the main checkout has the same {names}; `router env --check` says what to do")
    argv, environ = command, dict(own.values)
    if not as_is:
        ready = prepared(
            tuple(command), own.values, root=own.root, ports=own.ports, cwd=cwd, service=service, store=store
        )
        for line in ready.notes:
            output.note(line)
        argv, environ = list(ready.argv), dict(ready.environ)
    if fresh:
        with _databases(settings, store).for_one_command() as variables:
            raise typer.Exit(proc.run_in_foreground(argv, env={**environ, **variables}))
    _become(argv, {**environ, **(_databases(settings, store).for_tests() if test else {})})


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


def _text(form: Format, values: Mapping[str, str]) -> str:
    from router.env import formats

    writers = {Format.shell: formats.shell, Format.dotenv: formats.dotenv, Format.json: formats.as_json}
    return writers[form](values) if form in writers else f"[env]\n{formats.mise(values)}"


def _become(command: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Become the command: it receives the signals, and its exit status is the one of `router run`."""
    # Python ignores these, and the command would inherit that
    ignored = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGPIPE, signal.SIGXFSZ)}
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606 - running a command is what `router run` is for
    except FileNotFoundError as exc:
        hint = "check that it is installed and on PATH"
        raise CommandError(f"{shlex.quote(command[0])} is not found", hint=hint, found=False) from exc
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        hint = "check that it is an executable file"
        raise CommandError(f"{shlex.quote(command[0])} cannot be run: {reason}", hint=hint, found=True) from exc
    finally:
        for number, action in ignored.items():
            signal.signal(number, action)

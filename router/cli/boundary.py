"""The error boundary: the one place where an error becomes a message, a hint and an exit code."""

import sys
import tempfile
import traceback
from collections.abc import Sequence
from errno import EPIPE

from router import __version__
from router.cli import output
from router.errors import RouterError


def main() -> None:
    """Run the command that was typed, and end with its exit code."""
    output.open_closed_streams()
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 fine, 1 expected failure, 2 usage, 3 a bug, 130 interrupted.

    Without `arguments` it is the one that was typed. Nothing is left for Python to print at its end.
    """
    code = _code(arguments)
    if reason := output.unwritten():
        return _lost(reason, code)
    return code


def _code(arguments: Sequence[str] | None) -> int:
    from router.cli.app import app

    try:
        return int(app(arguments, standalone_mode=False) or 0)
    except RouterError as exc:
        return _failed(exc)
    except output.OutputLostError as exc:
        return _lost(exc.reason)
    except SystemExit as exc:  # Typer's own answer to a pipe that was closed while it printed help
        return int(exc.code or 0)
    except OSError as exc:
        return _lost(exc) if output.lost() else _bug()
    except Exception as exc:
        return _misused(exc) if hasattr(exc, "format_message") else _bug()


def _failed(exc: RouterError) -> int:
    output.note(f"error: {exc.message}")
    if exc.hint:
        output.note(f"  → {exc.hint}")
    return exc.exit_code


def _misused(exc: Exception) -> int:
    message = exc.format_message()  # type: ignore[attr-defined] # click's own, vendored or not
    if message.startswith("Usage: "):  # the help itself: no command was named
        output.note(message)
    else:
        output.note(f"error: {message}")
        output.note("  → see `router --help`")
    return 2


def _lost(reason: OSError, code: int = 1) -> int:
    """Return the exit code of a command whose output is lost; a reader who closed the pipe has what it wanted."""
    output.discard(sys.stdout)
    if reason.errno != EPIPE:
        output.note(f"error: standard output cannot be written: {reason.strerror}")
        output.note("  → run the command again with its output to a terminal, a file or a pipe that takes it")
    return code or 1


def _bug() -> int:
    report = traceback.format_exc()
    try:
        with tempfile.NamedTemporaryFile("w", prefix="router-bug-", suffix=".log", delete=False) as file:
            file.write(report)
        output.note(f"error: this is a bug in router {__version__}; its traceback is in {file.name}")
    except OSError as exc:
        output.note(f"error: this is a bug in router {__version__}; its traceback cannot be written: {exc.strerror}")
        output.note(f"  → make room in {tempfile.gettempdir()} and run the command again: {report.splitlines()[-1]}")
    return 3

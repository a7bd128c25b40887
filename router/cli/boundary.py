"""The error boundary: the one place where an error becomes a message, a hint and an exit code."""

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from errno import EPIPE
from itertools import takewhile
from typing import NamedTuple, NoReturn

from router import __version__
from router.cli import output, quick
from router.cli.outcomes import Ready
from router.cli.output import Output
from router.errors import RouterError, UsageError, code_of

PASSING_ON = ("run", "curl")  # whose arguments are another program's


class Fault(NamedTuple):
    """What went wrong: what programs tell it by, what is said of it, and what to do next (empty where nobody knows)."""

    code: str
    message: str
    hint: str = ""


Tell = Callable[[Fault], None]


def main() -> None:
    """Run the command that was typed, and end with its exit code."""
    output.open_closed_streams()
    code = run()
    gc.freeze()  # else Python looks for garbage in everything once more as it ends
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 fine, 1 expected failure, 2 usage, 3 a bug, 130 interrupted.

    Without `arguments` it is the one that was typed. Nothing is left for Python to print at its end.
    """
    typed = sys.argv[1:] if arguments is None else arguments
    tell = _in_json if asks_for_json(typed) else _in_words
    code = _code(typed, tell)
    if reason := output.unwritten():
        return _lost(reason, tell, code)
    return code


def asks_for_json(arguments: Sequence[str]) -> bool:
    """Tell whether a command is to print JSON, whatever else is wrong with what was typed."""
    if arguments and arguments[0] in PASSING_ON:
        return False
    return "--json" in takewhile(lambda each: each != "--", arguments)


def _code(arguments: Sequence[str], tell: Tell) -> int:
    try:
        return _answered(arguments)
    except RouterError as exc:
        tell(Fault(exc.code, exc.message, exc.hint))
        return exc.exit_code
    except output.OutputLostError as exc:
        return _lost(exc.reason, tell)
    except SystemExit as exc:  # Typer's own answer to a pipe that was closed while it printed help
        return int(exc.code or 0)
    except OSError as exc:
        return _lost(exc, tell) if output.lost() else _bug(tell)
    except Exception as exc:
        return _misused(exc, tell) if hasattr(exc, "format_message") else _bug(tell)


def _answered(arguments: Sequence[str]) -> int:
    with _without_collection():
        result = quick.answer(arguments) or _alone(arguments)
    if isinstance(result, Output):
        return output.show(result)
    if result is not None:
        return _become(result)
    from router.cli.app import app

    return int(app(arguments, standalone_mode=False) or 0)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Look for no garbage: a short command needs what it has made to its end, so that each search is in vain."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _alone(arguments: Sequence[str]) -> Output | Ready | None:
    from router.cli import alone

    return alone.answer(arguments)


def _become(ready: Ready) -> NoReturn:
    from router.cli.become import become

    for line in ready.notes:
        output.note(line)
    become(ready.argv, ready.environ)


def _in_words(fault: Fault) -> None:
    output.note(f"error: {fault.message}")
    if fault.hint:
        output.note(f"  → {fault.hint}")


def _in_json(fault: Fault) -> None:
    output.note(output.in_a_line(fault._asdict()))


def _misused(exc: Exception, tell: Tell) -> int:
    message = exc.format_message()  # type: ignore[attr-defined] # click's own, vendored or not
    if message.startswith("Usage: "):  # the help itself: no command was named
        output.note(message)
    else:
        tell(Fault(code_of(UsageError), message, "see `router --help`"))
    return 2


def _lost(reason: OSError, tell: Tell, code: int = 1) -> int:
    """Return the exit code of a command whose output is lost; a reader who closed the pipe has what it wanted."""
    output.discard(sys.stdout)
    if reason.errno != EPIPE:
        hint = "run the command again with its output to a terminal, a file or a pipe that takes it"
        tell(Fault("output-lost", f"standard output cannot be written: {reason.strerror}", hint))
    return code or 1


def _bug(tell: Tell) -> int:
    import tempfile
    import traceback

    report = traceback.format_exc()
    message, hint = f"this is a bug in router {__version__}; its traceback ", ""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="router-bug-", suffix=".log", delete=False) as file:
            file.write(report)
        message += f"is in {file.name}"
    except OSError as exc:
        message += f"cannot be written: {exc.strerror}"
        hint = f"make room in {tempfile.gettempdir()} and run the command again: {report.splitlines()[-1]}"
    tell(Fault("bug", message, hint))
    return 3

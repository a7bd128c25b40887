"""Becoming a command: what `router run` and `router curl` end as."""

import os
import signal
from collections.abc import Mapping
from typing import NoReturn

from router.errors import CommandError


def become(command: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Become the command: it receives the signals, and its exit status is the one of the router's command."""
    # Python ignores these, and the command would inherit that
    ignored = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGPIPE, signal.SIGXFSZ)}
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606 - running a command is what `router run` is for
    except FileNotFoundError as exc:
        hint = "check that it is installed and on PATH"
        raise CommandError(f"{_quoted(command[0])} is not found", hint=hint, found=False) from exc
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        hint = "check that it is an executable file"
        raise CommandError(f"{_quoted(command[0])} cannot be run: {reason}", hint=hint, found=True) from exc
    finally:
        for number, action in ignored.items():
            signal.signal(number, action)


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)

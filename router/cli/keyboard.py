"""The keys that are pressed on a terminal, one at a time; it is as it was afterwards, whatever ends the command."""

import os
import re
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

KEYS = {
    "\x1b[A": "up", "\x1bOA": "up", "k": "up", "\x1b[B": "down", "\x1bOB": "down", "j": "down",
    "o": "open", "\r": "open", "\n": "open", "s": "start", "x": "stop", "l": "log", "\x1b": "back", "q": "quit",
}  # fmt: skip
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def keys(data: str) -> tuple[str, ...]:
    """Return what the keys are called that a terminal sent, those that mean something."""
    found = re.findall(r"\x1b[\[O][A-Z]|.", data, flags=re.DOTALL)
    return tuple(KEYS[each] for each in found if each in KEYS)


class Keyboard:
    """Standard input as a terminal that gives each key at once, and shows none.

    `left` and `back` are called where the command is suspended, and goes on.
    """

    def __init__(self, left: Callable[[], object], back: Callable[[], object]) -> None:
        self._left = left
        self._back = back
        self._descriptor = sys.stdin.fileno()
        self._before: list[Any] = []
        self._handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Keyboard":
        """Take the keys; a signal that ends the command raises SystemExit, so that all is put back."""
        self._before = termios.tcgetattr(self._descriptor)
        wanted = {**dict.fromkeys(_ENDING, _end), signal.SIGTSTP: self._suspend}
        self._handlers = {number: signal.signal(number, handler) for number, handler in wanted.items()}
        tty.setcbreak(self._descriptor)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        """Give the terminal back."""
        self._restore()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def pressed(self, seconds: float) -> tuple[str, ...]:
        """Wait so long for keys and return them, `quit` where the terminal is gone."""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return ()
        try:
            data = os.read(self._descriptor, 1024)
        except OSError:
            data = b""
        return keys(data.decode(errors="replace")) if data else ("quit",)

    def _restore(self) -> None:
        try:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
        except termios.error:  # it is gone
            return

    def _suspend(self, _: int, __: FrameType | None) -> None:
        self._restore()
        self._left()
        os.kill(os.getpid(), signal.SIGSTOP)  # here it stands still until somebody has it go on
        tty.setcbreak(self._descriptor)
        self._back()


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)

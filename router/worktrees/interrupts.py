"""Signals that end a command while a worktree is half created: the first one undoes it, later ones are ignored."""

import contextlib
import signal
from collections.abc import Iterator

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block at the first signal that ends a command, so that it can undo its work."""

    def interrupt(*_: object) -> None:
        ignore()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore() -> None:
    """Ignore these signals from now on, until `interruptible` ends."""
    for number in _ENDING:
        signal.signal(number, lambda *_: None)  # not SIG_IGN: git, which undoes for us, would inherit that


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Deliver these signals only after the block."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)

"""Turns of tests with containers, which change the machine's network, and tests with a browser.

Chromium gives up every connection when the network changes (ERR_NETWORK_CHANGED). The turns are those of all processes.
"""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def changing() -> Iterator[None]:
    """Change the network, when nobody browses any more; whoever is to browse waits until the block ends."""
    with _locked("turn", fcntl.LOCK_EX), _locked("network", fcntl.LOCK_EX):
        yield


@contextmanager
def browsing() -> Iterator[None]:
    """Browse, when nobody changes the network, or waits to do so."""
    with ExitStack() as stack:
        with _locked("turn", fcntl.LOCK_SH):
            stack.enter_context(_locked("network", fcntl.LOCK_SH))
        yield


@contextmanager
def _locked(what: str, how: int) -> Iterator[None]:
    with Path(tempfile.gettempdir(), f"worktree-router-test-{what}.lock").open("wb") as file:
        fcntl.flock(file, how)
        yield

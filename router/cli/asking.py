"""Asking the watcher what a command comes to, with few imports."""

import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from router import __version__

_PAUSE = 1.0  # seconds between two looks whether the watcher is alive


def ask(path: Path, arguments: Sequence[str], *, is_alive: Callable[[], bool]) -> Any:
    """Return what the watcher that listens at a path says of a command, None where it says nothing.

    However slow it is, it is waited for as long as it is alive. OSError or ValueError where it cannot be asked.
    """
    question = {
        "version": __version__,
        "arguments": list(arguments),
        "cwd": os.getcwd(),  # noqa: PTH109 - as text
        "environ": dict(os.environ),
    }
    with socket.socket(socket.AF_UNIX) as watcher:
        watcher.settimeout(_PAUSE)
        watcher.connect(str(path))
        watcher.sendall(json.dumps(question).encode() + b"\n")
        return json.loads(_line(watcher, is_alive) or b"null")


def _line(watcher: socket.socket, is_alive: Callable[[], bool]) -> bytes | None:
    received = bytearray()
    while not received.endswith(b"\n"):
        try:
            part = watcher.recv(1 << 16)
        except TimeoutError:
            if is_alive():
                continue
            return None
        if not part:
            return None
        received += part
    return bytes(received)

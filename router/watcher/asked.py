"""Commands that ask the watcher, which has imported all that they would: it works out what they come to."""

import json
import logging
import socketserver
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from router import __version__
from router.errors import RouterError
from router.values import dataclass
from router.watcher.live import Served

_LARGEST = 8 << 20  # bytes of a question: the words and variables of a command are at most 2 MiB on Linux
_TIMEOUT = 5.0
_MOST = 16  # who ask at a time; whoever comes then works it out alone

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """A command as it was typed: its words, the directory it was typed in, and its environment."""

    arguments: tuple[str, ...]
    cwd: Path
    environ: Mapping[str, str]


Answerer = Callable[[Question], Mapping[str, Any] | None]
"""Works out what a command comes to; None where the command has to work it out itself. It may raise RouterError."""


class Asked(Served):
    """Answers commands at a private socket, for as long as it is open. At rest it only waits."""

    def __init__(self, path: Path, answer: Answerer) -> None:
        super().__init__(path, _Request, answer, most=_MOST, whom="commands")


class _Request(socketserver.StreamRequestHandler):
    timeout = _TIMEOUT

    def handle(self) -> None:
        """Answer one question with a line of JSON, an empty one where the command has to do without."""
        try:
            answer = self._answer(self.rfile.readline(_LARGEST))
            self.wfile.write(json.dumps(answer).encode() + b"\n")
        except OSError:  # whoever asked has gone
            return

    def _answer(self, line: bytes) -> Mapping[str, Any] | None:
        question = _question(line)
        if question is None:
            return None
        try:
            found: Mapping[str, Any] | None = self.server.answers(question)  # type: ignore[attr-defined]
        except RouterError:  # the command says it in its own words
            return None
        return found


def _question(line: bytes) -> Question | None:
    """Return what a line asks, None where it is no question, or another version's."""
    try:
        match json.loads(line):
            case {"version": version, "arguments": list(words), "cwd": str(cwd), "environ": dict(environ)}:
                return Question(tuple(words), Path(cwd), environ) if version == __version__ else None
    except (ValueError, RecursionError):
        pass
    return None

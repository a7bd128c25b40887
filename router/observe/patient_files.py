"""Questions to the file system, of one who does not wait for a disk that hangs."""

import os
from collections.abc import Callable
from functools import partial
from typing import TypeVar, cast

from router.observe.lanes import Lanes

T = TypeVar("T")

_PATIENCE = 0.1  # seconds
_THREADS = 8


class PatientFiles:
    """Asks for a tenth of a second at most; then what is asked about is taken to be as its path says, or not there."""

    def __init__(self) -> None:
        self._lanes: Lanes[tuple[Callable[[str], object], str], object] = Lanes(threads=_THREADS)

    def is_file(self, path: str) -> bool:
        """Tell whether a regular file is there."""
        return self._ask(os.path.isfile, path, otherwise=False)

    def exists(self, path: str) -> bool:
        """Tell whether anything is there."""
        return self._ask(os.path.exists, path, otherwise=False)

    def real_path(self, path: str) -> str:
        """Return where a path leads. ValueError for one with a NUL."""
        if "\0" in path:
            raise ValueError("a path has no NUL")
        return self._ask(os.path.realpath, path, otherwise=path)

    def _ask(self, question: Callable[[str], T], path: str, *, otherwise: T) -> T:
        key = (question, path)
        return cast("T", self._lanes.run({key: partial(question, path)}, patience=_PATIENCE).get(key, otherwise))

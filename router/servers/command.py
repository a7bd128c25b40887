"""A command that starts a server."""

import shlex

from router.values import dataclass


@dataclass(frozen=True, slots=True)
class StartCommand:
    """The words that start a service, the folder of the worktree that they are run in, and who says so."""

    words: tuple[str, ...]
    folder: str
    source: str

    def __str__(self) -> str:
        """Return it as it would be typed."""
        line = shlex.join(self.words)
        return f"cd {shlex.quote(self.folder)} && {line}" if self.folder else line

    def is_same(self, other: "StartCommand") -> bool:
        """Tell whether another one starts the same, whoever says so."""
        return (self.words, self.folder) == (other.words, other.folder)

"""What files of other tools say of a project: its services, what a new worktree needs, and where it is written."""

from typing import Literal

from router.launch.several import Member
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """A service as one file has it.

    `name` is what the file calls it, and after `named` a label; empty where the file has no name for it. `kind` and
    `file` are its source, `line` counts from 1. `port` is None where the file fixes none, `command` the line that
    starts it in the checkout, empty where the file has none. It works in `folder` of the checkout; `member` is the
    server that its command runs, as far as that is known.
    """

    name: str
    kind: Literal["launch", "procfile", "package"]
    file: str
    line: int = 1
    port: int | None = None
    command: str = ""
    folder: str = ""
    member: Member | None = None

    @property
    def source(self) -> str:
        """Who says so, as the status names it."""
        return f"{self.kind}:{self.file}"


@dataclass(frozen=True, slots=True)
class Shared:
    """A path that a new worktree gets from the main checkout, as a link or as a copy of its own."""

    path: str
    how: Literal["link", "copy"]
    file: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """A command that a file runs in every new worktree."""

    command: str
    file: str
    line: int = 1


Said = Service | Shared | Step

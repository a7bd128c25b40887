"""What a server that the router can run itself is: its program, how its data begins, how it is started and ended."""

import sys
from importlib import metadata
from pathlib import Path
from typing import Protocol

from router.data.kind import ResourceError
from router.data.servers.address import Address


class Program(Protocol):
    """A server's program; `title` is its name for people, `process` that of its processes.

    `endings` are the signals that end it, one after the other, each with its time in seconds.
    """

    title: str
    process: str
    endings: tuple[tuple[int, float], ...]

    def folder(self) -> Path:
        """Return where its programs are. ResourceError `tool-missing` where it is not installed."""

    def prepare(self, home: Path, address: Address) -> None:
        """Have its data be there, and be such as this version can read. ResourceError says why not."""

    def readmit(self, home: Path, address: Address) -> None:
        """Have the administrator's password be the address's, while it does not run: the one that it had was lost."""

    def command(self, home: Path, address: Address) -> list[str]:
        """Return the command that starts it on its data, without its password in it."""


def data(home: Path) -> Path:
    """Return the directory of a server's data, in which it runs."""
    return home / "data"


def installed(distribution: str, file: str, *, title: str, requirement: str) -> Path:
    """Return a file of a package of this Python environment; one that is merely found on PATH is never run."""
    try:
        listed = metadata.files(distribution) or ()
    except metadata.PackageNotFoundError:
        listed = ()
    for path in listed:
        if path.name == file:
            return Path(str(path.locate())).resolve()
    raise ResourceError(
        "tool-missing",
        f"{distribution}, which has {title}, is not installed for the router",
        hint=f"run `{installation(requirement, prefix=Path(sys.prefix))}`, or name a server of your own with `from`",
    )


def installation(requirement: str, *, prefix: Path) -> str:
    """Return the command that adds a package to the environment that the router runs in, of that prefix."""
    if "pipx" in prefix.parts:
        return f"pipx inject {prefix.name} '{requirement}'"
    return f"{prefix}/bin/python -m pip install '{requirement}'"

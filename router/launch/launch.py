"""What becomes of a command: its words, its variables, and what is said about it."""

import shlex
from collections.abc import Mapping

from router.launch.preload import Target
from router.values import dataclass, field

PROCFILE = "\0procfile"  # no word of a command has a NUL
BY_PRELOAD = "told by a Node preload (NODE_OPTIONS)"


@dataclass(frozen=True, slots=True)
class Launch:
    """A command as it is run: `argv`, the `variables` to set for it, those to `unset`, and what is said, a line each.

    `targets` are what Node processes have to be told by a preload, none where flags and variables do. `procfile` is
    the text of a Procfile to write, whose path takes the place of `PROCFILE` in `argv`. `served` are the servers that
    it starts: of each its directory and its service, which is empty where it is none.
    """

    argv: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    unset: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    procfile: str | None = None
    served: tuple[tuple[str, str], ...] = ()


def note_of_all(argv: tuple[str, ...], ports: Mapping[str, int], *, how: str) -> str:
    """Return the line that says which services of a command have which ports, and how they are told."""
    each = ", ".join(f"{service} on port {port}" for service, port in ports.items())
    return f"router: {each}, {how}: {shlex.join(argv)}"


def note(service: str, port: int, argv: tuple[str, ...], *, variable: str = "", how: str = "") -> str:
    """Return the line that says what was changed: service, port, and the command with what was put to it."""
    by = f", {how}" if how else ""
    setting = f"{variable}={port} " if variable else ""
    return f"router: {service} on port {port}{by}: {setting}{shlex.join(argv)}"

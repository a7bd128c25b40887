"""The soak's worktrees as they are to be, what must show of each, and the names and ports that are left for them."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from router.naming import label
from router.ports import service_port
from router.routes.former import MOST
from router.routes.gone import RESERVED
from tests.e2e.routers import listens

OWNER = "="  # in front of the worktree whose a host is, its server up or down
UNSURE = 60.0  # seconds around the end of a former name in which it may answer or not
Hosts = dict[str, set[str]]


class Process:
    """A child that takes orders as lines of JSON and answers each; it ends when it is closed, or its parent ends."""

    def __init__(self, *command: str, cwd: Path | None = None) -> None:
        self._child = subprocess.Popen(
            [sys.executable, *command], cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )

    def order(self, **order: Any) -> dict[str, Any]:
        """Give an order and wait until it holds."""
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(json.dumps(order).encode() + b"\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline()
        assert answer, f"ended: {self._child.args!r}"
        return {} if answer == b"done\n" else dict(json.loads(answer))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.communicate()


@dataclass
class Server:
    """A server: in the process that many share, or in one of its `own` inside the worktree."""

    name: str
    port: int
    own: Process | None = None


@dataclass(eq=False)
class Tree:
    """A worktree as it is to be: where, on which branch, and who serves it. `file` declares `port`.

    `former` are the names that it had before, oldest first, each with when it was lost.
    """

    serial: int
    path: Path
    branch: str | None
    file: str | None = None
    port: int | None = None
    server: Server | None = None
    rebasing: bool = False
    gone: bool = False
    former: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The label that the router gives it."""
        return label(self.path.name if self.branch is None else self.branch)

    def hosts(self) -> Hosts:
        """What each of its names is to answer, and whose it is."""
        answers = {OWNER + f"w{self.serial}", f"w{self.serial}" if self.server else "502"}
        former = {name: answers | end for name, end in self._passing()}
        return {} if self.gone else {**former, **dict.fromkeys(self.names, answers)}

    @property
    def names(self) -> tuple[str, str]:
        """Its label, and its alias."""
        return self.name, label(self.path.name)

    def lose(self, before: tuple[str, str]) -> None:
        """Take note of the names that it had before a change and has no more: they lead to it for a while."""
        lost = [name for name in before if name == before[0] or name not in self.names]
        left = {name: when for name, when in self.former.items() if name not in lost}
        left |= dict.fromkeys(lost, time.monotonic())
        left.pop(self.name, None)
        self.former = dict([*left.items()][-MOST:])

    def _passing(self) -> Iterator[tuple[str, set[str]]]:
        """Yield the former names that may still lead to it, each with what else it may answer."""
        for name, when in self.former.items():
            age = time.monotonic() - when
            if age < RESERVED + UNSURE:
                yield name, {"404"} if age > RESERVED - UNSURE else set()

    def shown(self, status: Mapping[str, Any]) -> bool:
        """Tell whether a status document has it exactly so."""
        found = next((w for w in status["worktrees"] if w["path"] == str(self.path)), None)
        if found is None or self.gone:
            return found is None and self.gone
        web, port = found["services"]["web"], self.port or (self.server.port if self.server else None)
        detached = self.rebasing or self.branch is None
        return (found["name"], found["detached"], web["up"]) == (self.name, detached, self.server is not None) and (
            port in {None, web["port"]}
        )


@dataclass(eq=False)
class Change:
    """One change: `do` makes it, `then` follows once it shows, `blinks` are what `hosts` may answer for a moment.

    `seen` is when it was seen in the status document, `done` when it had been made.
    """

    kind: str
    tree: Tree
    do: Callable[[], None]
    then: Callable[[], None] = lambda: None
    blinks: frozenset[str] = frozenset()
    hosts: set[str] = field(default_factory=set)
    done: float | None = None
    seen: float | None = None


class Pool:
    """Branch names, directories and ports: of each a few more than are in use, so that they pass from hand to hand."""

    def __init__(self, directory: Path, size: int, rng: random.Random) -> None:
        self.made: set[str] = set()  # branches that git has
        self._rng = rng
        self._branches = _branches(size)
        self._directory = directory
        self._places = 0
        self._ports: set[int] = set()

    def branch(self, trees: list[Tree], *, held: Collection[str], fresh: bool = False) -> str:
        """Return a branch that no worktree has, and whose label is not among `held`; a fresh one that is none yet."""
        closed = {tree.branch for tree in trees} | (self.made if fresh else set())
        free = [name for name in self._branches if name not in closed and label(name) not in held]
        return self._rng.choice(free or [f"late/{len(self._ports)}-{len(self.made)}-{self._rng.randrange(10**6)}"])

    def place(self) -> Path:
        """Return a directory that no worktree ever had: its name is not free yet while it may be another's alias."""
        self._places += 1
        return self._directory / f"shop.{self._places}"

    def port(self) -> int:
        """Return a port that no worktree ever had, below those that the system gives to clients, and no other test."""
        while True:
            port = self._rng.randrange(30_000, 32_768)
            if port not in self._ports and not listens(port):
                self._ports.add(port)
                return port


def _branches(count: int) -> list[str]:
    """Return names whose hash ports nobody else has: the servers of others on this machine are no matter."""
    names: list[str] = []
    taken: set[int] = set()
    for number in range(10_000):
        ports = {service_port(service, f"topic/{number}") for service in ("web", "api")}
        if len(names) < count and not ports & taken and not any(map(listens, ports)):
            names.append(f"topic/{number}")
            taken |= ports
    return names

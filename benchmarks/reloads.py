"""What is lost when the configuration is reloaded: websockets, event streams, requests."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from benchmarks.clients import Asker
from benchmarks.loading import Plain
from benchmarks.measure import Goal, Result, Row, progress
from benchmarks.proxies import caddy
from benchmarks.worktrees import routed
from tests.e2e.routers import Stream, Upstream, wait_until

WEBSOCKETS, STREAMS, ASKERS = 20, 5, 4

Reached = tuple[Callable[[], object], int, str]
"""What reloads a Caddy, its port, and the label of the worktree whose clients are counted."""


def run(*, smoke: bool) -> Result:
    """Reload each of them in turn, under clients of both."""
    reloads, worktrees = (5, 2) if smoke else (100, 20)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = stack.enter_context(Upstream("app"))
        both = {
            "router": stack.enter_context(_router(worktrees, upstream.port)),
            "site blocks": stack.enter_context(_plain(place, worktrees, upstream.port)),
        }
        clients = {name: stack.enter_context(Clients(port, label)) for name, (_, port, label) in both.items()}
        for number in range(reloads):
            if number % 25 == 0:
                progress(f"reload {number + 1} of {reloads}")
            for load, _, _ in both.values():
                load()
        rows = [{"Caddyfile": name, "reloads": reloads, **each.counted()} for name, each in clients.items()]
    return Result(rows, _goals(rows[0], reloads))


def _goals(ours: Row, reloads: int) -> list[Goal]:
    return [
        Goal(f"websockets lost over {reloads} reloads", ours["websockets lost"], 0),
        Goal(f"requests lost after one retry over {reloads} reloads", ours["after one retry"], 0),
    ]


class Clients:
    """Websockets, event streams and askers of one host, and what becomes of them."""

    def __init__(self, port: int, label: str) -> None:
        self._port, self._label = port, label
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        enter, reached = self._stack.enter_context, (self._port, self._label)
        self._sockets = [enter(Stream.websocket(*reached)) for _ in range(WEBSOCKETS)]
        self._streams = [enter(Stream.events(*reached)) for _ in range(STREAMS)]
        host = f"{self._label}.localhost"
        self._askers = [enter(Asker(self._port, host, keep=n % 2 == 0)) for n in range(ASKERS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def counted(self) -> Row:
        """Return what was asked and what was lost so far."""
        return {
            "websockets": len(self._sockets),
            "websockets lost": sum(not _lives(stream) for stream in self._sockets),
            "event streams": len(self._streams),
            "streams lost": sum(not stream.event() for stream in self._streams),
            "requests": sum(asker.asked for asker in self._askers),
            "failed at first": sum(asker.failed for asker in self._askers),
            "after one retry": sum(asker.lost for asker in self._askers),
        }


def _lives(stream: Stream) -> bool:
    try:
        return stream.echo("still there") == "still there"
    except UnicodeDecodeError:  # the frame that says goodbye
        return False


@contextmanager
def _router(worktrees: int, upstream: int) -> Iterator[Reached]:
    """Run the router; it loads because a worktree was added."""
    with routed(worktrees, ports={"there/0": upstream}) as router:
        wait_until(lambda: router.page("there-0") == "app", what="the app")
        numbers = iter(range(10_000))

        def load() -> None:
            name = f"reload-{next(numbers)}"
            router.add(name)
            wait_until(lambda: name in router.worktrees(), what=name)

        yield load, router.port, "there-0"


@contextmanager
def _plain(place: Path, worktrees: int, upstream: int) -> Iterator[Reached]:
    """Run Caddy over a site block per worktree; it loads because one was added."""
    plain = Plain(place, [f"there-{n}" for n in range(worktrees)], upstream=upstream)
    with caddy(place, plain.port, plain.sites):
        yield plain.load, plain.port, "there-0"

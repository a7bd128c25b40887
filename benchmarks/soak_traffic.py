"""The soak's client, a process of its own: `python -m benchmarks.soak_traffic PORT SEED` with orders on stdin.

What it does and what counts as a failure is told in `benchmarks.soak`. Orders are lines of JSON, each answered by a
line once it holds: `{"hosts": {LABEL: [ANSWER, ...]}}` (an empty list: ask no more), `{"stopping": SERVER}`,
`{"caddy": "caddy_killed" | "nobody_there" | ""}`, `{"end": true}`, whose answer is the figures.
"""

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from statistics import quantiles
from typing import Any

from benchmarks.soak_connection import Connection
from benchmarks.soak_model import OWNER

RATE = 200.0  # requests a second
WORKERS = 16  # keep-alive connections
WEBSOCKETS, STREAMS = 50, 10
PATIENCE = 15.0  # seconds for an answer, an echo, an event
PULSE = 0.5  # seconds between two lines through a websocket
BLINK = "~"  # in front of an answer that is neither the old one nor the new one, and known to be possible for a moment
SAMPLES = 30
CUTS = ("cut", "refused", "silent")
WHYS = (*CUTS, "answer", "caddy_killed", "nobody_there")
CUT = (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, ValueError, IndexError)
HANDSHAKE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"  # fmt: skip  # noqa: E501


class Traffic:
    """Asks and holds sockets until told to end, and judges every answer."""

    def __init__(self, port: int, seed: str) -> None:
        self._port = port
        self._seed = seed
        self._hosts: dict[str, frozenset[str]] = {}
        self._stopped: set[str] = set()
        self._doing = ""
        self._started = 0.0
        self._away = self._killed = ""  # how Caddy was killed, while it is not back, and at last
        self._failed: Counter[str] = Counter()
        self._failed_twice: Counter[str] = Counter()
        self._life = 0  # of Caddy: another number before a kill, and after it
        self._counts: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._samples: list[str] = []
        self._taken: list[float] = []
        self._held = 0.0

    async def run(self) -> None:
        """Take orders until the last one."""
        loop, lines = asyncio.get_running_loop(), asyncio.StreamReader(limit=1 << 20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        names = [
            f"{kind} {n}" for kind, count in (("websocket", WEBSOCKETS), ("events", STREAMS)) for n in range(count)
        ]
        work = [self._ask(n) for n in range(WORKERS)] + [self._hold(name) for name in names]
        tasks = [asyncio.create_task(each) for each in work]
        while line := await lines.readline():
            order = json.loads(line)
            if "end" in order:
                print(json.dumps(self._figures()), flush=True)
                break
            self._obey(order)
            print("done", flush=True)
        for task in tasks:
            task.cancel()

    def _obey(self, order: dict[str, Any]) -> None:
        self._started = self._started or asyncio.get_running_loop().time()
        self._hosts |= {host: frozenset(answers) for host, answers in order.get("hosts", {}).items()}
        self._hosts = {host: answers for host, answers in self._hosts.items() if answers}
        self._stopped |= {order["stopping"]} if "stopping" in order else set()
        self._doing = order.get("doing", self._doing)
        if "caddy" in order:
            self._away = order["caddy"]
            self._killed = self._away or self._killed
            self._life += 1

    # Requests

    async def _ask(self, number: int) -> None:
        loop, rng = asyncio.get_running_loop(), random.Random(f"{self._seed} worker {number}")
        connection, due = Connection(self._port), loop.time() + number / RATE
        while True:
            await asyncio.sleep(due - loop.time())
            due = max(due + WORKERS / RATE, loop.time() - 1)  # what was missed in a second is made up for
            if self._hosts:
                host = rng.choice(sorted(self._hosts))
                self._counts["asked"] += 1
                if not await self._good(connection, host, self._failed):
                    connection.close()
                    if not await self._good(connection, host, self._failed_twice):
                        connection.close()

    async def _good(self, connection: Connection, host: str, failed: Counter[str]) -> bool:
        loop = asyncio.get_running_loop()
        before, life, away, started = self._hosts.get(host, frozenset()), self._life, self._away, loop.time()
        answer = await self._answer(connection, host)
        allowed = before | self._hosts.get(host, frozenset())
        if answer in allowed or not allowed:
            self._taken.append((loop.time() - started) * 1000)
            return True
        if BLINK + answer in allowed:
            self._counts["blinks"] += 1
            return True
        killed = away or self._away or (self._killed if life != self._life else "")
        why = killed or (answer if answer in CUTS else "answer")
        failed[why] += 1
        self._counts["wrong_worktree"] += answer.startswith("w") and OWNER + answer not in allowed
        if why == "answer" or (not killed and failed is self._failed_twice):
            tries = "twice" if failed is self._failed_twice else "once"
            self._note(f"{host} failed {tries}: {answer} instead of {', '.join(sorted(allowed))}")
        return False

    async def _answer(self, connection: Connection, host: str) -> str:
        """Return what a host answered: `w7` for a worktree's server, `404` or `502` for a page of the router's own."""
        try:
            async with asyncio.timeout(PATIENCE):
                status, text = await connection.ask(host), await connection.body()
        except TimeoutError:
            return "silent"
        except ConnectionRefusedError:
            return "refused"
        except CUT:
            return "cut"
        if status == 200:
            return text.split()[0]
        return str(status) if "localhost" in text else f"{status}, not the router's"

    # Long connections

    async def _hold(self, name: str) -> None:
        rng, events = random.Random(f"{self._seed} {name}"), name.startswith("events")
        while True:
            await asyncio.sleep(rng.uniform(0.02, 0.2))
            served = sorted(host for host, answers in self._hosts.items() if _served(answers))
            if served and not self._away:
                connection = Connection(self._port)
                if server := await self._open(connection, rng.choice(served), events=events):
                    await self._keep(connection, server, name, events=events)
                connection.close()

    async def _keep(self, connection: Connection, server: str, name: str, *, events: bool) -> None:
        loop, life = asyncio.get_running_loop(), self._life
        began = loop.time()
        self._counts["sockets_opened"] += 1
        try:
            while True:
                await self._pulse(connection, events=events)
                self._held = max(self._held, loop.time() - began)
        except CUT as exc:
            why = (
                "caddy_killed" if life != self._life else "server_stopped" if server in self._stopped else "unexplained"
            )
            self._lost[why] += 1
            if why == "unexplained":
                self._note(f"{name} to {server} lost after {loop.time() - began:.1f} s: {type(exc).__name__}")

    async def _open(self, connection: Connection, host: str, *, events: bool) -> str:
        """Return the name of the server that a long connection leads to, empty where it came to none."""
        before, life = self._hosts.get(host, frozenset()), self._life
        try:
            async with asyncio.timeout(PATIENCE):
                status = await connection.ask(host, "/events" if events else "/", "" if events else HANDSHAKE)
                server = await connection.line("data: " if events else "") if status in {101, 200} else ""
        except CUT as exc:
            status, server = 0, ""
            how = type(exc).__name__
        else:
            how = str(status)
        allowed = before | self._hosts.get(host, frozenset())
        if server and allowed and OWNER + server.split()[0] not in allowed:
            self._counts["wrong_worktree"] += 1
            self._note(f"a socket of {host} leads to {server} instead of {', '.join(sorted(allowed))}")
        elif not server and _served(allowed) and life == self._life:
            self._counts["openings_failed"] += 1
            self._note(f"a socket of {host} does not open: {how}")
        return server if life == self._life else ""

    async def _pulse(self, connection: Connection, *, events: bool) -> None:
        if not events:
            connection.send("still there")
            await asyncio.sleep(PULSE)
        async with asyncio.timeout(PATIENCE):
            await connection.line("data: " if events else "")

    def _note(self, text: str) -> None:
        if len(self._samples) < SAMPLES:
            self._samples.append(f"{asyncio.get_running_loop().time() - self._started:.2f} s: {text} ({self._doing})")

    def _figures(self) -> dict[str, Any]:
        seconds = asyncio.get_running_loop().time() - self._started
        return {
            "requests": {
                "asked": self._counts["asked"],
                "per_second": round(self._counts["asked"] / seconds, 1),
                "failed_first_try": {why: self._failed[why] for why in WHYS},
                "failed_after_retry": {why: self._failed_twice[why] for why in WHYS},
                "wrong_worktree": self._counts["wrong_worktree"],
                "blinks": self._counts["blinks"],
                "ms": spread(self._taken),
            },
            "sockets": {
                "websockets": WEBSOCKETS,
                "streams": STREAMS,
                "opened": self._counts["sockets_opened"],
                "openings_failed": self._counts["openings_failed"],
                "lost": {why: self._lost[why] for why in ("caddy_killed", "server_stopped", "unexplained")},
                "longest_held_s": round(self._held, 1),
            },
            "failures": self._samples,
        }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return how many values there are, the median, the 99th percentile and the largest."""
    cuts = quantiles(values, n=100, method="inclusive") if len(values) > 1 else [*values, 0.0] * 99
    return {
        "count": len(values),
        **{f"p{n}": round(cuts[n - 1], 1) for n in (50, 99)},
        "max": round(max(values, default=0.0), 1),
    }


def _served(answers: frozenset[str]) -> bool:
    """Tell whether a host is one worktree's server's and nothing else at this moment."""
    right = [answer for answer in answers if not answer.startswith(OWNER)]
    return len(right) == 1 and right[0].startswith("w")


if __name__ == "__main__":
    asyncio.run(Traffic(int(sys.argv[1]), sys.argv[2]).run())

"""What the servers of worktrees serve: each is asked once, apart from the loop, by a few threads.

One that says nothing is asked again, ever more seldom; one whose answer is unclear is asked for its page, once, where
a plan needs to know. One that answered is asked again only where connections wait to be accepted, and once more when
they do not: a server whose reloader waits for an error to be corrected listens on, and accepts nothing.
"""

import os
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from router.model import Listener
from router.observe.lanes import Lanes
from router.observe.probe import NOWHERE, PAGE, Dialled, Reply, connects, serves
from router.ports import NOT_DEV_PORTS
from router.routes.discovered import MOST
from router.routes.servers import AWAITED, SPEAKS_HTTP
from router.values import dataclass, field, replace

_FIRST, *_LATER = 0.5, 2.0, 10.0  # seconds: a framework that compiles answers late,
_COMPILING = 30.0  # and later still where it is asked for a page
_PAUSE, _LONGEST_PAUSE = 10.0, 300.0  # seconds before one that said nothing is asked once more: twice as long each time
_STUCK = 2.0  # seconds that connections wait to be accepted before a server is asked whether it still answers,
_AGAIN = 10.0  # and between two such questions
_NOTHING = frozenset({None, "silent", "closed"})
_THREADS, _PATIENT_THREADS = 8, 4  # those that wait long must not keep a new server waiting

_Key = tuple[int | None, int]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is known of a server: its last answer, after how many questions, when on the monotonic clock it came.

    `page` is whether it was asked for its page, `stuck` whether it once answered and does so no more.
    """

    reply: Reply = field(default_factory=Reply)
    tries: int = 0
    when: float = 0.0
    page: bool = False
    stuck: bool = False

    @property
    def answers(self) -> bool:
        """Whether a browser gets an answer; the first question alone says nothing, as it waits for a moment only."""
        return not self.stuck and not (self.reply.kind == "silent" and self.tries > 1)


class Prober:
    """Asks each new server of a worktree what it serves, and remembers it while it listens.

    `on_answer` is called when more is known. Servers of other users are left alone, and ports that no dev server has.
    Of one worktree's servers only the lowest ports are asked, as many as are looked at. `wanted` are the process and
    port of those whose page a plan needs to know of; `dialled` is told of each connection.
    """

    def __init__(
        self, on_answer: Callable[[], None], *, user: int | None = None, dialled: Dialled = lambda *_: None
    ) -> None:
        self.wanted: frozenset[_Key] = frozenset()
        self._dialled = dialled
        self._user = os.getuid() if user is None else user
        self._asked: dict[_Key, _Asked] = {}
        self._waiting: dict[_Key, float] = {}
        self._holders: dict[_Key, tuple[int, ...]] = {}
        self._lanes: Lanes[_Key, _Asked | None] = Lanes(threads=_THREADS, on_late=on_answer)
        self._patient: Lanes[_Key, _Asked | None] = Lanes(threads=_PATIENT_THREADS, on_late=on_answer)
        self._knocking: Lanes[_Key, None] = Lanes(threads=1)

    def about(self, listeners: Iterable[Listener], *, waiting: frozenset[int] = frozenset()) -> tuple[Listener, ...]:
        """Return the listeners with what is known of each by now. Waits for nobody.

        `waiting` are the ports on which connections wait to be accepted.
        """
        listeners, now = tuple(listeners), time.monotonic()
        there = self._servers(listeners)
        self._asked = {key: self._asked.get(key, _Asked()) for key in there}
        self._waiting = {key: self._waiting.get(key, now) for key in there if key[1] in waiting}
        new = {key: (NOWHERE, _FIRST) for key, asked in self._asked.items() if asked.tries == 0}
        self._take(self._lanes, there, new)
        self._knock(there)
        again = {key: each for key, asked in self._asked.items() if (each := self._question(key, asked, now))}
        self._take(self._patient, there, again)
        return tuple(self._completed(each) for each in listeners)

    def close(self) -> None:
        """Ask no more."""
        for each in (self._lanes, self._patient, self._knocking):
            each.close()

    def _servers(self, listeners: Iterable[Listener]) -> dict[_Key, Listener]:
        """Return the servers to ask about, one for each process and port, by what they are known by."""
        theirs: dict[str, dict[_Key, Listener]] = defaultdict(dict)
        for each in listeners:  # the lowest ports first, IPv4 before IPv6
            if each.worktree and each.port not in NOT_DEV_PORTS and each.uid in (None, 0, self._user):
                mine = theirs[each.worktree]
                if len(mine) < MOST:
                    mine.setdefault(_key(each), each)
        return {key: each for mine in theirs.values() for key, each in mine.items()}

    def _question(self, key: _Key, asked: _Asked, now: float) -> tuple[str, float] | None:
        """Return for which path to ask a server once more, and for how many seconds; None where enough is known."""
        if asked.tries and asked.reply.kind not in _NOTHING and self._may_have_changed(key, asked, now):
            return NOWHERE, _STUCK
        if asked.reply.kind == "unclear":
            return (PAGE, _COMPILING) if key in self.wanted and not asked.page else None
        if asked.reply.kind not in _NOTHING or not asked.tries:
            return None
        if asked.tries <= len(_LATER):
            return NOWHERE, _LATER[asked.tries - 1]
        pause = min(_PAUSE * 2 ** (asked.tries - len(_LATER) - 1), _LONGEST_PAUSE)
        return (NOWHERE, _LATER[-1]) if now - asked.when >= pause else None

    def _knock(self, there: Mapping[_Key, Listener]) -> None:
        """Connect to the servers whose processes have changed, and say nothing: whether they accept will show."""
        changed = [key for key, each in there.items() if self._holders.get(key, each.holders) != each.holders]
        self._knocking.run({key: partial(self._connect, there[key].address, key[1]) for key in changed}, patience=0)
        self._holders = {key: each.holders for key, each in there.items()}

    def _may_have_changed(self, key: _Key, asked: _Asked, now: float) -> bool:
        """Tell whether a server that answered may be stuck, or one that was stuck may answer."""
        if asked.stuck:
            return key not in self._waiting and now - asked.when >= _STUCK
        return now - self._waiting.get(key, now) >= _STUCK and now - asked.when >= _AGAIN

    def _take(
        self,
        lanes: Lanes[_Key, _Asked | None],
        there: Mapping[_Key, Listener],
        questions: Mapping[_Key, tuple[str, float]],
    ) -> None:
        jobs = {
            key: partial(self._ask, there[key].address, key[1], path, seconds, self._asked[key])
            for key, (path, seconds) in questions.items()
        }
        for key, asked in lanes.run(jobs, patience=0).items():
            if asked is not None:
                self._asked[key] = asked

    def _completed(self, listener: Listener) -> Listener:
        asked = self._asked.get(_key(listener))
        if asked is None:
            return listener
        serves = asked.reply.kind if asked.tries else AWAITED
        return replace(listener, tls=asked.reply.tls, serves=serves, answers=asked.answers)

    def _connect(self, address: str, port: int) -> None:
        connects(address, port, dialled=self._dialled)

    def _ask(self, address: str, port: int, path: str, seconds: float, before: _Asked) -> _Asked | None:
        """Ask a server, None where this process has no descriptor left for it: then it is asked again.

        What it said before stands where it says nothing of its page, and where it was asked whether it still answers.
        """
        try:
            socket.socket().close()
        except OSError:
            return None
        reply = serves(address, port, path=path, timeout=seconds, dialled=self._dialled)
        if path == NOWHERE and before.tries and before.reply.kind not in _NOTHING:
            return replace(before, when=time.monotonic(), stuck=reply.kind in _NOTHING)
        if path == PAGE:
            reply = reply if reply.kind in SPEAKS_HTTP else before.reply
        elif reply.kind in _NOTHING:
            reply = replace(reply, tls=False)
        return _Asked(reply, before.tries + 1, time.monotonic(), path == PAGE)


def _key(listener: Listener) -> _Key:
    return (listener.pid, listener.port)

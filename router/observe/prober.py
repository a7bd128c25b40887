"""What the servers of worktrees serve: each is asked a few times at most, apart from the loop, by a few threads."""

import os
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from router.model import Listener
from router.observe.lanes import Lanes
from router.observe.probe import Reply, serves
from router.ports import NOT_DEV_PORTS
from router.routes.discovered import MOST

_FIRST, *_LATER = 0.5, 2.0, 10.0  # seconds: a framework that compiles its first page answers late
_THREADS, _PATIENT_THREADS = 8, 4  # those that wait long must not keep a new server waiting

_Key = tuple[int | None, int]


class Prober:
    """Asks each new server of a worktree what it serves, and remembers it while it listens.

    `on_answer` is called when more is known. Servers of other users are left alone, and ports that no dev server has.
    Of one worktree's servers only the lowest ports are asked, as many as are looked at.
    """

    def __init__(self, on_answer: Callable[[], None], *, user: int | None = None) -> None:
        self._user = os.getuid() if user is None else user
        self._tried: dict[_Key, tuple[int, Reply]] = {}
        self._lanes: Lanes[_Key, Reply | None] = Lanes(threads=_THREADS, on_late=on_answer)
        self._patient: Lanes[_Key, Reply | None] = Lanes(threads=_PATIENT_THREADS, on_late=on_answer)

    def about(self, listeners: Iterable[Listener]) -> tuple[Listener, ...]:
        """Return the listeners with what is known of each by now. Waits for nobody."""
        listeners = tuple(listeners)
        wanted = self._wanted(listeners)
        self._tried = {key: self._tried.get(key, (0, Reply())) for key in wanted}
        new = {key: _FIRST for key, (tries, _) in self._tried.items() if tries == 0}
        self._take(self._lanes, wanted, new)
        late = {
            key: _LATER[n - 1] for key, (n, reply) in self._tried.items() if reply.kind is None and 0 < n <= len(_LATER)
        }
        self._take(self._patient, wanted, late)
        return tuple(self._completed(each) for each in listeners)

    def close(self) -> None:
        """Ask no more."""
        self._lanes.close()
        self._patient.close()

    def _wanted(self, listeners: Iterable[Listener]) -> dict[_Key, Listener]:
        """Return the servers to ask about, one for each process and port, by what they are known by."""
        theirs: dict[str, dict[_Key, Listener]] = defaultdict(dict)
        for each in listeners:  # the lowest ports first, IPv4 before IPv6
            if each.worktree and each.port not in NOT_DEV_PORTS and each.uid in (None, 0, self._user):
                mine = theirs[each.worktree]
                if len(mine) < MOST:
                    mine.setdefault(_key(each), each)
        return {key: each for mine in theirs.values() for key, each in mine.items()}

    def _take(
        self, lanes: Lanes[_Key, Reply | None], wanted: Mapping[_Key, Listener], patience: Mapping[_Key, float]
    ) -> None:
        jobs = {key: partial(_ask, wanted[key].address, key[1], seconds) for key, seconds in patience.items()}
        for key, reply in lanes.run(jobs, patience=0).items():
            if reply is not None:
                self._tried[key] = (self._tried[key][0] + 1, reply if reply.kind else Reply())

    def _completed(self, listener: Listener) -> Listener:
        _, reply = self._tried.get(_key(listener), (0, Reply()))
        return listener if reply == Reply() else replace(listener, tls=reply.tls, serves=reply.kind)


def _key(listener: Listener) -> _Key:
    return (listener.pid, listener.port)


def _ask(address: str, port: int, seconds: float) -> Reply | None:
    """Ask a server, None where this process has no descriptor left for it: then it is asked again."""
    try:
        socket.socket().close()
    except OSError:
        return None
    return serves(address, port, timeout=seconds)

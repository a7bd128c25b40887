"""Whose the sessions are that hold what a gone worktree had: those of its own processes are ended, no other one ever.

What ends is the process, exactly as `router reap` would end it, and never a session by its number: whatever a server
says of its clients, nothing can be hit by it but what is left over from that very worktree.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from router.data.connection import Connection
from router.data.kind import Session
from router.data.ledger import Record
from router.processes import clients, orphans
from router.processes.clients import Address
from router.processes.look import look
from router.processes.orphans import Orphan
from router.remembered import Memory
from router.text import shown
from router.values import dataclass

_SHOWN = 3  # sessions that a message names


@dataclass(frozen=True, slots=True)
class Client:
    """Who is connected: its process where that can be seen, and what is known of it where the worktree left it."""

    session: Session
    pid: int | None = None
    program: str | None = None
    left: Orphan | None = None

    def __str__(self) -> str:
        """Return it as messages name it."""
        if self.pid is None:
            return shown(f"{self.session}, whose process cannot be seen")
        role = self.left.process.role if self.left else None
        what = f"{role.phrase}, " if role else ""
        return shown(f"{self.program or 'a process'} ({what}pid {self.pid}, session {self.session.number})")


def end_own(
    sessions: Sequence[Session], connection: Connection, record: Record, memory: Memory, *, routers: Collection[int]
) -> tuple[Client, ...]:
    """End the processes among these clients that a record's worktree left, and return the clients that stay.

    `memory` has the worktrees that are gone; `routers` are the pids of the watcher and its Caddy.
    """
    seen, programs = clients.connected(connection.port), {each.pid: each.program for each in look()}
    left = [each for each in orphans.find(memory, least=0) if each.worktree.id == record.worktree]
    every = identified(sessions, seen, programs, left)
    own = [each.left for each in every if each.left and each.left.process.role is None]
    ended = {process.id for process in orphans.reap(own, memory, routers=routers).processes} if own else set()
    return tuple(each for each in every if each.left is None or each.left.process.id not in ended)


def identified(
    sessions: Iterable[Session],
    connected: Mapping[Address, int],
    programs: Mapping[int, str | None],
    left: Iterable[Orphan],
) -> tuple[Client, ...]:
    """Return who is connected. `connected` are pids by their end of a connection, `left` what the worktree left over.

    A client is the worktree's own where its address and port, as the server says, are one end of a connection that a
    process has which is left over; where there is no server, that process itself has the file open.
    """
    own = {each.process.pid: each for each in left}
    found = []
    for session in sessions:
        ends = clients.ends(session.address, session.port)
        pids = {session.pid} if session.pid else {pid for end in ends if (pid := connected.get(end))}
        pid = pids.pop() if len(pids) == 1 else None
        found.append(Client(session) if pid is None else Client(session, pid, programs.get(pid), own.get(pid)))
    return tuple(found)


def named(every: Sequence[Client]) -> str:
    """Return clients as the end of a sentence."""
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return f"{', '.join(map(str, every[:_SHOWN]))}{more}"

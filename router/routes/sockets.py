"""Who listens on each port, and which of these sockets a worktree may be routed to.

A socket is a worktree's own (its process, or an ancestor of it, works there), or nobody's. Of nobody's, those of
another user are never routed to, as whoever listens there would get this user's cookies and codes; neither is an
address that the sockets of two owners share, as either may answer.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from router.model import Container, Listener, Observed
from router.values import dataclass, replace

FORWARDERS = frozenset(
    {
        *("docker-proxy", "rootlesskit", "rootlessport", "slirp4netns", "pasta", "pasta.avx2"),
        *("com.docker.backend", "vpnkit", "gvproxy", "limactl", "OrbStack"),
    }
)
"""Programs that listen on behalf of a container: which worktree's it is cannot be seen."""
ROOT = 0
NONE: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Sockets:
    """What listens on this machine's loopback.

    `by_port` has every socket, `by_worktree` those of each worktree's own processes by its path. `owners` are the
    worktrees whose own processes listen on a port, or, where none is seen there, whose container publishes it;
    `published` are the ports of containers. `user` is whom the router runs as, None where that is not known.
    """

    by_port: Mapping[int, tuple[Listener, ...]]
    by_worktree: Mapping[str, tuple[Listener, ...]]
    owners: Mapping[int, frozenset[str]]
    published: frozenset[int]
    user: int | None

    def target(self, port: int, *, worktree: str) -> Listener | None:
        """Return the socket to dial for a worktree, None where none may be: its own before nobody's, IPv4 first."""
        dialled = [each for each in self.by_port.get(port, ()) if self._may_dial(each, worktree)]
        return min(dialled, key=lambda each: (each.worktree != worktree, each.address), default=None)

    def is_another_users(self, port: int) -> bool:
        """Tell whether a port is in the hands of other users alone."""
        return all(map(self.of_another_user, self.by_port.get(port, ()))) and port in self.by_port

    def of_another_user(self, listener: Listener) -> bool:
        """Tell whether a socket is another user's, and not root's, who forwards for containers."""
        return _of_another_user(listener, self.user)

    def of_a_stranger(self, listener: Listener) -> bool:
        """Tell whether a process is known to be nobody's: one that can be seen and forwards for no container."""
        forwards = listener.program in FORWARDERS or listener.port in self.published
        nobodys = listener.pid is not None and listener.worktree is None and not forwards
        return nobodys or self.of_another_user(listener)

    def _may_dial(self, listener: Listener, worktree: str) -> bool:
        others = listener.worktree not in (None, worktree)
        return not (others or listener.shared or self.of_another_user(listener))


def sockets(observed: Observed, handed_out: Mapping[int, str] = NONE) -> Sockets:
    """Return what was observed to listen, by port and by worktree.

    `handed_out` are the worktrees whose port one is, by path: what nobody else has there is theirs, wherever it works.
    """
    by_port: dict[int, list[Listener]] = defaultdict(list)
    by_worktree: dict[str, list[Listener]] = defaultdict(list)
    owners: dict[int, set[str]] = defaultdict(set)
    for listener in _attributed(observed, handed_out):
        by_port[listener.port].append(listener)
        if listener.worktree:
            by_worktree[listener.worktree].append(listener)
            owners[listener.port].add(listener.worktree)
    for port, worktrees in _publishers(observed.containers).items():
        if port not in owners:  # a process is seen at once, a container that ended a moment later
            owners[port] = worktrees
    return Sockets(
        by_port={port: tuple(found) for port, found in by_port.items()},
        by_worktree={path: tuple(found) for path, found in by_worktree.items()},
        owners={port: frozenset(paths) for port, paths in owners.items()},
        published=frozenset(container.port for container in observed.containers),
        user=observed.uid,
    )


def _attributed(observed: Observed, handed_out: Mapping[int, str]) -> Iterator[Listener]:
    """Yield the listeners, each as its worktree's: by where it works, else by its port.

    Wherever another user's process works, it is no worktree's server.
    """
    for listener in observed.listeners:
        if _of_another_user(listener, observed.uid):
            yield replace(listener, worktree=None) if listener.worktree else listener
        elif listener.worktree is None and not listener.shared and listener.port in handed_out:
            yield replace(listener, worktree=handed_out[listener.port])
        else:
            yield listener


def _of_another_user(listener: Listener, user: int | None) -> bool:
    return user is not None and listener.uid not in (None, ROOT, user)


def _publishers(containers: Iterable[Container]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for container in containers:
        found[container.port].add(container.worktree)
    return found

"""Whose is it: finds the worktree behind a port, a URL, a pid, a path or a container's name."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

from router import ps
from router.document import Document, find
from router.errors import NobodyKnowsError, UnknownNameError
from router.observe.listeners import Listeners
from router.paths import deepest_root
from router.processes import answers, containers, gone, sockets
from router.processes.answers import Answer
from router.processes.asked import Directory, Host, Number, Port, Word, asked
from router.processes.belonging import ProcessMap, WorktreeRoot, ancestors, descendants, process_map
from router.processes.containers import Container
from router.processes.look import Process, look
from router.processes.roles import Role
from router.remembered import GoneWorktree, Memory
from router.text import shown
from router.values import dataclass, replace

_STARTERS = frozenset({Role.AGENT, Role.EDITOR, Role.MULTIPLEXER, Role.TERMINAL})
_SEE_STATUS = "`router status` lists the worktrees and their ports"


@dataclass(frozen=True, slots=True)
class Sources:
    """What answers come from: the worktrees that are there and those that are gone, by the real paths of their roots.

    `own` is the router's own port; `composed` asks for the containers that run. A path that is asked about is one as
    from `cwd`.
    """

    living: Mapping[str, Document]
    gone: Mapping[str, GoneWorktree]
    own: int | None
    composed: Callable[[], tuple[Container, ...]] = containers.running
    cwd: str = ""


def sources(status: Document, remembered: Memory, *, now: float, cwd: str = "") -> Sources:
    """Return what answers come from; `now` is the time in seconds since the epoch."""
    return Sources(
        living={os.path.realpath(tree["path"]): tree for tree in status["worktrees"]},
        gone={os.path.realpath(each.path): each for each in gone.gone(remembered, now=now)},
        own=urlsplit(status["origin"]).port,
        cwd=cwd,
    )


def whose(what: str, known: Sources) -> Answer:
    """Return whose something is.

    NobodyKnowsError where nobody knows, with what cannot be seen and the command that would show it; UsageError where
    it cannot be understood.
    """
    match asked(what):
        case Port(number):
            return _of_port(number, known)
        case Number(number):
            return _of_number(number, known)
        case Host(name, path):
            return _of_host(name, path, known)
        case Directory(path):
            return _of_path(path, known)
        case Word(text):
            return _of_word(text, known)


def _of_number(number: int, known: Sources) -> Answer:
    """Return whose a port is if somebody listens there, else whose a process is, else whose an idle port is."""
    if answer := _listening(number, known):
        return answer
    if ps.identify(number):
        return _of_process(number, known)
    if answer := _declared(number, known):
        return answer
    raise NobodyKnowsError(f"nothing listens on port {number}, and no process has that pid", hint=_SEE_STATUS)


def _of_port(port: int, known: Sources) -> Answer:
    if answer := _listening(port, known) or _declared(port, known):
        return answer
    raise NobodyKnowsError(f"nothing listens on port {port}, and no worktree has it", hint=_SEE_STATUS)


def _listening(port: int, known: Sources) -> Answer | None:
    """Return whose server listens on a port, None where none does; NobodyKnowsError where it cannot be seen."""
    if port == known.own:
        raise NobodyKnowsError(f"port {port} is the router's own", hint="name a worktree's host, <label>.localhost")
    found = Listeners().scan([tree["path"] for tree in known.living.values()])
    listeners = [each for each in found if each.port == port]
    container = next((each for each in known.composed() if port in each.ports), None)
    for each in listeners:
        if each.pid and (each.worktree or not container):
            return replace(_of_process(each.pid, known, routed=each.worktree), port=port)
    if container:
        return replace(_of_container(container, known), port=port)
    if listeners:
        raise answers.unseen(listeners[0])
    return None


def _declared(port: int, known: Sources) -> Answer | None:
    """Return whose a port is on which nothing listens: that of a service which is down."""
    for tree in known.living.values():
        for name, service in tree["services"].items():
            if service["port"] == port:
                return Answer(answers.routed(tree), "declared", service=name, port=port)
    return None


def _of_process(pid: int, known: Sources, *, routed: str | None = None) -> Answer:
    """Return whose a process is; `routed` is the worktree that its socket was found to belong to."""
    seen = process_map(look(), living=known.living, gone=known.gone)
    process = next((each for each in seen.processes if each.pid == pid), None)
    if process is None:
        raise NobodyKnowsError(f"process {pid} has just ended", hint=_SEE_STATUS)
    place = seen.where.get(pid) or (WorktreeRoot(os.path.realpath(routed)) if routed else None)
    starters = tuple(each.program or "?" for each in _starters(process, seen))
    if place is None:
        return Answer(answers.around(process), "working directory", process=process, started_by=starters)
    works_there = deepest_root(process.cwd, {place.root}) is not None
    how = "working directory" if works_there else "job"
    answer = Answer(_tree(place, known), how, process=process, started_by=starters)
    return answer if place.gone else replace(answer, service=_service(process, known.living[place.root], seen))


def _of_host(name: str, path: str, known: Sources) -> Answer:
    """Return which worktree and service answer at a host, as Caddy has it."""
    *front, last = name.removesuffix(".localhost").split(".")
    label, _, service = last.partition("--")
    tree = next((each for each in known.living.values() if label in (each["name"], *each["aliases"])), None)
    if tree is None:
        raise NobodyKnowsError(f"no worktree is called {shown(label)!r}", hint=_SEE_STATUS)
    if not service:
        service = front[-1] if front and front[-1] in tree["services"] else _mounted(tree, path)
    if service not in tree["services"]:
        raise NobodyKnowsError(f"{label} has no service {shown(service)!r}", hint=_SEE_STATUS)
    return Answer(answers.routed(tree), "host", service=service, port=tree["services"][service]["port"])


def _of_path(path: str, known: Sources) -> Answer:
    real = os.path.realpath(os.path.join(known.cwd, path))  # noqa: PTH118 - Path's raises for odd text
    if root := deepest_root(real, known.living):
        return Answer(answers.routed(known.living[root]), "path")
    if root := deepest_root(real, known.gone):
        return Answer(answers.lost(known.gone[root]), "path")
    return Answer(answers.elsewhere(real), "path")


def _of_word(text: str, known: Sources) -> Answer:
    if container := next((each for each in known.composed() if each.name == text), None):
        return _of_container(container, known)
    with contextlib.suppress(UnknownNameError):
        return Answer(answers.routed(find({"worktrees": [*known.living.values()]}, text)), "label")
    if os.path.exists(os.path.join(known.cwd, text)):  # noqa: PTH110, PTH118 - as above
        return _of_path(text, known)
    raise NobodyKnowsError(
        f"no container of Compose, worktree or file is called {shown(text)!r}",
        hint="ask about a port, a URL, a pid, a path or a container's name",
    )


def _of_container(container: Container, known: Sources) -> Answer:
    root = deepest_root(os.path.realpath(container.directory), known.living)
    if root is None:
        return Answer(answers.elsewhere(container.directory), "container", container=container.name)
    tree, source = known.living[root], f"container:{container.name}"
    service = next((name for name, each in tree["services"].items() if each["source"] == source), None)
    return Answer(answers.routed(tree), "container", service=service, container=container.name)


def _tree(place: WorktreeRoot, known: Sources) -> answers.Tree:
    return answers.lost(known.gone[place.root]) if place.gone else answers.routed(known.living[place.root])


def _service(process: Process, tree: Document, seen: ProcessMap) -> str | None:
    """Return the service that a process answers, or that something it started does."""
    started = (process, *descendants(process, seen.processes))
    ports = {port for held in sockets.held(each.pid for each in started).values() for port in held}
    return next((name for name, each in tree["services"].items() if each["up"] and each["port"] in ports), None)


def _mounted(tree: Document, path: str) -> str:
    """Return the service with the longest path that a path on the worktree's own host lies in, else `web`."""
    paths: dict[str, str] = {each["path"]: name for name, each in tree["services"].items() if each.get("path")}
    inside = (each for each in paths if f"{path}/".startswith(f"{each}/"))
    return paths.get(max(inside, key=len, default=""), "web")


def _starters(process: Process, seen: ProcessMap) -> Iterator[Process]:
    """Yield what started a process, up to an agent, an editor, a terminal, or a shell that none of these started."""
    known = {each.pid: each for each in seen.processes}
    shell = False
    for each in ancestors(process, known):
        if each.pid == 1 or (shell and each.role is None):
            return
        yield each
        if each.role in _STARTERS:
            return
        shell = each.role is Role.SHELL

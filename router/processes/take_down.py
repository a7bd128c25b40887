"""Takes down Compose stacks as `docker compose down` does, without a file: each container by its id, never by a name.

A project's name alone proves nothing: who says `docker compose --project-name=shop down` removes whatever is called so
by then.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from router.errors import RouterError
from router.observe import containers as engines
from router.processes.containers import PREFIX, Container
from router.processes.end import PATIENCE
from router.processes.stacks import Stack
from router.text import shown
from router.values import dataclass

_SLOW = 120.0  # seconds for an engine under load to do as it is told, beyond those that a container has to end
_DONE = (200, 204, 304, 404)  # 304: it is stopped; 404: it is gone
_IN_USE = (403, 409)
_VOLUME = f"{PREFIX}.volume"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """A volume or network that stays, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class TakenDown:
    """What became of a stack: the containers, networks and volumes that were removed, what stays, what failed."""

    containers: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()
    failed: tuple[RouterError, ...] = ()


def take_down(
    wanted: Sequence[Stack], *, again: Callable[[], Iterable[Stack]], patience: float = PATIENCE
) -> TakenDown:
    """Take stacks down; `again` looks once more, and only what it finds unchanged is touched.

    Each container has `patience` seconds to end by itself. Their project's networks go with them; its volumes only
    where its name was given to this worktree alone, and only those that Compose named after it.
    """
    done = [_taken_down(stack, patience) for stack in again() if not stack.stays and _is_among(stack, wanted)]
    return TakenDown(*(tuple(one for each in done for one in getattr(each, part)) for part in TakenDown.__slots__))


def _is_among(stack: Stack, wanted: Iterable[Stack]) -> bool:
    return any(_ids(stack) <= _ids(each) for each in wanted)


def _ids(stack: Stack) -> set[tuple[str, str]]:
    return {(stack.engine, each.id) for each in stack.containers}


def _taken_down(stack: Stack, patience: float) -> TakenDown:
    with ThreadPoolExecutor(max_workers=len(stack.containers)) as pool:  # one that does not end holds up no other
        ended = list(pool.map(lambda each: _removed(each, patience), stack.containers))
    names = tuple(each.name for each, failed in zip(stack.containers, ended, strict=True) if failed is None)
    if names:
        log.info("removed %s of %s", ", ".join(names), shown(stack.worktree.path))
    if failed := tuple(each for each in ended if each):
        return TakenDown(names, failed=failed)
    try:
        networks, busy = _without_users(stack, "networks", _listed(stack, "/networks", "Id"))
        volumes, kept = _volumes(stack)
    except RouterError as exc:
        return TakenDown(names, failed=(exc,))
    return TakenDown(names, networks, volumes, (*busy, *kept))


def _removed(container: Container, patience: float) -> RouterError | None:
    place = f"/containers/{quote(container.id, safe='')}"
    try:
        _tell(container.engine, "POST", f"{place}/stop", t=str(round(patience)))
        _tell(container.engine, "DELETE", place, force="true")
    except RouterError as exc:
        return exc
    return None


def _volumes(stack: Stack) -> tuple[tuple[str, ...], tuple[Kept, ...]]:
    """Remove the volumes that are this stack's alone; return their names, and those that stay."""
    listed = list(_listed(stack, "/volumes", "Name"))
    if not stack.has_own_name:
        return (), tuple(Kept(name, "another directory's project may be called so too") for _, name, _ in listed)
    own = [each for each in listed if each[1] == f"{stack.project}_{each[2].get(_VOLUME)}"]
    named = tuple(Kept(each[1], "its name does not say whose it is") for each in listed if each not in own)
    removed, busy = _without_users(stack, "volumes", own)
    return removed, (*named, *busy)


_Listed = tuple[str, str, Mapping[object, object]]  # how the engine calls it, its name, its labels


def _listed(stack: Stack, target: str, key: str) -> Iterator[_Listed]:
    """Yield what the engine has with the label of a stack's project."""
    query = json.dumps({"label": [f"{PREFIX}.project={stack.project}"]})
    answer = engines.ask(stack.engine, target, timeout=_SLOW, filters=query)
    if answer is None:
        raise _silent(stack.engine)
    every = answer.get("Volumes") if isinstance(answer, dict) else answer
    for each in every if isinstance(every, list) else ():
        match each:
            case {"Name": str(name), "Labels": {**labels}} if labels.get(f"{PREFIX}.project") == stack.project:
                yield str(each[key]), name, labels


def _without_users(stack: Stack, what: str, listed: Iterable[_Listed]) -> tuple[tuple[str, ...], tuple[Kept, ...]]:
    """Remove networks or volumes that no container uses: the engine itself refuses to remove another one."""
    removed, kept = [], []
    for identity, name, _ in listed:
        if _tell(stack.engine, "DELETE", f"/{what}/{quote(identity, safe='')}", allowed=(*_DONE, *_IN_USE)) in _IN_USE:
            kept.append(Kept(name, "another container uses it"))
        else:
            removed.append(name)
            log.info("removed the %s %s of %s", what.removesuffix("s"), name, shown(stack.worktree.path))
    return tuple(removed), tuple(kept)


def _tell(engine: str, method: str, target: str, *, allowed: Sequence[int] = _DONE, **query: str) -> int:
    """Have an engine do something, and return the status of its answer. RouterError where it is none of `allowed`."""
    import httpx

    if not engines.engines([engine]):  # httpcore leaks its socket where nobody listens
        raise _silent(engine)
    try:
        with engines.client(engine, timeout=_SLOW) as client:
            answer = client.request(method, target, params=query)
    except httpx.HTTPError as exc:
        raise _silent(engine) from exc
    if answer.status_code not in allowed:
        said = shown(answer.text[:200].strip())
        raise RouterError(f"{method} {target} at the Docker engine: {answer.status_code} {said}", hint="see its log")
    return answer.status_code


def _silent(engine: str) -> RouterError:
    return RouterError(f"the Docker engine at {engine} does not answer", hint="see that it runs, and say it again")

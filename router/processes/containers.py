"""Containers of Compose projects: which there are and which run, what memory they have, and how they are stopped."""

import json
import math
import os
import re
from collections.abc import Iterable, Sequence

from router import proc
from router.errors import RouterError
from router.observe import containers as engines
from router.paths import deepest_root
from router.text import shown
from router.values import dataclass

_SLOW = 10.0  # seconds for an engine to answer: a machine under load is slow
_PATIENCE = 120.0  # seconds: Docker gives each container ten to end by itself

PREFIX = "com.docker.compose"
"""What the labels begin with that Compose gives to all it makes (docs.docker.com/reference/compose-file)."""
_RUNS = ("running", "paused", "restarting")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a Compose project: its engine's socket, and the directory its project is in.

    `created` is in seconds since the epoch.
    """

    engine: str
    id: str
    name: str
    project: str
    service: str
    directory: str
    ports: tuple[int, ...]
    created: float = 0.0
    runs: bool = True


def running(sockets: Sequence[str] | None = None) -> tuple[Container, ...]:
    """Return the running containers of Compose of this machine's engines, sorted by name. Raises nothing."""
    found = (
        _container(engine, entry)
        for engine in engines.engines(sockets)
        for entry in engines.composed(engine, timeout=_SLOW)
    )
    return tuple(sorted((each for each in found if each), key=lambda each: (each.name, each.id)))


def every(sockets: Sequence[str] | None = None) -> tuple[Container, ...]:
    """Return the containers of all Compose projects, stopped ones too, sorted by name. Raises nothing.

    One whose labels make no sense has an empty directory: it is of its project, and nobody knows whose.
    """
    query = {"all": "true", "filters": json.dumps({"label": [f"{PREFIX}.project"]})}
    found = []
    for engine in engines.engines(sockets):
        listed = engines.ask(engine, "/containers/json", timeout=_SLOW, **query)
        entries = listed if isinstance(listed, list) else []
        found += [_container(engine, entry) or _unclear(engine, entry) for entry in entries]
    return tuple(sorted((each for each in found if each), key=lambda each: (each.name, each.id)))


def within(containers: Iterable[Container], root: str, *, roots: Iterable[str]) -> tuple[Container, ...]:
    """Return the containers whose project is in a worktree. `roots` are those of all worktrees, links resolved."""
    every = frozenset(roots)
    return tuple(each for each in containers if deepest_root(os.path.realpath(each.directory), every) == root)


def memory(container: Container) -> int:
    """Return the memory of a container in bytes as `docker stats` shows it, 0 where the engine does not say.

    That is its use without the page cache that the kernel can take back:
    https://docs.docker.com/reference/cli/docker/container/stats/#description
    """
    target = f"/containers/{container.id}/stats"
    match engines.ask(container.engine, target, timeout=_SLOW, stream="false", **{"one-shot": "true"}):
        case {"memory_stats": {"usage": int(used), **more}}:
            stats = more.get("stats")
            cache = stats.get("inactive_file", stats.get("total_inactive_file")) if isinstance(stats, dict) else 0
            return max(0, used - cache) if isinstance(cache, int) else used
    return 0


def stop(containers: Sequence[Container]) -> None:
    """Stop the services of these containers, of one project, by `docker compose stop`. RouterError says why not.

    The project is told by its name alone: no file of the worktree is read.
    """
    _compose("stop", containers)
    _log("stopped", containers)


def start(containers: Sequence[Container]) -> None:
    """Start the services of these containers, of one project, again, as `stop` stops them. RouterError says why not."""
    _compose("start", containers)
    _log("started", containers)


def _log(did: str, containers: Sequence[Container]) -> None:
    import logging  # here: commands start without it

    names = ", ".join(each.name for each in containers)
    logging.getLogger(__name__).info("%s %s in %s", did, names, shown(containers[0].directory))


def by_project(containers: Iterable[Container]) -> tuple[tuple[Container, ...], ...]:
    """Return containers in groups, those of one project of one engine together."""
    found: dict[tuple[str, str], tuple[Container, ...]] = {}
    for each in containers:
        found[each.engine, each.project] = (*found.get((each.engine, each.project), ()), each)
    return tuple(found[key] for key in sorted(found))


def _compose(verb: str, containers: Sequence[Container]) -> None:
    first = containers[0]
    services = sorted({each.service for each in containers})
    command = ["docker", "compose", "--project-directory=/", f"--project-name={first.project}", verb, *services]
    answer = proc.run(command, env={**os.environ, "DOCKER_HOST": f"unix://{first.engine}"}, timeout=_PATIENCE)
    if answer.code:
        said = answer.err.splitlines()[-1] if answer.err else f"exit status {answer.code}"
        raise RouterError(
            f"docker compose --project-name={first.project} {verb}: {said}",
            hint=f"fix that, or run `docker {verb} {' '.join(each.name for each in containers)}`",
        )


def _container(engine: str, entry: object) -> Container | None:
    match entry:
        case {"Id": str(identity), "Names": [str(name), *_], "Labels": {**labels}, **rest}:
            told = [labels.get(f"{PREFIX}.{what}") for what in ("project", "service", "project.working_dir")]
            match told:
                case [str(project), str(service), str(directory)] if _is_plain(project, service, directory):
                    plain, ports, created = name.removeprefix("/"), _ports(rest.get("Ports")), rest.get("Created")
                    since = float(created) if isinstance(created, int) else math.inf
                    runs = rest.get("State", "running") in _RUNS
                    return Container(engine, identity, plain, project, service, directory, ports, since, runs)
    return None


def _unclear(engine: str, entry: object) -> Container | None:
    match entry:
        case {"Labels": {"com.docker.compose.project": str(project)}}:
            return Container(engine, "", "", project, "", "", (), math.inf)
    return None


def _is_plain(project: str, service: str, directory: str) -> bool:
    """Tell whether names are such as Compose gives, and the directory is a path: anybody may set a label."""
    return all(map(_NAME.fullmatch, (project, service))) and directory.startswith("/") and "\0" not in directory


def _ports(listed: object) -> tuple[int, ...]:
    every = listed if isinstance(listed, list) else []
    public = (each.get("PublicPort") for each in every if isinstance(each, dict))
    return tuple(sorted({port for port in public if isinstance(port, int)}))

"""Containers of the Compose projects inside worktrees: which run, what memory they have, and how they are stopped."""

import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from router import proc
from router.errors import RouterError
from router.naming import shown
from router.observe import containers as engines
from router.paths import deepest_root

_SLOW = 10.0  # seconds for an engine to answer: a machine under load is slow
_PATIENCE = 120.0  # seconds: Docker gives each container ten to end by itself
log = logging.getLogger(__name__)

_PREFIX = "com.docker.compose"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Container:
    """A running container of a Compose project: its engine's socket, and the directory its project is in."""

    engine: str
    id: str
    name: str
    project: str
    service: str
    directory: str
    ports: tuple[int, ...]


def running(sockets: Sequence[str] | None = None) -> tuple[Container, ...]:
    """Return the running containers of Compose of this machine's engines, sorted by name. Raises nothing."""
    found = (
        _container(engine, entry)
        for engine in engines.engines(sockets)
        for entry in engines.composed(engine, timeout=_SLOW)
    )
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
    first = containers[0]
    services = sorted({each.service for each in containers})
    command = ["docker", "compose", "--project-directory=/", f"--project-name={first.project}", "stop", *services]
    answer = proc.run(command, env={**os.environ, "DOCKER_HOST": f"unix://{first.engine}"}, timeout=_PATIENCE)
    if answer.code:
        said = answer.err.splitlines()[-1] if answer.err else f"exit status {answer.code}"
        raise RouterError(
            f"docker compose --project-name={first.project} stop: {said}",
            hint=f"fix that, or run `docker stop {' '.join(each.name for each in containers)}`",
        )
    log.info("stopped %s in %s", ", ".join(each.name for each in containers), shown(first.directory))


def _container(engine: str, entry: object) -> Container | None:
    match entry:
        case {"Id": str(identity), "Names": [str(name), *_], "Labels": {**labels}, **rest}:
            told = [labels.get(f"{_PREFIX}.{what}") for what in ("project", "service", "project.working_dir")]
            match told:
                case [str(project), str(service), str(directory)] if _is_plain(project, service, directory):
                    ports = _ports(rest.get("Ports"))
                    return Container(engine, identity, name.removeprefix("/"), project, service, directory, ports)
    return None


def _is_plain(project: str, service: str, directory: str) -> bool:
    """Tell whether names are such as Compose gives, and the directory is a path: anybody may set a label."""
    return all(map(_NAME.fullmatch, (project, service))) and directory.startswith("/") and "\0" not in directory


def _ports(listed: object) -> tuple[int, ...]:
    every = listed if isinstance(listed, list) else []
    public = (each.get("PublicPort") for each in every if isinstance(each, dict))
    return tuple(sorted({port for port in public if isinstance(port, int)}))

"""Published ports of Compose services that belong to a worktree, from the Docker engine's unix socket."""

import os
import re
import socket
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from router.files import is_absent
from router.model import Container
from router.naming import is_label, label
from router.observe.patient_files import PatientFiles
from router.paths import deepest_root
from router.ports import NOT_DEV_PORTS

if TYPE_CHECKING:
    import httpx

PREFERRED = frozenset({80, 3000, 5173, 8000, 8080})
TIMEOUT = 1.0
INTERVAL = 2.0
# https://docs.docker.com/reference/api/engine/: without a version in the path the engine answers in its own.
_QUERY = {"filters": '{"label":["com.docker.compose.project.working_dir"],"status":["running"]}'}
_REACHABLE = ("", "0.0.0.0", "::", "127.0.0.1", "::1")  # noqa: S104  # read, not bound
_SERVICE = re.compile(r"[a-zA-Z0-9._-]+")  # compose-spec, `services`
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")  # moby, daemon/names


class Containers:
    """Asks the engine every two seconds, apart from the loop: one that hangs holds nothing up."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.found: tuple[Container, ...] = ()
        self.roots: Mapping[str, str] = {}
        """The real paths of worktrees by path."""
        self._files = PatientFiles()
        self._on_change = on_change
        self._stop = threading.Event()

    def start(self) -> None:
        """Start to ask."""
        threading.Thread(target=self._poll, daemon=True).start()

    def close(self) -> None:
        """Ask no more."""
        self._stop.set()

    def _poll(self) -> None:
        while not self._stop.wait(INTERVAL):
            before, self.found = self.found, published(self.roots, real_path=self._files.real_path)
            if self.found != before:
                self._on_change()


def engine_sockets(environ: Mapping[str, str], home: str) -> tuple[str, ...]:
    """Return where a Docker engine of this machine may listen; only `DOCKER_HOST` counts if that is set.

    An engine on another machine (`tcp://`, `ssh://`) publishes its ports there, so it has none for us.
    """
    if host := environ.get("DOCKER_HOST"):
        return (host.removeprefix("unix://"),) if host.startswith("unix:///") else ()
    runtime = environ.get("XDG_RUNTIME_DIR")
    rootless = (f"{runtime}/docker.sock",) if runtime else ()
    desktop = (f"{home}/.docker/{folder}/docker.sock" for folder in ("run", "desktop"))
    return ("/var/run/docker.sock", *rootless, *desktop)


def published(
    roots: Mapping[str, str],
    *,
    sockets: Sequence[str] | None = None,
    real_path: Callable[[str], str] = os.path.realpath,
) -> tuple[Container, ...]:
    """Return the Compose services that run inside a worktree and can be reached over loopback, sorted.

    `roots` are the real paths of worktrees by path; `real_path` says where a project's directory is. Ports that no dev
    server has inside its container (databases, brokers) do not count. Takes at most about a second for each socket that
    exists. Without Docker, or with an answer that cannot be understood, there are none; raises nothing.
    """
    entries = [entry for path in engines(sockets) for entry in composed(path)]
    return services(entries, roots, excluded=NOT_DEV_PORTS, real_path=real_path)


def engines(sockets: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the sockets at which a Docker engine of this machine takes connections, sorted."""
    places = engine_sockets(os.environ, str(Path.home())) if sockets is None else sockets
    return tuple(sorted({os.path.realpath(path) for path in places if _accepts(path)}))


def composed(engine: str, *, timeout: float = TIMEOUT) -> Sequence[object]:
    """Return what the engine at a socket lists of running containers of Compose; nothing where it gives no answer."""
    answer = ask(engine, "/containers/json", timeout=timeout, **_QUERY)
    return cast("list[object]", answer) if isinstance(answer, list) else ()


def ask(engine: str, target: str, *, timeout: float = TIMEOUT, **query: str) -> object:
    """Return what an engine answers to a GET, read as JSON; None where it does not within `timeout` seconds."""
    import httpx  # here: 0.1 s, and most machines have no engine

    try:
        with client(engine, timeout=timeout) as asking:
            return asking.get(target, params=query).json()
    except (httpx.HTTPError, ValueError, RecursionError):  # the last two: not JSON, or nested without end
        return None


def client(engine: str, *, timeout: float) -> "httpx.Client":
    """Return what speaks to the engine at a socket; it is the caller's to close."""
    import httpx

    transport = httpx.HTTPTransport(uds=engine, verify=False)  # no TLS on a unix socket: no time for certificates
    return httpx.Client(transport=transport, base_url="http://docker", timeout=timeout, trust_env=False)


def services(
    entries: Sequence[object],
    roots: Mapping[str, str],
    *,
    excluded: Collection[int],
    real_path: Callable[[str], str] = os.path.realpath,
) -> tuple[Container, ...]:
    """Return one container for each service of a worktree, from what `GET /containers/json` lists.

    Of a service's ports the lowest usual one inside the container counts (80, 3000, 5173, 8000, 8080), else the
    lowest; of several containers of a service the one with the lowest number, then name.
    """
    places = {real: path for path, real in roots.items()}
    best: dict[tuple[str, str], tuple[int, str, int]] = {}
    for entry in entries:
        if read := _container(entry, places, excluded, real_path):
            number, found = read
            key, rank = (found.worktree, found.service), (number, found.name, found.port)
            best[key] = min(rank, best.get(key, rank))
    return tuple(Container(*key, name=best[key][1], port=best[key][2]) for key in sorted(best))


def _accepts(path: str) -> bool:
    """Tell whether a server listens on a unix socket; asked first, as httpcore leaks its own where none does."""
    if is_absent(path):
        return False
    with socket.socket(socket.AF_UNIX) as trial:
        trial.settimeout(TIMEOUT)
        try:
            trial.connect(path)
        except OSError:
            return False
        return True


def _container(
    entry: object, places: Mapping[str, str], excluded: Collection[int], real_path: Callable[[str], str]
) -> tuple[int, Container] | None:
    match entry:
        case {
            "Labels": {
                "com.docker.compose.project.working_dir": str(folder),
                "com.docker.compose.service": str(service),
                **labels,
            },
            "Names": [str(name), *_],
            "Ports": [*ports],
            **rest,
        }:
            plain, port = name.removeprefix("/"), _port(ports, excluded)
            worktree = _worktree(folder, places, real_path)
            valid = _SERVICE.fullmatch(service) and is_label(label(service)) and _NAME.fullmatch(plain)
            running = rest.get("State", "running") == "running" and labels.get("com.docker.compose.oneoff") != "True"
            if worktree and port and valid and running:
                number = _number(labels.get("com.docker.compose.container-number"))
                return number, Container(worktree, label(service), plain, port)
    return None


def _number(text: object) -> int:
    return int(text) if isinstance(text, str) and re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) else 0


def _worktree(folder: str, places: Mapping[str, str], real_path: Callable[[str], str]) -> str | None:
    """Return the deepest worktree around a folder."""
    try:
        real = deepest_root(real_path(folder), places) if folder.startswith("/") else None
    except ValueError:  # a NUL, or what no file name can hold
        return None
    return places[real] if real else None


def _port(ports: Sequence[object], excluded: Collection[int]) -> int | None:
    usable: list[tuple[bool, int, int]] = []
    for each in ports:
        match each:
            case {"Type": "tcp", "PrivatePort": int(private), "PublicPort": int(public), **rest}:
                if 0 < public < 65536 and private not in excluded and rest.get("IP", "") in _REACHABLE:  # noqa: PLR2004
                    usable.append((private not in PREFERRED, private, public))
    return min(usable)[2] if usable else None

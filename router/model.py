"""The values that travel between the layers: what was observed."""

from collections.abc import Mapping

from router.shared_names import WrittenNames
from router.values import dataclass, field

ERROR_KINDS = frozenset({
    "port-conflict", "unreachable-from-container", "watcher-down", "caddy-down", "load-refused", "drift",
    "foreign-caddy", "stranger-on-port", "shared-port", "same-directory", "start-failed", "resource-failed",
    "watcher-hung",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be; the kinds are the closed list of `contract/problems.json`."""

    kind: str
    message: str
    hint: str
    service: str | None = None

    @property
    def severity(self) -> str:
        """`error` makes `status --check` exit 1, `warning` does not."""
        return "error" if self.kind in ERROR_KINDS else "warning"


@dataclass(frozen=True, slots=True, order=True)
class WorktreeId:
    """What stays the same while a worktree exists, through branch switches and `git worktree move`.

    `admin` is the name below `<common_dir>/worktrees`, empty for the main checkout; git reuses it, so
    `created` (nanoseconds, of the administrative directory) tells one worktree from its successor.
    """

    common_dir: str
    admin: str
    created: int


COPY = "copy:"
"""What the administrative name of a folder copy begins with; git's own never have a colon."""


@dataclass(frozen=True, slots=True)
class Wake:
    """How a visit starts a service: together with what it `needs`; a visitor waits for `patience` seconds at most."""

    needs: tuple[str, ...] = ()
    patience: float = 60.0


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A service that every worktree of a repository has: its name and the variables that name its port.

    `ports` is the strategy that assigns one where no file names it (`hash`, `index`, `free`), `base` where the latter
    two begin. `configured` is whether somebody or some file says that there is one, `wakes` how a visit starts its
    server, None where none does.
    """

    name: str
    env: tuple[str, ...] = ()
    path: str | None = None
    strip_path: bool = False
    ports: str = "hash"
    base: int | None = None
    configured: bool = True
    wakes: Wake | None = None

    @property
    def rule(self) -> str:
        """What the assigned port follows from: under another rule a remembered one no longer counts."""
        return self.ports if self.ports == "hash" else f"{self.ports}:{self.base}"


DEFAULT_SERVICES = (
    ServiceSpec("web", ("FRONTEND_PORT", "WEB_PORT", "VITE_PORT", "PORT"), configured=False),
    ServiceSpec("api", ("BACKEND_PORT", "API_PORT", "SERVER_PORT"), configured=False),
)
ENV_TEMPLATE = ".env.agent.template"


@dataclass(frozen=True, slots=True)
class Override:
    """What `router.toml` says of one branch's worktree."""

    name: str | None = None
    hide: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Declaration:
    """A value that a file of the worktree gives to one of a service's variables, as written.

    `port` is None where the text is not a port; the order of a worktree's declarations is their precedence.
    """

    service: str
    port: int | None
    source: str
    variable: str
    text: str


@dataclass(frozen=True, slots=True)
class Worktree:
    """A worktree as git and its files show it. `path` and `branch` are data from others, never code.

    `branch` is the short name (`feature/x`), also while a rebase or bisect has HEAD detached; None where
    nothing but a commit is checked out, and for a folder copy. `present` is whether its directory is there, `made`
    whether `git worktree add` is done with it. `same_as` is the path of another worktree that this one's path really
    leads to (a link, a wrong `gitdir`): that one is the true owner. `services` are those that its files alone name:
    packages of a monorepo, lines of a Procfile. `written` is what it was called when its files were written;
    `own_database` is the database that a main checkout's own files name, empty where they name none.
    """

    id: WorktreeId
    path: str
    branch: str | None
    main: bool = False
    detached: bool = False
    present: bool = True
    made: bool = True
    same_as: str | None = None
    services: tuple[ServiceSpec, ...] = ()
    declared: tuple[Declaration, ...] = ()
    written: WrittenNames | None = None
    own_database: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def copy(self) -> bool:
        """Whether it is a whole copy of the main checkout, a folder with a repository of its own."""
        return self.id.admin.startswith(COPY)


@dataclass(frozen=True, slots=True)
class SleepRules:
    """When the servers of a worktree are stopped for nobody using them.

    `after` are the seconds that this takes, `pressure` the part of the machine's memory that is to stay available:
    while less is, the longest idle are stopped. None where one of them is not wanted. `adopted` is whether servers
    that the router did not start are stopped as well, `containers` whether those of its Compose projects are.
    """

    after: float | None = None
    pressure: float | None = None
    adopted: bool = False
    containers: bool = False


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that the router serves, with its worktrees and what its `router.toml` says.

    `copies` is whether folders beside the main checkout count as worktrees too, `strip` what branches begin with that
    their labels leave out, `mask` whether apps that take their redirect URI from the host that was asked are given the
    registered one. `env` are the templates of its worktrees' environment by variable, `env_template` the file
    of a worktree that is filled from it, `shared` the variables whose values all worktrees have in common on purpose,
    `resources` the names of what each has of its own in databases, queues and caches, `served` those of them that are
    on a server of the router's own: there the main checkout has one too, `sleep` when its worktrees sleep, None where
    they never do. `answered` is whether git listed the worktrees just now: where it did not, they are those of the last
    good look, if any.
    """

    name: str
    path: str
    common_dir: str
    worktrees: tuple[Worktree, ...]
    services: tuple[ServiceSpec, ...] = DEFAULT_SERVICES
    callback_paths: tuple[str, ...] = ()
    mask: bool = True
    overrides: Mapping[str, Override] = field(default_factory=dict)
    copies: bool = False
    strip: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    env_template: str = ENV_TEMPLATE
    shared: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    served: tuple[str, ...] = ()
    sleep: SleepRules | None = None
    problems: tuple[Problem, ...] = ()
    answered: bool = True


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    """A TCP socket that accepts connections on this machine's loopback.

    `address` is the literal to dial (`127.0.0.1` or `::1`), whatever the socket is bound to; `loopback_only`
    tells a socket that a container cannot reach. `worktree` is the path of the deepest worktree that the
    owning process (or an ancestor of it) works in, None where that is not known. `serves` is what it
    answered, see `router.routes.servers`, None where nobody asked. `uid` is the user who
    owns the socket, None where the system does not say; `shared` is whether sockets of two owners take connections
    on this address and port (SO_REUSEPORT), so that either may answer. `directory` is where the owning process works,
    None where that cannot be seen. `answers` is whether whoever connects gets an answer, `holders`
    are the processes that hold the socket.
    """

    port: int
    address: str
    loopback_only: bool = True
    worktree: str | None = None
    pid: int | None = None
    program: str | None = None
    tls: bool = False
    serves: str | None = None
    uid: int | None = None
    shared: bool = False
    directory: str | None = None
    answers: bool = True
    holders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Container:
    """A published port of a Compose service whose project lives inside a worktree."""

    worktree: str
    service: str
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything one look found.

    `reserved` are ports that no worktree may have (the router's own), `now` is when it was looked, in seconds since
    the epoch, `uid` the user whom the router runs as: other users' sockets are never routed to, but for root's.
    """

    repositories: tuple[Repository, ...]
    listeners: tuple[Listener, ...] = ()
    containers: tuple[Container, ...] = ()
    reserved: frozenset[int] = frozenset()
    now: float = 0.0
    uid: int | None = None

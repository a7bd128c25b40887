"""The machine's settings (flag, then `ROUTER_*`, then `config.toml`, then default) and a repository's `router.toml`."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from router.callback import parse_path
from router.environment import variable
from router.errors import RouterError, SettingsError
from router.model import DEFAULT_SERVICES, ENV_TEMPLATE, Override, ServiceSpec
from router.naming import is_label, origin
from router.ports import ADMIN_PORT, BASES, HIGHEST, LOWEST

APP = "worktree-router"
DEFAULT_CALLBACK = "/auth/callback"
_DEEPEST = 100
_DOT = re.compile(r"[^.]\.")


def _callback_path(path: str) -> str:
    try:
        return parse_path(path)
    except RouterError as exc:
        raise ValueError(exc.message) from exc


def _service_name(name: str) -> str:
    if not is_label(name):
        raise ValueError("a service's name has letters a-z, digits and single hyphens only")
    return name


def _url_path(path: str) -> str:
    if not re.fullmatch(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", path):  # no `..`, and no /.router/
        raise ValueError("a path is like /api/v1: letters, digits and . _ ~ - between the slashes, no dot behind one")
    return path


def _admin_address(address: str) -> str:
    if not re.fullmatch(r"unix/(/[^|]+)|([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}", address):
        raise ValueError("an admin address is like 127.0.0.1:2019 or unix//run/caddy/admin.sock")
    return address


def _host(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:]+", name):
        raise ValueError("a host is a name such as host.docker.internal, or an IP address")
    return name


def _inside(path: str) -> str:
    parts = path.rstrip("/").split("/")
    if not path.isprintable() or {"", ".", "..", ".git"} & set(parts):
        raise ValueError("a path is like node_modules or web/.venv: below the checkout, without `.` and `..`")
    return "/".join(parts)


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as exc:
        raise ValueError("there is no such home directory") from exc


CallbackPath = Annotated[str, AfterValidator(_callback_path)]
Port = Annotated[int, Field(strict=True, ge=LOWEST, le=HIGHEST)]
ServiceName = Annotated[str, AfterValidator(_service_name)]
Variable = Annotated[str, AfterValidator(variable)]
Template = Annotated[str, BeforeValidator(lambda v: str(v) if type(v) is int else v), Field(max_length=4096)]
Inside = Annotated[str, AfterValidator(_inside)]


class Settings(BaseSettings):
    """Settings of this machine, resolved once."""

    model_config = SettingsConfigDict(env_prefix="ROUTER_", env_ignore_empty=True, extra="forbid", frozen=True)

    port: Annotated[int, Field(ge=1, le=HIGHEST)] = 8080
    state_dir: Annotated[Path, AfterValidator(_absolute)] = Path(platformdirs.user_state_dir(APP, appauthor=False))
    caddy: Literal["embedded", "external", "compose"] = "embedded"
    admin: Annotated[str, AfterValidator(_admin_address)] | None = None
    upstream_host: Annotated[str, AfterValidator(_host)] | None = None
    access_log: bool = False
    callback_target: Literal["host", "port"] = "host"
    callback_paths: Annotated[tuple[CallbackPath, ...], Field(min_length=1)] = (DEFAULT_CALLBACK,)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, strongest first."""
        del dotenv_settings, file_secret_settings  # a .env of some worktree must not set the machine up
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=config_file())

    @property
    def origin(self) -> str:
        """The origin of the dashboard and of every redirect URI."""
        return origin("localhost", self.port)

    @property
    def upstream(self) -> str:
        """The host by which Caddy reaches this machine's servers."""
        return self.upstream_host or ("127.0.0.1" if self.caddy == "embedded" else "host.docker.internal")

    @property
    def contained(self) -> bool:
        """Whether Caddy runs in a container with a network of its own: it reaches this machine under another name."""
        return self.caddy != "embedded" and self.upstream not in {"127.0.0.1", "::1", "localhost"}

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """The URIs to register with the identity provider."""
        return tuple(f"{self.origin}{path}" for path in self.callback_paths)

    @property
    def reserved(self) -> frozenset[int]:
        """Ports that no worktree may have."""
        return frozenset({self.port, ADMIN_PORT})


class _Service(BaseModel):
    model_config = ConfigDict(extra="forbid")
    env: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...] | None = None
    path: Annotated[str, AfterValidator(_url_path)] | None = None
    strip: bool = False
    ports: Literal["hash", "index", "free"] = "hash"
    base: Port | None = None


def _with_bases(services: dict[str, _Service]) -> dict[str, _Service]:
    for name, service in services.items():
        if service.ports != "hash" and service.base is None and name not in BASES:
            raise ValueError(f'{name} with ports = "{service.ports}" needs a base, like base = 9000')
    return services


class _Worktree(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1)] | None = None
    hide: bool = False
    ports: dict[ServiceName, Port] = {}


class _Copies(BaseModel):
    model_config = ConfigDict(extra="forbid")
    # Beside the main checkout only: whoever writes router.toml must not route the machine's other directories
    glob: Annotated[str, Field(pattern=r"^\.\./[A-Za-z0-9_-](?:\*?[A-Za-z0-9._?-])*\*?$")]


class Setup(BaseModel):
    """What a new worktree gets from the main checkout: `link` and `copies` are paths, `fetch` asks origin first."""

    model_config = ConfigDict(extra="forbid")
    link: tuple[Inside, ...] = ()
    copies: Annotated[tuple[Inside, ...], Field(alias="copy")] = ()  # pydantic has a `copy` of its own
    fetch: bool = False


class RepositorySettings(BaseModel):
    """What `router.toml` in a repository's main checkout may say."""

    model_config = ConfigDict(extra="forbid")
    services: Annotated[dict[ServiceName, _Service], AfterValidator(_with_bases)] = {}
    callback_paths: tuple[CallbackPath, ...] = ()
    copies: _Copies | None = None
    setup: Setup = Setup()
    worktrees: dict[str, _Worktree] = {}
    env: Annotated[dict[Variable, Template], Field(max_length=200)] = {}
    env_template: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = ENV_TEMPLATE

    def specs(self) -> tuple[ServiceSpec, ...]:
        """Return the services of every worktree: `web`, `api`, and those named here."""
        known = {spec.name: spec for spec in DEFAULT_SERVICES}
        for name, service in self.services.items():
            env = known[name].env if service.env is None and name in known else service.env or ()
            base = None if service.ports == "hash" else service.base or BASES.get(name)
            known[name] = ServiceSpec(name, env, service.path, service.strip, service.ports, base)
        return tuple(known.values())

    def overrides(self) -> dict[str, Override]:
        """Return what is said of single worktrees, by branch."""
        return {branch: Override(w.name, w.hide, w.ports) for branch, w in self.worktrees.items()}


def config_file() -> Path:
    """Return the path of the user's own settings file."""
    return Path(platformdirs.user_config_dir(APP, appauthor=False)) / "config.toml"


def load(**flags: object) -> Settings:
    """Resolve the settings; flags that are None were not given. SettingsError names the value and its place."""
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as exc:
        error = exc.errors(include_url=False)[0]
        name = str(error["loc"][0])
        raise SettingsError(
            f"the setting {name} cannot be {error['input']!r}: {_plain(error['msg'])}",
            hint=f"set it with --{name.replace('_', '-')}, ROUTER_{name.upper()} or in {config_file()}",
        ) from exc
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError(f"{config_file()} is not TOML: {exc}", hint="mend or remove that file") from exc
    except OSError as exc:
        raise SettingsError(f"{config_file()} cannot be read: {exc.strerror}", hint="mend its permissions") from exc
    except ValueError as exc:  # pydantic-settings' own, for a variable that is not JSON
        raise SettingsError(
            f"{exc}", hint='a list is written as JSON: ROUTER_CALLBACK_PATHS=["/auth/callback"]'
        ) from exc


def toml(text: str) -> dict[str, Any]:
    """Return what a TOML file of a repository says. ValueError where it is not TOML, or nests beyond all reason.

    Agents write these files, and tomllib takes minutes for a key of some ten thousand parts.
    """
    if any(len(_DOT.findall(line)) > _DEEPEST for line in text.split("\n")):
        raise ValueError(f"a line has more than {_DEEPEST} dots")
    try:
        return tomllib.loads(text)
    except RecursionError as exc:
        raise ValueError("it nests too deep") from exc


def repository(text: str) -> RepositorySettings:
    """Return the settings of a `router.toml`. SettingsError says `field: message`, or the line that is not TOML."""
    try:
        return RepositorySettings(**toml(text))
    except ValidationError as exc:
        errors = [f"{'.'.join(map(str, e['loc']))}: {_plain(e['msg'])}" for e in exc.errors(include_url=False)]
        raise SettingsError("; ".join(errors)) from exc
    except ValueError as exc:
        raise SettingsError(f"not TOML: {exc}") from exc


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")

"""The settings of this machine: flag, then `ROUTER_*` in the environment, then `config.toml`, then default."""

import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from router.amounts import size
from router.errors import SettingsError
from router.naming import check_callback_path, origin, shown
from router.ports import ADMIN_PORT, HIGHEST

APP = "worktree-router"
DEFAULT_CALLBACK = "/auth/callback"
_LONGEST_PATH = 1024  # characters
_MOST_PATHS = 50
_MOST_HOSTS = 50
_LONGEST_SHOWN = 200  # characters of a value in a message
FILE_ONLY = frozenset({"data_hosts"})
"""The settings that no variable can set."""
_FLAGS = frozenset({"port", "caddy"})  # the settings that are options of `router up` too


def _admin_address(address: str) -> str:
    if not re.fullmatch(r"unix/(/[^|]+)|([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}", address):
        raise ValueError("an admin address is like 127.0.0.1:2019 or unix//run/caddy/admin.sock")
    return address


def _host(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:]+", name):
        raise ValueError("a host is a name such as host.docker.internal, or an IP address")
    return name


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as exc:
        raise ValueError("there is no such home directory") from exc


CallbackPath = Annotated[str, Field(max_length=_LONGEST_PATH), AfterValidator(check_callback_path)]
Size = Annotated[int, BeforeValidator(size)]


class Mode(StrEnum):
    """How Caddy runs: started by the router, by somebody else, or in the container of docker-compose.yml."""

    EMBEDDED = "embedded"
    EXTERNAL = "external"
    COMPOSE = "compose"


class _Variables(EnvSettingsSource):
    """The `ROUTER_*` variables, without those that must not count."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return a setting's value in the environment, None where it has none."""
        if field_name in FILE_ONLY:
            return None, field_name, False
        return super().get_field_value(field, field_name)


class Settings(BaseSettings):
    """Settings of this machine, resolved once.

    `reap` is what becomes of processes whose worktree is gone: `auto` ends them, `off` only reports them. One counts
    that holds a port or uses more than `reap_memory` bytes. `data_hosts` are the other machines on whose servers
    databases may be made; only the file names them, as a variable may come from a repository.
    """

    model_config = SettingsConfigDict(env_prefix="ROUTER_", env_ignore_empty=True, extra="forbid", frozen=True)

    port: Annotated[int, Field(ge=1, le=HIGHEST)] = 8080
    state_dir: Annotated[Path, AfterValidator(_absolute)] = Path(platformdirs.user_state_dir(APP, appauthor=False))
    caddy: Mode = Mode.EMBEDDED
    admin: Annotated[str, AfterValidator(_admin_address)] | None = None
    upstream_host: Annotated[str, AfterValidator(_host)] | None = None
    access_log: bool = False
    callback_target: Literal["host", "port"] = "host"
    callback_paths: Annotated[tuple[CallbackPath, ...], Field(min_length=1, max_length=_MOST_PATHS)] = (
        DEFAULT_CALLBACK,
    )
    reap: Literal["off", "auto"] = "off"
    reap_memory: Size = 50_000_000
    data_hosts: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], Field(max_length=_MOST_HOSTS)] = ()

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
        del env_settings, dotenv_settings, file_secret_settings  # a worktree's .env must not configure the machine
        return init_settings, _Variables(settings_cls), TomlConfigSettingsSource(settings_cls, toml_file=config_file())

    @property
    def origin(self) -> str:
        """Return the origin of the dashboard and of every redirect URI."""
        return origin("localhost", self.port)

    @property
    def upstream(self) -> str:
        """Return the host by which Caddy reaches this machine's servers."""
        return self.upstream_host or ("127.0.0.1" if self.caddy == Mode.EMBEDDED else "host.docker.internal")

    @property
    def contained(self) -> bool:
        """Tell whether Caddy runs in a container with its own network, and reaches this machine by another name."""
        return self.caddy != Mode.EMBEDDED and self.upstream not in {"127.0.0.1", "::1", "localhost"}

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """Return the URIs to register with the identity provider."""
        return tuple(f"{self.origin}{path}" for path in self.callback_paths)

    @property
    def reserved(self) -> frozenset[int]:
        """Return the ports that no worktree may have."""
        return frozenset({self.port, ADMIN_PORT})


def config_file() -> Path:
    """Return the path of the user's own settings file."""
    return Path(platformdirs.user_config_dir(APP, appauthor=False)) / "config.toml"


def load(**flags: object) -> Settings:
    """Return the settings; a flag that is None counts as absent. SettingsError names the value and where to set it."""
    overrides: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**overrides)
    except ValidationError as exc:
        error = exc.errors(include_url=False)[0]
        name = str(error["loc"][0])
        flag = f"--{name}, " if name in _FLAGS else ""
        raise SettingsError(
            f"the setting {name} cannot be {shown(repr(error['input'])[:_LONGEST_SHOWN])}: "
            f"{plain_message(error['msg'])}",
            hint=f"set it {'' if name in FILE_ONLY else f'with {flag}ROUTER_{name.upper()} or '}in {config_file()}",
        ) from exc
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError(f"{config_file()} is not TOML: {exc}", hint="fix or remove that file") from exc
    except OSError as exc:
        raise SettingsError(f"{config_file()} cannot be read: {exc.strerror}", hint="fix its permissions") from exc
    except ValueError as exc:  # pydantic-settings' own, for a variable that is not JSON
        raise SettingsError(
            f"{exc}", hint='a list is written as JSON: ROUTER_CALLBACK_PATHS=["/auth/callback"]'
        ) from exc


def plain_message(message: str) -> str:
    """Return a message of pydantic's as the validator wrote it."""
    return message.removeprefix("Value error, ")

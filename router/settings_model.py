"""Settings of this machine as they may be written: checked by pydantic, from flags, `ROUTER_*` and `config.toml`."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

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
from router.places import absolute, config_file, state_directory
from router.ports import HIGHEST
from router.setting_types import CallbackPath, plain_message
from router.settings import DEFAULT_CALLBACK, FILE_ONLY, Mode
from router.text import shown

_MOST_PATHS = 50
_MOST_HOSTS = 50
_LONGEST_SHOWN = 200  # characters of a value in a message
_FLAGS = frozenset({"port", "caddy"})  # the settings that are options of `router up` too


def _admin_address(address: str) -> str:
    if not re.fullmatch(r"unix/(/[^|]+)|([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}", address):
        raise ValueError("an admin address is like 127.0.0.1:2019 or unix//run/caddy/admin.sock")
    return address


def _host(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:]+", name):
        raise ValueError("a host is a name such as host.docker.internal, or an IP address")
    return name


def _editor_url(url: str) -> str:
    if not re.fullmatch(r"(?!javascript:|data:|vbscript:|blob:)[a-z][a-z0-9+.-]*:[!-~]*", url):
        raise ValueError("what an editor's links begin with is like vscode://file or cursor://file")
    return url


Size = Annotated[int, BeforeValidator(size)]


class _Variables(EnvSettingsSource):
    """The `ROUTER_*` variables, without those that must not count."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return a setting's value in the environment, None where it has none."""
        if field_name in FILE_ONLY:
            return None, field_name, False
        return super().get_field_value(field, field_name)


class _Written(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="ROUTER_", env_ignore_empty=True, extra="forbid", frozen=True)

    port: Annotated[int, Field(ge=1, le=HIGHEST)] = 8080
    state_dir: Annotated[Path, AfterValidator(absolute)] = Field(default_factory=state_directory)
    caddy: Mode = Mode.EMBEDDED
    admin: Annotated[str, AfterValidator(_admin_address)] | None = None
    upstream_host: Annotated[str, AfterValidator(_host)] | None = None
    access_log: bool = False
    callback_target: Literal["host", "port"] = "host"
    callback_paths: Annotated[tuple[CallbackPath, ...], Field(min_length=1, max_length=_MOST_PATHS)] = (
        DEFAULT_CALLBACK,
    )
    editor_url: Annotated[str, AfterValidator(_editor_url)] = "vscode://file"
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


def read(flags: dict[str, Any]) -> dict[str, Any]:
    """Return what all settings are. SettingsError names the value that cannot be, and where to set it."""
    try:
        return dict(_Written(**flags))
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

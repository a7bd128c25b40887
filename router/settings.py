"""The settings of this machine: flag, then `ROUTER_*` in the environment, then `config.toml`, then default."""

import os
import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

from router.naming import origin
from router.places import absolute, config_file, state_directory
from router.ports import ADMIN_PORT, HIGHEST
from router.values import dataclass, field, fields

DEFAULT_CALLBACK = "/auth/callback"
FILE_ONLY = frozenset({"data_hosts"})
"""The settings that no variable can set."""


class Mode(StrEnum):
    """How Caddy runs: started by the router, by somebody else, or in the container of docker-compose.yml."""

    EMBEDDED = "embedded"
    EXTERNAL = "external"
    COMPOSE = "compose"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of this machine, resolved once.

    `editor_url` is what stands before a directory in a link that opens it in an editor.

    `reap` is what becomes of processes whose worktree is gone: `auto` ends them, `off` only reports them. One counts
    that holds a port or uses more than `reap_memory` bytes. `data_hosts` are the other machines on whose servers
    databases may be made; only the file names them, as a variable may come from a repository.
    """

    port: int = 8080
    state_dir: Path = field(default_factory=state_directory)
    caddy: Mode = Mode.EMBEDDED
    admin: str | None = None
    upstream_host: str | None = None
    access_log: bool = False
    callback_target: str = "host"
    callback_paths: tuple[str, ...] = (DEFAULT_CALLBACK,)
    editor_url: str = "vscode://file"
    reap: str = "off"
    reap_memory: int = 50_000_000
    data_hosts: tuple[str, ...] = ()

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
        return self.redirect_uris_with(())

    def redirect_uris_with(self, own: Iterable[str]) -> tuple[str, ...]:
        """Return the URIs to register for a repository that has callback paths of its own; those come first."""
        return tuple(f"{self.origin}{path}" for path in dict.fromkeys((*own, *self.callback_paths)))

    @property
    def reserved(self) -> frozenset[int]:
        """Return the ports that no worktree may have."""
        return frozenset({self.port, ADMIN_PORT})


def load(**flags: object) -> Settings:
    """Return the settings; a flag that is None counts as absent. SettingsError names the value and where to set it."""
    given = {name: value for name, value in flags.items() if value is not None}
    plain = None if os.path.lexists(config_file()) else _plain(given)
    if plain is not None:
        return Settings(**plain)
    from router import settings_model  # here: what is written as usual needs nobody to check it

    return Settings(**settings_model.read(given))


def _plain(flags: dict[str, Any]) -> dict[str, Any] | None:
    """Return what flags and variables set, None where one of them is not written as usual: then pydantic reads it."""
    prefix = "ROUTER_"
    named = {name.upper(): value for name, value in os.environ.items() if value and name.upper().startswith(prefix)}
    found: dict[str, Any] = {}
    for each in fields(Settings):
        variable = None if each.name in FILE_ONLY else named.get(f"{prefix}{each.name.upper()}")
        written = flags.get(each.name, variable)
        if written is not None:
            found[each.name] = _as_usual(each.name, written)
    usual = found.keys() >= flags.keys() and None not in found.values()
    return found if usual else None


def _as_usual(name: str, written: Any) -> Any:
    """Return the value of a setting that is written as usual, else None."""
    if name == "port" and re.fullmatch(r"[1-9][0-9]{0,4}", str(written), re.ASCII) and int(written) <= HIGHEST:
        return int(written)
    if name == "caddy" and written in {*Mode}:
        return Mode(written)
    if (name == "callback_target" and written in {"host", "port"}) or (name == "reap" and written in {"off", "auto"}):
        return written
    if name == "state_dir" and isinstance(written, str | Path):
        try:
            return absolute(Path(written))
        except ValueError:  # no such home
            return None
    return None

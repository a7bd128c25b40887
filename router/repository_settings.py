"""What a repository's `router.toml` may say, and how much of it counts."""

import re
from collections.abc import Collection
from itertools import islice
from math import inf
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails

from router.errors import SettingsError
from router.model import DEFAULT_SERVICES, ENV_TEMPLATE, Override, ServiceSpec, Wake
from router.paths import path_inside
from router.ports import BASES
from router.repository_file import text as written_text
from router.resource_settings import Commands, Resource, ResourceName
from router.service_settings import (
    LONGEST_NAME,
    LONGEST_PATH,
    MOST_SERVICES,
    Port,
    Service,
    ServiceName,
    ServiceVariable,
    with_bases,
    with_needs,
)
from router.setting_types import CallbackPath, plain_message
from router.sleep_settings import Sleep
from router.toml_reader import read_toml

MOST = {"services": MOST_SERVICES, "env": 200, "worktrees": 500, "callback_paths": 50, "shared": 200, "resources": 20}
"""How many entries of each table or list count, the first ones; more of them spoil nothing else in the file."""

_MOST_PREFIXES = 50  # of [names] strip
_MOST_PATHS = 500  # of [setup]
_MOST_ERRORS = 10  # in one message
# Whoever writes router.toml must not run commands in somebody's shell: what shells, loaders and interpreters read
_RUNS_PROGRAMS = re.compile(
    r"PATH|HOME|SHELL|ENV|IFS|PWD|TMPDIR|EDITOR|VISUAL|PAGER|BROWSER|FPATH|ZDOTDIR|PS[0-4]|PROMPT_COMMAND|SHELLOPTS"
    r"|(LD|DYLD|GIT|SSH|ROUTER|MISE|DIRENV|FISH|XDG|NPM_CONFIG)_.*|(BASH|PYTHON|PERL5).*"
    r"|NODE_(OPTIONS|PATH)|RUBY(OPT|LIB)|CLASSPATH|GCONV_PATH|(JAVA_TOOL|JDK_JAVA|_JAVA)_OPTIONS",
    re.IGNORECASE,
)


def variable_name(name: str) -> str:
    """Return the name of a variable that router.toml may set; ValueError says why it may not."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII):
        raise ValueError("a variable's name has letters, digits and _ only")
    if _RUNS_PROGRAMS.fullmatch(name):
        raise ValueError("this variable tells programs what to run; a repository's settings must not")
    return name


Variable = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(variable_name)]
Template = Annotated[str, BeforeValidator(lambda v: str(v) if type(v) is int else v), Field(max_length=4096)]
Inside = Annotated[str, Field(max_length=LONGEST_PATH), AfterValidator(path_inside)]
Paths = Annotated[tuple[Inside, ...], Field(max_length=_MOST_PATHS)]


def _with_variables(resources: dict[str, Resource]) -> dict[str, Resource]:
    variables: dict[str, str] = {}
    for name, resource in resources.items():
        if resource.variable and (other := variables.setdefault(resource.variable, name)) != name:
            raise ValueError(f"{name} and {other} are both from {resource.variable}: leave one of them out")
    return resources


class _Worktree(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)] | None = None
    hide: bool = False
    ports: Annotated[dict[ServiceName, Port], Field(max_length=MOST["services"])] = {}


class _Names(BaseModel):
    model_config = ConfigDict(extra="forbid")
    strip: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)], ...], Field(max_length=_MOST_PREFIXES)
    ] = ()


class _SignIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    mask: bool = True


class _Copies(BaseModel):
    model_config = ConfigDict(extra="forbid")
    # Beside the main checkout only: whoever writes router.toml must not route the machine's other directories
    glob: Annotated[str, Field(pattern=r"^\.\./[A-Za-z0-9_-](?:\*?[A-Za-z0-9._?-])*\*?$", max_length=LONGEST_NAME)]


class Setup(BaseModel):
    """What a new worktree gets from the main checkout: paths to link, copy and clone.

    `fetch` asks origin first; of a worktree with `sparse` these directories alone are checked out. `run` are commands
    that are run in it, once they are allowed.
    """

    model_config = ConfigDict(extra="forbid")
    link: Paths = ()
    copies: Annotated[Paths, Field(alias="copy")] = ()  # pydantic has a `copy` of its own
    clone: Paths = ()
    sparse: Paths = ()
    fetch: bool = False
    run: Commands = ()


class RepositorySettings(BaseModel):
    """What `router.toml` in a repository's main checkout may say."""

    model_config = ConfigDict(extra="forbid")
    services: Annotated[dict[ServiceName, Service], AfterValidator(with_bases), AfterValidator(with_needs)] = {}
    callback_paths: tuple[CallbackPath, ...] = ()
    names: _Names = _Names()
    signin: _SignIn = _SignIn()
    copies: _Copies | None = None
    setup: Setup = Setup()
    resources: Annotated[dict[ResourceName, Resource], AfterValidator(_with_variables)] = {}
    sleep: Sleep = Sleep()
    worktrees: dict[str, _Worktree] = {}
    env: dict[Variable, Template] = {}
    env_template: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = ENV_TEMPLATE
    shared: tuple[ServiceVariable, ...] = ()
    _too_many: tuple[str, ...] = PrivateAttr(default=())

    @property
    def too_many(self) -> tuple[str, ...]:
        """What the file has too many of and which of them count, a sentence each."""
        return self._too_many

    def specs(self) -> tuple[ServiceSpec, ...]:
        """Return the services of every worktree: `web`, `api`, and those named here."""
        specs = {spec.name: spec for spec in DEFAULT_SERVICES}
        for name, service in self.services.items():
            env = specs[name].env if service.env is None and name in specs else service.env or ()
            base = None if service.ports == "hash" else service.base or BASES.get(name)
            specs[name] = ServiceSpec(
                name, env, service.path, service.strip, service.ports, base, wakes=self._wake(name, service)
            )
        return tuple(specs.values())

    def wakes(self, name: str) -> bool:
        """Tell whether a visit starts a service: where that says so, or all that have a start command are to wake."""
        service = self.services.get(name)
        if service is None or service.wake is not None:
            return bool(service and service.wake)
        return self.sleep.wake and service.run is not None

    def _wake(self, name: str, service: Service) -> Wake | None:
        return Wake(service.needs, service.start_timeout) if self.wakes(name) else None

    def overrides(self) -> dict[str, Override]:
        """Return the settings of single worktrees, by branch."""
        return {branch: Override(w.name, w.hide, w.ports) for branch, w in self.worktrees.items()}


def load_repository_settings(main: Path) -> RepositorySettings:
    """Return the settings in the `router.toml` of a main checkout; the defaults where there is none.

    FileError where the file cannot be read, SettingsError where it says something wrong.
    """
    return read_repository_settings(written_text(main))


def read_repository_settings(text: str) -> RepositorySettings:
    """Return the settings of a `router.toml`. SettingsError says `field: message`, or the line that is not TOML.

    Where a table or list has too many entries, the first ones count; `too_many` says so.
    """
    try:
        document, too_many = _within_bounds(read_toml(text))
        settings = RepositorySettings(**document)
    except ValidationError as exc:
        raise SettingsError(_message(exc)) from exc
    except ValueError as exc:
        raise SettingsError(f"not TOML: {exc}") from exc
    settings._too_many = too_many
    return settings


def _within_bounds(document: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a document with no more entries than count, and a sentence for each table or list that had more."""
    too_long = {name: entries for name, entries in document.items() if len(_entries(entries)) > MOST.get(name, inf)}
    first = {name: type(entries)(islice(_entries(entries), MOST[name])) for name, entries in too_long.items()}
    sentences = (
        f"{name} has {len(entries)} entries, of which the first {MOST[name]} count"
        for name, entries in too_long.items()
    )
    return {**document, **first}, tuple(sentences)


def _entries(value: Any) -> Collection[Any]:
    return value.items() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _reason(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such key"
    told = error["type"] != "literal_error"
    return plain_message(error["msg"]) + ("" if told else f", not {ascii(error['input'])[:100]}")


def _message(exc: ValidationError) -> str:
    errors = [f"{'.'.join(map(str, e['loc']))}: {_reason(e)}" for e in exc.errors(include_url=False)]
    more = [f"and {len(errors) - _MOST_ERRORS} more"] if len(errors) > _MOST_ERRORS else []
    return "; ".join([*errors[:_MOST_ERRORS], *more])

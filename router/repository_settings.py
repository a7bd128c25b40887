"""What a repository's `router.toml` may say, and how much of it counts."""

import re
from collections.abc import Collection
from itertools import islice
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError
from pydantic_core import ErrorDetails

from router import files
from router.errors import SettingsError
from router.model import DEFAULT_SERVICES, ENV_TEMPLATE, Override, ServiceSpec
from router.naming import PATH_SEGMENT, is_label
from router.ports import BASES, HIGHEST, LOWEST
from router.resource_settings import Commands, Resource, ResourceName
from router.settings import CallbackPath, plain_message
from router.toml_reader import read_toml

FILE = "router.toml"
LARGEST = 1 << 16  # bytes of the file
MOST = {"services": 100, "env": 200, "worktrees": 500, "callback_paths": 50, "shared": 200, "resources": 20}
"""How many entries of each table or list count, the first ones; more of them spoil nothing else in the file."""

_MOST_VARIABLES = 20  # of a service
_MOST_PREFIXES = 50  # of [names] strip
_MOST_PATHS = 500  # of [setup]
_MOST_ERRORS = 10  # in one message
_LONGEST_PATH = 1024  # characters
_LONGEST_NAME = 256  # characters of a variable or a worktree
# Whoever writes router.toml must not run commands in somebody's shell: what shells, loaders and interpreters read
_RUNS_PROGRAMS = re.compile(
    r"PATH|HOME|SHELL|ENV|IFS|PWD|TMPDIR|EDITOR|VISUAL|PAGER|BROWSER|FPATH|ZDOTDIR|PS[0-4]|PROMPT_COMMAND|SHELLOPTS"
    r"|(LD|DYLD|GIT|SSH|ROUTER|MISE|DIRENV|FISH|XDG|NPM_CONFIG)_.*|(BASH|PYTHON|PERL5).*"
    r"|NODE_(OPTIONS|PATH)|RUBY(OPT|LIB)|CLASSPATH|GCONV_PATH|(JAVA_TOOL|JDK_JAVA|_JAVA)_OPTIONS",
    re.IGNORECASE,
)


def _service_name(name: str) -> str:
    if not is_label(name):
        raise ValueError("a service's name has letters a-z, digits and single hyphens only")
    return name


def _url_path(path: str) -> str:
    if not re.fullmatch(rf"(?:/{PATH_SEGMENT})+", path):  # no `..`, and no /.router/
        raise ValueError("a path is like /api/v1: letters, digits and . _ ~ - between slashes, no dot after a slash")
    return path


def path_inside(path: str) -> str:
    """Return a path below the checkout in its plain form. ValueError says why it is none."""
    parts = path.rstrip("/").split("/")
    if not path.isprintable() or {"", ".", "..", ".git"} & set(parts):
        raise ValueError("a path is like node_modules or web/.venv: below the checkout, without `.` and `..`")
    return "/".join(parts)


def variable_name(name: str) -> str:
    """Return the name of a variable that router.toml may set; ValueError says why it may not."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII):
        raise ValueError("a variable's name has letters, digits and _ only")
    if _RUNS_PROGRAMS.fullmatch(name):
        raise ValueError("this variable tells programs what to run; a repository's settings must not")
    return name


Port = Annotated[int, Field(strict=True, ge=LOWEST, le=HIGHEST)]
ServiceName = Annotated[str, AfterValidator(_service_name)]
Variable = Annotated[str, Field(max_length=_LONGEST_NAME), AfterValidator(variable_name)]
Template = Annotated[str, BeforeValidator(lambda v: str(v) if type(v) is int else v), Field(max_length=4096)]
Inside = Annotated[str, Field(max_length=_LONGEST_PATH), AfterValidator(path_inside)]
Paths = Annotated[tuple[Inside, ...], Field(max_length=_MOST_PATHS)]
ServiceVariable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=_LONGEST_NAME)]


class _Service(BaseModel):
    model_config = ConfigDict(extra="forbid")
    env: Annotated[tuple[ServiceVariable, ...], Field(max_length=_MOST_VARIABLES)] | None = None
    path: Annotated[str, Field(max_length=_LONGEST_PATH), AfterValidator(_url_path)] | None = None
    strip: bool = False
    ports: Literal["hash", "index", "free"] = "hash"
    base: Port | None = None


def _with_variables(resources: dict[str, Resource]) -> dict[str, Resource]:
    variables: dict[str, str] = {}
    for name, resource in resources.items():
        if resource.variable and (other := variables.setdefault(resource.variable, name)) != name:
            raise ValueError(f"{name} and {other} are both from {resource.variable}: leave one of them out")
    return resources


def _with_bases(services: dict[str, _Service]) -> dict[str, _Service]:
    for name, service in services.items():
        if service.ports != "hash" and service.base is None and name not in BASES:
            raise ValueError(f'{name} with ports = "{service.ports}" needs a base, like base = 9000')
    return services


class _Worktree(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)] | None = None
    hide: bool = False
    ports: Annotated[dict[ServiceName, Port], Field(max_length=MOST["services"])] = {}


class _Names(BaseModel):
    model_config = ConfigDict(extra="forbid")
    strip: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)], ...], Field(max_length=_MOST_PREFIXES)
    ] = ()


class _Copies(BaseModel):
    model_config = ConfigDict(extra="forbid")
    # Beside the main checkout only: whoever writes router.toml must not route the machine's other directories
    glob: Annotated[str, Field(pattern=r"^\.\./[A-Za-z0-9_-](?:\*?[A-Za-z0-9._?-])*\*?$", max_length=_LONGEST_NAME)]


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
    services: Annotated[dict[ServiceName, _Service], AfterValidator(_with_bases)] = {}
    callback_paths: tuple[CallbackPath, ...] = ()
    names: _Names = _Names()
    copies: _Copies | None = None
    setup: Setup = Setup()
    resources: Annotated[dict[ResourceName, Resource], AfterValidator(_with_variables)] = {}
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
            specs[name] = ServiceSpec(name, env, service.path, service.strip, service.ports, base)
        return tuple(specs.values())

    def overrides(self) -> dict[str, Override]:
        """Return the settings of single worktrees, by branch."""
        return {branch: Override(w.name, w.hide, w.ports) for branch, w in self.worktrees.items()}


def load_repository_settings(main: Path) -> RepositorySettings:
    """Return the settings in the `router.toml` of a main checkout; the defaults where there is none.

    FileError where the file cannot be read, SettingsError where it says something wrong.
    """
    content = files.read_bounded(main / FILE, limit=LARGEST) or b""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise SettingsError("it is not UTF-8") from exc
    return read_repository_settings(text)


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

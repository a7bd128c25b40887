"""What a repository's `router.toml` may say."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from router.errors import SettingsError
from router.model import DEFAULT_SERVICES, ENV_TEMPLATE, Override, ServiceSpec
from router.naming import is_label
from router.ports import BASES, HIGHEST, LOWEST
from router.settings import CallbackPath, plain_message
from router.toml_reader import read_toml

FILE = "router.toml"
# Who writes router.toml writes no command into somebody's shell: what shells, loaders and interpreters run or read
_COMMANDING = re.compile(
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
    if not re.fullmatch(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", path):  # no `..`, and no /.router/
        raise ValueError("a path is like /api/v1: letters, digits and . _ ~ - between the slashes, no dot behind one")
    return path


def _inside(path: str) -> str:
    parts = path.rstrip("/").split("/")
    if not path.isprintable() or {"", ".", "..", ".git"} & set(parts):
        raise ValueError("a path is like node_modules or web/.venv: below the checkout, without `.` and `..`")
    return "/".join(parts)


def variable_name(name: str) -> str:
    """Return the name of a variable that router.toml may set; ValueError says why it may not."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII):
        raise ValueError("a variable's name has letters, digits and _ only")
    if _COMMANDING.fullmatch(name):
        raise ValueError("this variable tells programs what to run; a repository's settings must not")
    return name


Port = Annotated[int, Field(strict=True, ge=LOWEST, le=HIGHEST)]
ServiceName = Annotated[str, AfterValidator(_service_name)]
Variable = Annotated[str, AfterValidator(variable_name)]
Template = Annotated[str, BeforeValidator(lambda v: str(v) if type(v) is int else v), Field(max_length=4096)]
Inside = Annotated[str, AfterValidator(_inside)]


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


def read_repository_settings(text: str) -> RepositorySettings:
    """Return the settings of a `router.toml`. SettingsError says `field: message`, or the line that is not TOML."""
    try:
        return RepositorySettings(**read_toml(text))
    except ValidationError as exc:
        errors = [f"{'.'.join(map(str, e['loc']))}: {plain_message(e['msg'])}" for e in exc.errors(include_url=False)]
        raise SettingsError("; ".join(errors)) from exc
    except ValueError as exc:
        raise SettingsError(f"not TOML: {exc}") from exc

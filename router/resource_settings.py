"""What a `router.toml` may say of databases, queues and caches, and of the commands for a new worktree."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from router.amounts import seconds, size

_KINDS = {
    **dict.fromkeys(("postgres", "postgresql"), "postgres"),
    **dict.fromkeys(("mysql", "mariadb"), "mysql"),
    **dict.fromkeys(("sqlite", "sqlite3"), "sqlite"),
    **dict.fromkeys(("redis", "valkey"), "redis"),
    **dict.fromkeys(("amqp", "rabbitmq"), "amqp"),
}
_SERVED = ("postgres", "redis")  # kinds of which the router can run a server itself
_COPIED = ("postgres", "sqlite")  # kinds of which a worktree gets main's data
_MOST_GLOBS = 50
_MOST_COMMANDS = 50
_LONGEST_GLOB = 1024  # characters
LONGEST_COMMAND = 4096  # characters
_LONGEST_NAME = 256
_OPERATORS = re.compile(r"&&?|\|\|?|;|.*[^\\];|[0-9]?>>?(?:&?[0-9])?|<")


def words(line: str) -> tuple[str, ...]:
    """Return the words of a command as a shell splits them; nothing in them is expanded.

    ValueError says why it is no command.
    """
    try:
        found = tuple(shlex.split(line))
        unquoted = [word for word in shlex.split(line, posix=False) if _OPERATORS.fullmatch(word)]
    except ValueError as exc:
        raise ValueError(f"{line!r} is no command: {str(exc).lower()}") from exc
    if not found or not line.isprintable():
        raise ValueError(f"{line!r} is no command: write one line of words, such as npm run db:migrate")
    if unquoted or re.fullmatch(r"[A-Za-z_]\w*=.*", found[0]):
        raise ValueError(
            f"{line!r} is run without a shell, which {(unquoted or found)[0]} needs: write each command as a line of "
            "its own, or sh -c '…'"
        )
    return found


def _command(line: str) -> str:
    words(line)
    return line


def _name(name: str) -> str:
    if not re.fullmatch(r"[a-z](?:[a-z0-9_-]{0,30}[a-z0-9])?", name, re.ASCII):
        raise ValueError(f"a resource is called like db or cache: lower-case letters, digits, - and _, not {name!r}")
    return name


def _variable(name: Any) -> Any:
    if isinstance(name, str) and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII):
        # what stands here by mistake may be a URL with a password
        raise ValueError("write the name of a variable of the main checkout's env files, such as DATABASE_URL, no URL")
    return name


def _kind(kind: Any) -> Any:
    if kind not in _KINDS:
        raise ValueError(f"write one of {', '.join(_KINDS)}, not {ascii(kind)[:100]}")
    return _KINDS[kind]


def _inside(glob: str) -> str:
    if glob.startswith("/") or ".." in glob.split("/") or not glob.isprintable() or not glob:
        raise ValueError(f"write a pattern below the main checkout, such as db/migrate/**, not {glob!r}")
    return glob


ResourceName = Annotated[str, AfterValidator(_name)]
CommandLine = Annotated[str, Field(max_length=LONGEST_COMMAND), AfterValidator(_command)]
Commands = Annotated[tuple[CommandLine, ...], Field(max_length=_MOST_COMMANDS)]
Kind = Literal["postgres", "mysql", "sqlite", "redis", "amqp"]
Duration = Annotated[float, BeforeValidator(seconds)]
Size = Annotated[int, BeforeValidator(size)]
Glob = Annotated[str, Field(max_length=_LONGEST_GLOB), AfterValidator(_inside)]


def by_rank(resources: Mapping[str, "Resource"]) -> tuple[tuple[str, "Resource"], ...]:
    """Return resources with their names; the general variables are the first one's: `db`, else the first named."""
    return tuple(sorted(resources.items(), key=lambda each: each[0] != "db"))


class Resource(BaseModel):
    """A database, queue or cache that each worktree has of its own.

    `variable` is the variable of the main checkout's env files whose URL names server, user and what is copied; empty
    where it is on a server that the router runs itself. `kind` is None where the URL's scheme decides. `keep` is for
    how many seconds it stays once its worktree is gone, `refresh` how old the template may get, `largest` how many
    bytes main's may have to be copied, `template_files` the patterns of the files that the template depends on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    variable: Annotated[str, Field(alias="from", max_length=_LONGEST_NAME), BeforeValidator(_variable)] = ""
    kind: Annotated[Kind | None, BeforeValidator(_kind)] = None
    copies: Annotated[Literal["template", "empty"] | None, Field(alias="copy")] = None
    test: Annotated[bool, Field(strict=True)] = False
    keep: Duration = 3600.0
    largest: Annotated[Size, Field(alias="max")] = 2_000_000_000
    refresh: Duration = 3600.0
    template_files: Annotated[tuple[Glob, ...], Field(max_length=_MOST_GLOBS)] = ()

    @model_validator(mode="after")
    def _whole(self) -> "Resource":
        if not self.variable and self.kind not in _SERVED:
            told = f", or for a server of the router's own kind = {' or '.join(map(json.dumps, _SERVED))}"
            raise ValueError(f'write from = "DATABASE_URL", the variable of its URL in the main checkout{told}')
        if self.copies == "template" and self.kind not in (None, *_COPIED):
            raise ValueError(f'copy = "template" is for {" and ".join(_COPIED)}: leave it out for {self.kind}')
        return self

    def copied(self, kind: str) -> bool:
        """Tell whether a worktree gets main's data; `kind` is what it turned out to be."""
        return kind in _COPIED and self.copies != "empty"

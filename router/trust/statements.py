"""What a user is asked to allow, as statements: stable texts, and whether a record of them allows what is there now."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from router.errors import NotAllowedError
from router.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a repository's `router.toml` has done: the `key` that says so, and in words what it comes to.

    The text has everything that the user decides on, and never a credential.
    """

    key: str
    text: str

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{self.key}: {self.text}"


@dataclass(frozen=True, slots=True)
class Record:
    """What a user allowed for a repository, by its common git directory, at a time in seconds since the epoch.

    `servers` are the servers' own identifiers as they were first met, by the key of the resource.
    """

    repository: str
    statements: tuple[Statement, ...]
    digest: str
    at: float
    servers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether everything is allowed: `added` is not, `removed` was and is not there any more.

    `moved` is whether the same stands in another order, `servers` are the resources whose server is another one.
    """

    never: bool
    added: tuple[Statement, ...] = ()
    removed: tuple[Statement, ...] = ()
    moved: bool = False
    servers: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether nothing is new, gone or changed."""
        return not (self.never or self.added or self.removed or self.moved or self.servers)

    @property
    def lines(self) -> tuple[str, ...]:
        """What has changed since it was allowed, a line each."""
        order = ("the order of what is run has changed",) if self.moved else ()
        servers = (f"{each}: another server answers there now" for each in self.servers)
        return (*(f"+ {each}" for each in self.added), *(f"- {each}" for each in self.removed), *order, *servers)

    @property
    def state(self) -> str:
        """What is to be said of it, without what has changed."""
        return "is not allowed yet" if self.never else "has changed since it was allowed"


def allowed(
    statements: Sequence[Statement], record: Record | None, *, servers: Mapping[str, str] | None = None
) -> Verdict:
    """Decide whether a record allows exactly these statements: all of a repository's, as they are now.

    `servers` are the identifiers of servers as they were met now, by the key of the resource; one that the record has
    another identifier for is not allowed.
    """
    if record is None:
        return Verdict(never=bool(statements), added=tuple(statements))
    added = tuple(each for each in statements if each not in record.statements)
    removed = tuple(each for each in record.statements if each not in statements)
    moved = not added and not removed and tuple(statements) != record.statements
    others = (key for key, found in (servers or {}).items() if record.servers.get(key, found) != found)
    return Verdict(False, added, removed, moved, tuple(sorted(others)))


def recorded(repository: str, statements: Sequence[Statement], *, at: float) -> Record:
    """Return the record that allows these statements; which servers there are is seen when they are first met."""
    return Record(repository, tuple(statements), digest(statements), at)


def digest(statements: Iterable[Statement]) -> str:
    """Return one hash of all statements in their order."""
    text = json.dumps([[each.key, each.text] for each in statements])
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def expect_allowed(verdict: Verdict, *, place: str) -> None:
    """Raise NotAllowedError, which says what is not allowed, unless everything is; `place` is the main checkout."""
    if not verdict.allowed:
        lines = (str(each) for each in verdict.added) if verdict.never else verdict.lines
        raise NotAllowedError(
            f"router.toml of {place} {verdict.state} ({'; '.join(lines)})",
            hint="see it with `router allow --show`, and allow it with `router allow`",
        )

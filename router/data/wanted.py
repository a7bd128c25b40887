"""What a worktree is to have, and what of it the ledger knows: its own, its template, what one that is gone left."""

import os
from collections.abc import Iterable

from router.data.connection import Connection
from router.data.ledger import OWN, TEMPLATE, Record
from router.model import WorktreeId
from router.text import host_port
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """A resource that a worktree is to have.

    `source` is the variable that has the main checkout's URL, empty on a server of the router's own. `template` is the
    name of the template that it is copied from where its kind has such, empty for an empty resource; `main` and
    `main_path` are the main checkout, whose the template is. `refresh` is how many seconds a template may be older
    than a database that is in use.
    """

    worktree: WorktreeId
    path: str
    resource: str
    kind: str
    source: str
    name: str
    main: WorktreeId
    main_path: str
    use: str = OWN
    template: str = ""
    refresh: float = 3600.0

    @property
    def is_original(self) -> bool:
        """Whether it is the main checkout's own, on a server of the router's: others are copies of it."""
        return not self.source and self.worktree == self.main and self.use == OWN

    @property
    def is_copy(self) -> bool:
        """Whether main's data is in it."""
        return bool(self.template) and not self.is_original


def own(wanted: Wanted, records: Iterable[Record], *, identifier: str) -> Record | None:
    """Return the record of what the worktree has, or was begun for it, on the server that has this identifier."""
    key = (wanted.worktree, wanted.resource, wanted.use, identifier)
    return next((each for each in records if each.key == key), None)


def template(wanted: Wanted, records: Iterable[Record], *, identifier: str) -> Record | None:
    """Return the record of the template that it is to be copied from; one of another name is for other files."""
    key = (wanted.main, wanted.resource, TEMPLATE, identifier)
    return next((each for each in records if each.key == key and each.name == wanted.template), None)


def left(wanted: Wanted, records: Iterable[Record], *, identifier: str) -> Record | None:
    """Return what a worktree that is gone left under this name: two never share a name, so it is this one's."""
    same = (wanted.name, wanted.resource, wanted.use, identifier)
    for each in records:
        is_left = each.path == wanted.path or not os.path.lexists(each.path)
        is_other = each.worktree != wanted.worktree and each.worktree.common_dir == wanted.worktree.common_dir
        if is_other and is_left and (each.name, each.resource, each.use, each.identifier) == same:
            return each
    return None


def intent(wanted: Wanted, connection: Connection, *, identifier: str, since: float) -> Record:
    """Return the record of what is wanted and not begun yet."""
    server = host_port(connection.host or "localhost", connection.port)
    return Record(
        wanted.worktree, wanted.path, wanted.resource, wanted.use, wanted.kind, wanted.source,
        server, wanted.name, identifier, "", "", since,
    )  # fmt: skip

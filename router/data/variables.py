"""The variables by which a worktree's programs reach its own resources."""

from collections.abc import Iterable

from router.data.kinds import kind
from router.data.ledger import OWN, TEST, Record
from router.data.planned import Planned, Unplanned

_GENERAL = {
    "postgres": ("DATABASE_NAME", "PGDATABASE", "DB_DATABASE"), "mysql": ("DATABASE_NAME", "DB_DATABASE"),
    "sqlite": ("DB_DATABASE",), "amqp": ("RABBITMQ_VHOST",), "redis": (),
}  # fmt: skip
"""The variables that have the name of the first resource of these kinds, as frameworks read it."""
_GENERAL_URL = {"amqp": "AMQP_URL", "redis": "REDIS_URL"}


def variables(planned: Iterable[Planned | Unplanned], records: Iterable[Record], *, use: str = OWN) -> dict[str, str]:
    """Return the variables of a worktree's resources; with the use `test` they lead to what is for tests instead.

    The URL is the main checkout's, with this worktree's resource in it, under the name that it has there. What is not
    made yet has its URL all the same: no program may take main's instead.
    """
    made = {(each.worktree, each.resource, each.use): each for each in records}
    found: dict[str, str] = {}
    for each in planned:
        if isinstance(each, Planned):
            found = {**_of(each, made.get((each.wanted.worktree, each.name, use)), use), **found}
    return found


def test_name(planned: Planned) -> str:
    """Return what the resource is called that is for a worktree's tests."""
    return f"{planned.wanted.name}_test"


def _of(planned: Planned, record: Record | None, use: str) -> dict[str, str]:
    tests = planned.settings.test
    name = test_name(planned) if use == TEST and tests else planned.wanted.name
    of_kind = kind(planned.wanted.kind)
    url = of_kind.url(planned.connection, record) if record else planned.connection.with_database(name)
    found = {planned.wanted.source: url}
    if planned.is_first:
        found |= dict.fromkeys(_GENERAL[planned.wanted.kind], name)
        if general := _GENERAL_URL.get(planned.wanted.kind):
            found.setdefault(general, url)
        if tests and planned.wanted.kind in ("postgres", "mysql", "sqlite"):
            found["TEST_DATABASE_URL"] = planned.connection.with_database(test_name(planned))
    return found

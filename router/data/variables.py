"""The variables by which a worktree's programs reach its own resources."""

from collections.abc import Iterable

from router.data.kinds import kind
from router.data.planned import Planned, Unplanned, for_tests

_GENERAL = {
    "postgres": ("DATABASE_NAME", "PGDATABASE", "DB_DATABASE"), "mysql": ("DATABASE_NAME", "DB_DATABASE"),
    "sqlite": ("DB_DATABASE",), "amqp": ("RABBITMQ_VHOST",), "redis": (),
}  # fmt: skip
"""The variables that have the name of the first resource of these kinds, as frameworks read it."""
_GENERAL_URL = {"amqp": "AMQP_URL", "redis": "REDIS_URL"}


def variables(planned: Iterable[Planned | Unplanned], *, name: str | None = None) -> dict[str, str]:
    """Return the variables of a worktree's resources, whether they are made yet or not: no program may take main's.

    Each URL is the main checkout's, with this worktree's resource in it, under the name that it has there. With `name`
    the first database is the one that is called so: what is for tests, or for one command.
    """
    found: dict[str, str] = {}
    for each in planned:
        if isinstance(each, Planned):
            is_first_database = each.is_first and each.is_database
            called = name if name and is_first_database else each.wanted.name
            found = {**_of(each, called), **found}
    return found


def _of(planned: Planned, name: str) -> dict[str, str]:
    of_kind = kind(planned.wanted.kind)
    url = of_kind.url(planned.connection, name)
    found = {planned.variable: url}
    if planned.is_first:
        if planned.wanted.kind == "redis":
            found["REDIS_KEY_PREFIX"] = f"{name}:"
        found |= dict.fromkeys(_GENERAL[planned.wanted.kind], name)
        if general := _GENERAL_URL.get(planned.wanted.kind):
            found.setdefault(general, url)
        if planned.settings.test and planned.is_database:
            found["TEST_DATABASE_URL"] = of_kind.url(planned.connection, for_tests(planned).wanted.name)
    return found

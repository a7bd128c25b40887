"""The kinds of resources by their names. Each is imported where it is used: most commands need none."""

from router.data.kind import Kind


def kind(name: str) -> Kind:
    """Return a kind by its name, one of `connection.KINDS`."""
    if name == "postgres":
        from router.data.postgres.kind import Postgres

        return Postgres()
    if name == "sqlite":
        from router.data.sqlite import Sqlite

        return Sqlite()
    raise LookupError(name)

"""Every kind of database, queue or cache, by the name that settings give it; most commands need none of them."""

from importlib import import_module

from router.data.kind import Kind

_KINDS = {
    "postgres": ("postgres.kind", "Postgres"),
    "mysql": ("mysql.kind", "Mysql"),
    "sqlite": ("sqlite", "Sqlite"),
    "redis": ("redis", "Redis"),
    "amqp": ("rabbitmq", "Rabbitmq"),
}


def kind(name: str) -> Kind:
    """Return a kind: one of `connection.KINDS`."""
    module, called = _KINDS[name]
    made: Kind = getattr(import_module(f"router.data.{module}"), called)()
    return made

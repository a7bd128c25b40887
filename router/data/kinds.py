"""Every kind of database, queue or cache, by the name that settings give it."""

from router.data.kind import Kind
from router.data.mysql.kind import Mysql
from router.data.postgres.kind import Postgres
from router.data.rabbitmq import Rabbitmq
from router.data.redis import Redis
from router.data.sqlite import Sqlite


def kind(name: str) -> Kind:
    """Return a kind: one of `connection.KINDS`."""
    kinds: dict[str, type[Kind]] = {
        "postgres": Postgres,
        "mysql": Mysql,
        "sqlite": Sqlite,
        "redis": Redis,
        "amqp": Rabbitmq,
    }
    return kinds[name]()

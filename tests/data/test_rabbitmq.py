"""RabbitMQ, with a real broker: each worktree has a vhost of its own."""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pytest

from router.data.connection import read
from router.data.kind import Order
from router.data.ledger import Ledger
from router.data.making import Made, Work, drop, make
from router.data.rabbitmq import Rabbitmq
from tests.data.servers import RabbitServer
from tests.data.shops import failed, wanted


@dataclass(frozen=True)
class Queue:
    server: RabbitServer
    name: str
    work: Work

    def made(self) -> Made:
        outcome = make(self.work)
        assert isinstance(outcome, Made), outcome
        return outcome


@pytest.fixture
def queue(rabbit_server: RabbitServer, tmp_path: Path) -> Queue:
    name = f"/feature-{secrets.token_hex(4)}"
    connection = read(rabbit_server.url(), directory=tmp_path)
    work = Work(wanted(name, kind="amqp"), Rabbitmq(), connection, Ledger(tmp_path), Order())
    return Queue(rabbit_server, name, work)


def test_a_worktree_has_a_vhost_with_the_permissions_of_mains(queue: Queue) -> None:
    queue.server.ask("PUT", "/users/ann", password="ann", tags="")
    queue.server.ask("PUT", "/permissions/%2F/ann", configure="^a", write=".*", read=".*")
    made = queue.made()
    part = quote(queue.name, safe="")
    permissions = queue.server.ask("GET", f"/vhosts/{part}/permissions").json()
    assert {each["user"]: each["configure"] for each in permissions} == {"guest": ".*", "ann": "^a"}
    assert queue.made() == made
    assert queue.work.kind.url(queue.work.connection, made.record.name) == queue.server.url(part)
    assert queue.work.kind.describe(queue.work.connection, made.record).state == "ready"
    assert queue.server.ask("PUT", f"/queues/{part}/jobs", durable=True).is_success


def test_it_is_dropped_and_nothing_else(queue: Queue) -> None:
    record = queue.made().record
    queue.server.ask("PUT", f"/vhosts/{quote(queue.name + 'x', safe='')}")
    assert drop(queue.work.ledger, queue.work.kind, queue.work.connection, record) is None
    assert {queue.name, f"{queue.name}x"} & queue.server.vhosts() == {f"{queue.name}x"}
    assert queue.work.ledger.records() == ()


def test_one_that_was_made_by_hand_is_left_as_it_is(queue: Queue) -> None:
    path = f"/vhosts/{quote(queue.name, safe='')}"
    queue.server.ask("PUT", path, description="mine")
    assert failed(make(queue.work)).cause == "foreign"
    assert queue.server.ask("GET", path).json()["description"] == "mine"
    [intent] = queue.work.ledger.records()
    assert drop(queue.work.ledger, queue.work.kind, queue.work.connection, intent) is None
    assert queue.name in queue.server.vhosts()


def test_one_that_was_replaced_is_left(queue: Queue) -> None:
    record = queue.made().record
    path = f"/vhosts/{quote(queue.name, safe='')}"
    queue.server.ask("DELETE", path)
    queue.server.ask("PUT", path, description="mine")
    assert failed(drop(queue.work.ledger, queue.work.kind, queue.work.connection, record)).cause == "foreign"
    assert queue.work.kind.describe(queue.work.connection, record).state == "foreign"
    assert queue.name in queue.server.vhosts()


def test_what_goes_wrong_is_said_with_the_next_step(queue: Queue) -> None:
    queue.server.ask("PUT", "/users/bob", password="bob", tags="management")
    for login, cause in (("guest:wrong", "wrong-credentials"), ("bob:bob", "denied")):
        connection = read(queue.server.url(login=login), directory=Path("/"))
        failure = failed(make(replace(queue.work, connection=connection)))
        assert failure.cause == cause
        assert failure.hint
    connection = read("amqp://guest:s3cr3t@127.0.0.1:9", directory=Path("/"))
    failure = failed(make(replace(queue.work, connection=connection)))
    assert failure.cause == "down"
    assert "s3cr3t" not in failure.message + failure.hint
    without = read(f"amqp://guest:guest@127.0.0.1:{queue.server.port + 10_000}", directory=Path("/"))
    assert failed(make(replace(queue.work, connection=without))).cause == "tool-missing"
    assert queue.name not in queue.server.vhosts()

"""A shop's database with a few rows, and what it takes to make a worktree's own of it."""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from router.data.connection import read
from router.data.kind import Kind, Order
from router.data.ledger import Ledger
from router.data.making import Failure, Made, Work, make
from router.data.postgres.kind import Postgres
from router.data.wanted import Wanted
from router.model import WorktreeId
from tests.data.servers import PostgresServer

MAIN = WorktreeId("/r/.git", "", 1)


def wanted(name: str, *, kind: str = "postgres", template: str = "", admin: str = "x") -> Wanted:
    """Return what a worktree is to have."""
    return Wanted(WorktreeId("/r/.git", admin, 2), f"/r.{admin}", "db", kind, "DATABASE_URL", name, MAIN, "/r",
                  template=template)  # fmt: skip


def failed(outcome: Made | Failure | None) -> Failure:
    """Return why a resource could not be made or dropped."""
    assert isinstance(outcome, Failure), outcome
    return outcome


@dataclass(frozen=True)
class Shop:
    """A database of the user's with three rows, and the ledger of a state directory of its own."""

    server: PostgresServer
    name: str
    work: Work

    def named(self, name: str, **changes: object) -> Work:
        """Return the work for another worktree's database, called `<shop>_<name>`."""
        own = {"name": f"{self.name}_{name}", "path": f"/r.{name}", "worktree": WorktreeId("/r/.git", name, 2)}
        changed = replace(self.work.wanted, **(own | changes))  # type: ignore[arg-type]
        return replace(self.work, wanted=changed)

    def made(self, name: str = "x", **changes: object) -> Made:
        """Make a worktree's database."""
        outcome = make(self.named(name, **changes))
        assert isinstance(outcome, Made), outcome
        return outcome

    def rows(self, database: str) -> list[str]:
        """Return what the products of a database are called."""
        return self.server.psql(database, "SELECT name FROM products ORDER BY 1")

    def databases(self) -> set[str]:
        """Return the names of this shop's databases and of all that is half made, without the shop's name."""
        found = self.server.databases()
        return {name.removeprefix(self.name) for name in found if name.startswith(self.name)} | self.half_made()

    def half_made(self) -> set[str]:
        """Return the half-made databases of this shop's ledger."""
        return self.server.databases() & {record.half_made for record in self.work.ledger.records()}


def shop(server: PostgresServer, state: Path, *, kind: Kind | None = None) -> Shop:
    """Make a shop of a new name in a server."""
    name = f"shop{secrets.token_hex(4)}"
    server.psql("postgres", f"CREATE DATABASE {name} OWNER ann")
    server.psql(name, "CREATE TABLE products (name text); INSERT INTO products VALUES ('a'), ('b'), ('c')", user="ann")
    connection = read(server.url(name), directory=state)
    order = Order(work=state / "work", tools=(server.programs,), patience=60)
    work = Work(wanted(f"{name}_x", template=f"{name}_template"), kind or Postgres(), connection, Ledger(state), order)
    return Shop(server, name, work)

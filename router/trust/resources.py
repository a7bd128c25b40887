"""What a worktree has of its own, made only as it was allowed."""

from collections.abc import Collection, Iterator
from pathlib import Path

from router.data import stock
from router.data.ledger import Ledger
from router.data.making import Failure, Made
from router.data.planned import Planned, Unplanned, for_tests
from router.data.servers import running
from router.data.servers.running import Running
from router.data.stock import Outcome
from router.errors import RouterError
from router.model import Repository, Worktree
from router.processes import guard
from router.remembered import Memory
from router.settings import Settings
from router.store import Store
from router.text import shown
from router.trust import records
from router.trust.statements import Record, allowed, expect_allowed
from router.trust.wanted import wanted
from router.values import dataclass

NOT_ALLOWED = "not-allowed"
"""The cause of what waits for `router allow`."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Makes and drops the resources of worktrees as the user's record allows."""

    settings: Settings
    store: Store

    @property
    def ledger(self) -> Ledger:
        """What was made."""
        return Ledger(self.store.directory)

    def servers(self) -> tuple[Running, ...]:
        """Return the servers of the router's own that run; one that has ended is started by `provide`."""
        return running.all_running(self.store.directory)

    def missing(self) -> frozenset[str]:
        """Return the kinds whose server of the router's own should run and does not answer."""
        return running.missing(self.store.directory)

    def routers(self) -> Collection[int]:
        """Return the pids of the watcher and of the Caddy that it started."""
        return guard.routers(self.store)

    def record_of(self, repository: Repository) -> Path:
        """Return the file that has what the user allowed of a repository."""
        return records.path(self.store, Path(repository.common_dir))

    def provide(self, repository: Repository, worktree: Worktree, memory: Memory) -> Iterator[Outcome]:
        """Make what a worktree is to have of its own, or find it made; yield what has become of each resource.

        FileError or SettingsError where `router.toml` cannot be read.
        """
        wanted = stock.of_worktree(repository, worktree, memory, state=self.store.directory)
        if not wanted:
            return
        record = self._allowed(repository)
        for each in wanted:
            yield self._made(each, repository, record)
            if isinstance(each, Planned) and each.settings.test and each.is_database:
                yield self._made(for_tests(each), repository, record)

    def make(self, each: Planned, repository: Repository) -> Outcome:
        """Make one resource, or find it made, and return what has become of it."""
        return self._made(each, repository, self._allowed(repository))

    def refresh(self, repository: Repository, worktree: Worktree, memory: Memory) -> None:
        """Make the templates again that are too old, beside a database that is in use."""
        record = self._allowed(repository)
        for each in stock.of_worktree(repository, worktree, memory, state=self.store.directory):
            if isinstance(each, Planned) and isinstance(record, Record):
                stock.refresh(each, self.ledger, hosts=self.settings.data_hosts, expected=_expected(each, record))

    def reset(self, name: str, repository: Repository, worktree: Worktree, memory: Memory) -> Outcome | None:
        """Drop a worktree's resource and make it afresh; None where it has none of that name."""
        wanted = stock.of_worktree(repository, worktree, memory, state=self.store.directory)
        each = next((each for each in wanted if each.name == name), None)
        if each is None:
            return None
        record = self._allowed(repository)
        if isinstance(record, Failure):
            return Outcome(name, "", "", record)
        return stock.reset(each, self.ledger, hosts=self.settings.data_hosts, expected=_expected(each, record))

    def _made(self, each: Planned | Unplanned, repository: Repository, record: Record | Failure) -> Outcome:
        if isinstance(record, Failure):
            return Outcome(each.name, "", "", record)
        expected = _expected(each, record)
        outcome = stock.provide(each, self.ledger, hosts=self.settings.data_hosts, expected=expected)
        if isinstance(outcome.result, Made) and not expected:
            identifier = outcome.result.record.identifier
            records.remember_server(self.store, Path(repository.common_dir), _key(each), identifier)
        return outcome

    def _allowed(self, repository: Repository) -> Record | Failure:
        """Return the record of what the user allowed, where it allows exactly what `router.toml` has done now."""
        asked = wanted(Path(repository.path), hosts=self.settings.data_hosts)
        record = records.read(self.store, Path(repository.common_dir))
        try:
            expect_allowed(allowed(asked.statements, record), place=shown(repository.path))
        except RouterError as exc:
            return Failure(NOT_ALLOWED, exc.message, exc.hint)
        return record or Failure(NOT_ALLOWED, "nothing is allowed", "run `router allow`")


def _key(each: Planned | Unplanned) -> str:
    return f"resources.{each.name}"


def _expected(each: Planned | Unplanned, record: Record) -> str:
    """Return the identifier of the server that was met when it was allowed, empty before the first time."""
    return record.servers.get(_key(each), "")

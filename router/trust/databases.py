"""A worktree's database once more: for its tests, or for one command and dropped after it."""

import contextlib
from collections.abc import Iterator, Mapping

from router.data import fresh, stock
from router.data.kinds import kind
from router.data.ledger import Record
from router.data.making import Failure, drop
from router.data.planned import Planned, for_tests
from router.data.variables import variables
from router.errors import RouterError, UsageError
from router.model import Repository, Worktree
from router.remembered import Memory
from router.trust.resources import Provider
from router.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Databases:
    """Makes databases of one worktree beside its own, as the user's record allows."""

    provider: Provider
    repository: Repository
    worktree: Worktree
    memory: Memory

    def for_tests(self) -> Mapping[str, str]:
        """Make the one for tests, or find it made; return the variables that lead there.

        UsageError where the worktree has no database, RouterError where it cannot be made.
        """
        each = self._first()
        record = self._made(for_tests(each))
        return variables([each], name=record.name)

    @contextlib.contextmanager
    def for_one_command(self) -> Iterator[Mapping[str, str]]:
        """Give the variables of a new one, which is dropped when the block ends; errors are as with `for_tests`."""
        each = self._first()
        with fresh.token(self.provider.store.directory) as token:
            wanted = replace(each.wanted, use=fresh.use(token), name=f"{each.wanted.name}_{token}")
            record = self._made(replace(each, wanted=wanted))
            try:
                yield variables([each], name=record.name)
            finally:
                drop(self.provider.ledger, kind(record.kind), each.connection, record)

    def _first(self) -> Planned:
        state = self.provider.store.directory
        planned = stock.of_worktree(self.repository, self.worktree, self.memory, state=state, main_too=True)
        databases = (each for each in planned if isinstance(each, Planned) and each.is_database)
        found = next(databases, None)
        if found is None:
            hint = "name one in [resources] of router.toml: `router init resources` proposes it"
            raise UsageError("this worktree has no database of its own", hint=hint)
        return found

    def _made(self, each: Planned) -> Record:
        result = self.provider.make(each, self.repository).result
        if isinstance(result, Failure):
            raise RouterError(f"{each.wanted.name} cannot be made, {result.cause}: {result.message}", hint=result.hint)
        return result.record

"""Makes what each worktree is to have of its own as soon as it is seen, and drops it when the worktree is gone.

All of it runs beside the loop: making a database takes longer than a look.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from router.data import making, retiring
from router.data.ledger import Record
from router.data.making import Failure, Made
from router.data.servers.running import Running
from router.data.stock import Outcome
from router.errors import RouterError
from router.model import Problem, Repository, Worktree, WorktreeId
from router.observe import envfiles
from router.observe.lanes import Lanes
from router.observe.watched import signature
from router.remembered import GoneWorktree, Memory
from router.repository_file import FILE
from router.status import ResourceState
from router.text import shown
from router.trust.resources import NOT_ALLOWED, Provider
from router.values import dataclass, replace
from router.watcher.pace import Timer

log = logging.getLogger(__name__)

RETRY = (2.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds before what failed is tried again; the last stands for all later times."""
INTERVAL = 30.0  # seconds between two looks at what has outlived its worktree
_FILES = (
    0.5  # seconds between two looks at the files that say what is to be made: right after a change the loop is faster
)
_THREADS = 4
_PATIENCE = 0.2  # seconds that a look waits for the files: a disk that hangs keeps nobody else waiting

_Signature = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Provided:
    """What was made for a worktree: what it depends on now, and did when that was begun (None before the first time).

    `begun` is in seconds since the epoch, `retry_at` in those of the monotonic clock; `failures` are how often it
    failed in a row.
    """

    signature: _Signature
    begun_with: _Signature | None
    begun: float
    retry_at: float
    failures: int = 0
    outcomes: tuple[Outcome, ...] | None = None


class Resources:
    """The resources of all worktrees; `shown` are their states by the worktree's path, `servers` the router's own.

    `wake` is called when there is news.
    """

    def __init__(
        self,
        wake: Callable[[], None],
        provider: Provider,
        *,
        interval: float = INTERVAL,
        retry: Sequence[float] = RETRY,
    ) -> None:
        self.shown: Mapping[str, tuple[ResourceState, ...]] = {}
        self.servers: tuple[Running, ...] = ()
        self._provider = provider
        self._interval = interval
        self._retry = retry
        self._wake = wake
        self._making: Lanes[str, tuple[Outcome, ...]] = Lanes(threads=_THREADS, on_late=wake)
        self._ending: Lanes[str, float] = Lanes(threads=1)
        self._refreshing: Lanes[str, None] = Lanes(threads=1)
        self._provided: dict[str, _Provided] = {}
        self._looking: Lanes[str, _Signature] = Lanes(threads=_THREADS, on_late=wake)
        self._files: Mapping[str, _Signature] = {}
        self._files_due = Timer(_FILES)
        self._next_look = 0.0
        self._gone: tuple[GoneWorktree, ...] = ()
        self._gone_since: Mapping[WorktreeId, float] = {}
        self._said: Mapping[str, str] = {}
        self.problems: tuple[Problem, ...] = ()
        """What keeps the resources of gone worktrees from being dropped, where its user can do something."""

    def about(self, repositories: tuple[Repository, ...], memory: Memory) -> None:
        """Take over what was made since the last time, and begin what is due. Waits a moment for files alone."""
        now = time.monotonic()
        self._look_at_files(repositories)
        trees = {tree.path: (repository, tree) for repository, tree in _with_resources(repositories)
                 if repository.common_dir in self._files}  # fmt: skip
        self._follow(trees, memory, now)
        due = {path for path, each in self._provided.items() if each.retry_at <= now or not self._making.is_free(path)}
        for path in due:
            if self._making.is_free(path):
                self._provided[path] = _begun(self._provided[path])
        jobs = {path: partial(self._provide, *trees[path], memory) for path in due}
        for path, outcomes in self._making.run(jobs, patience=0).items():
            self._provided[path] = _ended(self._provided[path], outcomes, now, self._retry)
            if any(isinstance(each.result, Made) and each.result.refresh_due for each in outcomes):
                self._refresh(*trees[path], memory)
        self.servers = self._provider.servers()  # what has just become ready may be on one that has just been started
        missing = self._provider.missing()
        self.shown = {path: tuple(_states(each, *trees[path], missing)) for path, each in self._provided.items()}
        self._end(repositories, memory, now)

    def look_soon(self) -> None:
        """Look for what has outlived its worktree the next time, instead of now and then."""
        self._next_look = 0.0

    def close(self) -> None:
        """Begin nothing more."""
        self._looking.close()
        self._making.close()
        self._ending.close()
        self._refreshing.close()

    def _follow(self, trees: Mapping[str, tuple[Repository, Worktree]], memory: Memory, now: float) -> None:
        """Have what is new, or depends on something that has changed, be due at once."""
        names = {each.id: (each.project, each.scope) for each in memory.worktrees}
        running = tuple(each.process for each in self._provider.servers())
        before, self._provided = self._provided, {}
        for path, (repository, tree) in trees.items():
            servers = running if repository.served else ()
            wanted = (tree.id, names.get(tree.id), self._files[repository.common_dir], servers)
            known = before.get(path) or _Provided(wanted, None, time.time(), now)
            same = known.signature == wanted
            self._provided[path] = known if same else replace(known, signature=wanted, retry_at=now, failures=0)

    def _look_at_files(self, repositories: Iterable[Repository]) -> None:
        """Look at all repositories' files now and then, and at once where one is new; what hangs stays as it was."""
        jobs = {each.common_dir: partial(self._state_of_files, each) for each in repositories if each.resources}
        known = {common: files for common, files in self._files.items() if common in jobs}
        if self._files_due.due() or jobs.keys() - known.keys():
            known |= self._looking.run(jobs, patience=_PATIENCE)
        self._files = known

    def _state_of_files(self, repository: Repository) -> _Signature:
        """Return what tells whether a repository's resources may be others by now, or allowed otherwise."""
        root = Path(repository.path)
        paths = (*(root / name for name in (FILE, *envfiles.FILES)), self._provider.record_of(repository))
        return tuple(signature(map(str, paths)))

    def _provide(self, repository: Repository, worktree: Worktree, memory: Memory) -> tuple[Outcome, ...]:
        try:
            return tuple(self._provider.provide(repository, worktree, memory))
        except RouterError as exc:
            return tuple(Outcome(name, "", "", making.failure(exc)) for name in _names(repository, worktree))

    def _refresh(self, repository: Repository, worktree: Worktree, memory: Memory) -> None:
        job = partial(self._provider.refresh, repository, worktree, memory)
        self._refreshing.run({repository.common_dir: job}, patience=0)

    def _end(self, repositories: tuple[Repository, ...], memory: Memory, now: float) -> None:
        """Look for what has outlived its worktree when one is gone, when something is due, and now and then."""
        if memory.gone != self._gone:
            self._gone, self._next_look = memory.gone, now
        jobs = {"": partial(self._drop, repositories, memory)}
        if now >= self._next_look and self._ending.is_free(""):
            self._next_look = now + self._interval
            self._ending.run(jobs, patience=0)
        elif not self._ending.is_free(""):
            for wait in self._ending.run(jobs, patience=0).values():
                self._next_look = min(self._next_look, now + wait)

    def _drop(self, repositories: tuple[Repository, ...], memory: Memory) -> float:
        """Drop what is due; return for how many seconds nothing else is, as far as that is known."""
        ledger, hosts = self._provider.ledger, self._provider.settings.data_hosts
        found = retiring.drop_outlived(
            ledger, repositories, memory, now=time.time(), hosts=hosts, gone=self._gone_since,
            routers=self._provider.routers(),
        )  # fmt: skip
        self._gone_since = found.gone
        before, self._said = self._said, {record.nonce: _said(record, failure) for record, failure in found.dropped}
        for nonce, said in self._said.items():
            if before.get(nonce) != said:  # what cannot be dropped is tried again and again
                log.info("%s", said)
        problems = tuple(_problem(record, failure) for record, failure in found.for_user)
        if problems != self.problems:
            self.problems = problems
            self._wake()
        return self._interval if found.next_due is None else max(0.0, found.next_due - time.time())


def _said(record: Record, failure: Failure | None) -> str:
    said = f"not dropped, {failure.cause}: {failure.message}" if failure else "dropped, as its worktree is gone"
    return f"{record.kind} {record.name} of {record.path}: {said}"


def _problem(record: Record, failure: Failure) -> Problem:
    """Return the problem that a resource is which cannot be dropped until its user does something about it."""
    message = f"{failure.cause}: {record.resource} of {shown(record.path)}, which is gone: {failure.message}"
    return Problem("resource-failed", message, failure.hint)


def _with_resources(repositories: Iterable[Repository]) -> Iterator[tuple[Repository, Worktree]]:
    for repository in repositories:
        for tree in repository.worktrees if repository.resources else ():
            if tree.present and tree.made and not tree.copy and _names(repository, tree):
                yield repository, tree


def _names(repository: Repository, tree: Worktree) -> tuple[str, ...]:
    """Return the names of what a worktree is to have: a main checkout only what is on servers of the router's own."""
    return repository.served if tree.main else repository.resources


def _begun(each: _Provided) -> _Provided:
    return replace(each, begun_with=each.signature, begun=time.time(), retry_at=float("inf"))


def _ended(each: _Provided, outcomes: tuple[Outcome, ...], now: float, retry: Sequence[float]) -> _Provided:
    failures = each.failures + 1 if any(isinstance(outcome.result, Failure) for outcome in outcomes) else 0
    wait = retry[min(failures, len(retry)) - 1] if failures else float("inf")
    due = now if each.begun_with != each.signature else now + wait
    return replace(each, outcomes=outcomes, failures=failures, retry_at=due)


def _states(
    each: _Provided, repository: Repository, tree: Worktree, missing: frozenset[str]
) -> Iterator[ResourceState]:
    """Yield what status says of a worktree's resources; of `missing` kinds the router's own server does not answer."""
    if each.outcomes is None:
        for name in _names(repository, tree):
            yield _pending(f"{name} is being made", ResourceState(name, "making", since=each.begun))
    for outcome in each.outcomes or ():
        if isinstance(outcome.result, Failure):
            failure = outcome.result
            message = f"{failure.cause}: {outcome.resource}: {failure.message}"
            kind = "not-allowed" if failure.cause == NOT_ALLOWED else "resource-failed"
            problem = Problem(kind, message, failure.hint)
            yield ResourceState(outcome.resource, "failed", outcome.kind, outcome.name, problem=problem)
        elif outcome.kind in missing and outcome.resource in repository.served:
            making = ResourceState(outcome.resource, "making", outcome.kind, outcome.name, since=each.begun)
            yield _pending(f"the server of {outcome.resource} is being started", making)
        else:
            yield ResourceState(outcome.resource, "ready", outcome.kind, outcome.name)


def _pending(message: str, state: ResourceState) -> ResourceState:
    return replace(state, problem=Problem("resource-pending", message, "wait, or see `router provision`"))

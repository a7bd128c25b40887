"""By which rules the worktrees of a repository sleep, only as they were allowed."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from router.errors import RouterError
from router.model import Problem, Repository, SleepRules
from router.observe import envfiles
from router.observe.lanes import Lanes
from router.observe.watched import Signature, signature
from router.repository_file import FILE
from router.settings import Settings
from router.store import Store
from router.text import shown
from router.trust import records
from router.trust.statements import allowed, expect_allowed
from router.trust.wanted import wanted
from router.values import dataclass

_THREADS = 4
_PATIENCE = 1.0  # seconds that a look waits for a repository's files: a disk that hangs keeps nobody else awake


@dataclass(frozen=True, slots=True)
class AllowedSleep:
    """The rules by which a repository's worktrees sleep, None with the problem where they are not allowed."""

    rules: SleepRules | None
    problem: Problem | None = None


_Known = tuple[Signature, AllowedSleep]


class AllowedSleeps:
    """What is allowed of sleep, by repository; read again only where a file that decides it has changed."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._lanes: Lanes[str, _Known] = Lanes(threads=_THREADS)
        self._known: Mapping[str, _Known] = {}

    def of(self, repositories: tuple[Repository, ...]) -> Mapping[str, AllowedSleep]:
        """Return it by the common directory, for the repositories whose settings want any sleep. Raises nothing.

        What was last known stands where the disk does not answer; where nothing was, the repository is left out.
        """
        asking = {each.common_dir: each for each in repositories if each.sleep is not None}
        before = {common: known for common, known in self._known.items() if common in asking}
        looks = {common: partial(self._look, each, before.get(common)) for common, each in asking.items()}
        self._known = before | self._lanes.run(looks, patience=_PATIENCE)
        return {common: found for common, (_, found) in self._known.items()}

    def close(self) -> None:
        """Look no more."""
        self._lanes.close()

    def _look(self, repository: Repository, last: _Known | None) -> _Known:
        seen = signature(map(str, self._files(repository)))
        return last if last and last[0] == seen else (seen, self._read(repository))

    def _files(self, repository: Repository) -> tuple[Path, ...]:
        root = Path(repository.path)
        record = records.path(self._store, Path(repository.common_dir))
        return (*(root / name for name in (FILE, *envfiles.FILES)), record)

    def _read(self, repository: Repository) -> AllowedSleep:
        try:
            asked = wanted(Path(repository.path), hosts=self._settings.data_hosts)
            record = records.read(self._store, Path(repository.common_dir))
            expect_allowed(allowed(asked.statements, record), place=shown(repository.path))
        except RouterError as exc:
            return AllowedSleep(None, Problem("not-allowed", f"no worktree sleeps: {exc.message}", exc.hint))
        return AllowedSleep(asked.settings.sleep.rules())

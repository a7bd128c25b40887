"""By which rules the worktrees of a repository sleep, only as they were allowed."""

from collections.abc import Mapping
from pathlib import Path

from router.errors import RouterError
from router.model import Problem, Repository, SleepRules
from router.observe import envfiles
from router.observe.watched import Signature, signature
from router.repository_file import FILE
from router.settings import Settings
from router.store import Store
from router.text import shown
from router.trust import records
from router.trust.statements import allowed, expect_allowed
from router.trust.wanted import wanted
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class AllowedSleep:
    """The rules by which a repository's worktrees sleep, None with the problem where they are not allowed."""

    rules: SleepRules | None
    problem: Problem | None = None


class AllowedSleeps:
    """What is allowed of sleep, by repository; read again only where a file that decides it has changed."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._known: Mapping[str, tuple[Signature, AllowedSleep]] = {}

    def of(self, repositories: tuple[Repository, ...]) -> Mapping[str, AllowedSleep]:
        """Return it by the common directory, for the repositories whose settings want any sleep. Raises nothing."""
        before, self._known = self._known, {}
        known: dict[str, tuple[Signature, AllowedSleep]] = {}
        for each in repositories:
            if each.sleep is not None:
                seen = signature(map(str, self._files(each)))
                last = before.get(each.common_dir)
                same = last is not None and last[0] == seen
                known[each.common_dir] = last if last and same else (seen, self._read(each))
        self._known = known
        return {common: found for common, (_, found) in known.items()}

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

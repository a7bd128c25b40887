"""Looks at repositories side by side: what is slow or broken in one leaves the others alone."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from router.errors import FileError, RouterError, SlowGitError
from router.model import Problem, Repository
from router.observe import git, git_files
from router.observe.changed import Changed, Marks, after, changed
from router.observe.directories import may_be_there
from router.observe.lanes import Lanes
from router.observe.repository import repository, with_changed
from router.observe.watched import directories, roots, watched
from router.text import shown
from router.values import dataclass, field, replace

PATIENCE = 0.25  # seconds that a look waits for repositories that were seen before,
FIRST = 1.0  # for one that was not, where another has answered,
ALONE = 10.0  # and where none has: nobody is kept waiting
SLOW = 1.5  # seconds after which a repository that has not answered is reported,
USUAL = 3  # and after so many times what it needed before: a large one on a busy machine is no problem
AGE = 25.0  # seconds after which a repository is surveyed though nothing in it seems to have changed
THREADS = 32  # repositories that are looked at at once; one that hangs keeps its thread


class Survey(Protocol):
    """Looks at one repository, as `router.observe.repository` does."""

    def __call__(self, common: Path, *, before: Repository | None) -> Repository: ...


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What one look found: the repositories, the directories to follow, and the real path of each worktree.

    Directories of a repository that has not answered are not among them: whoever touches one may get stuck. `count`
    is how many surveys there have been so far.
    """

    repositories: tuple[Repository, ...] = ()
    count: int = 0
    directories: tuple[str, ...] = ()
    real: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was last seen of one repository.

    `when` the whole of it was surveyed is on the monotonic clock, `took` the seconds that this needed. `surveys` is
    how often it was surveyed, as a whole or not.
    """

    repository: Repository
    marks: Marks = field(default_factory=Marks)
    real: Mapping[str, str] = field(default_factory=dict)
    when: float = 0.0
    took: float = 0.0
    surveys: int = 0


class Surveys:
    """The repositories as they were last seen, and the looks at them that are under way.

    A repository that does not answer in time keeps nobody waiting: what was last seen of it stands, its look goes on,
    and `on_answer` is called when it ends. What cannot be read is that repository's problem, and so is a bug of ours.
    Whoever looks but `once` is not told which directories to follow.
    """

    def __init__(
        self,
        on_answer: Callable[[], None] = lambda: None,
        *,
        before: Iterable[Repository] = (),
        patience: float = PATIENCE,
        once: bool = False,
        survey: Survey = repository,
    ) -> None:
        self._patience = patience
        self._once = once
        self._survey = survey
        self._lanes: Lanes[str, _Seen | None] = Lanes(threads=THREADS, on_late=on_answer)
        self._seen = {each.common_dir: _Seen(each) for each in before}
        self._count = 0
        self._due: set[str] = set()
        self._logged: dict[str, str] = {}

    def look(self, commons: Iterable[str], *, whole: bool = False) -> Surveyed:
        """Return the repositories as they are now, surveyed where a file has changed or `whole` asks for it.

        `commons` are their common git directories. One that is gone from the disk is left out, and one that has not
        answered yet, until that takes long enough to be a problem. Raises nothing.
        """
        commons = tuple(dict.fromkeys(commons))
        self._due |= set(commons if whole else ())
        free = {common for common in commons if self._lanes.is_free(common)}
        jobs = {c: partial(self._look, c, before=self._seen.get(c), whole=c in self._due) for c in commons}
        self._due -= free
        seen = self._seen.keys() & set(commons)
        patience = self._patience if len(seen) == len(commons) else max(self._patience, FIRST)
        answers = self._lanes.run(jobs, patience=patience, for_the_first=0 if seen else ALONE)
        self._count += sum(_surveys(answer) != _surveys(self._seen.get(c)) for c, answer in answers.items())
        self._seen = {c: found for c in commons if (found := answers.get(c, self._seen.get(c)))}
        return self._surveyed(commons)

    def is_idle(self, commons: Iterable[str]) -> bool:
        """Tell whether no look at these repositories is under way."""
        return all(map(self._lanes.is_free, commons))

    def close(self) -> None:
        """Look no more."""
        self._lanes.close()

    def _surveyed(self, commons: Iterable[str]) -> Surveyed:
        waiting = {common: seconds for common in commons if (seconds := self._lanes.seconds(common))}
        repositories = []
        for common in commons:
            seen = self._seen.get(common)
            usual = min(USUAL * seen.took, ALONE) if seen else 0
            if waiting.get(common, 0) > max(SLOW, usual):
                repositories.append(_slow(common, seen.repository if seen else None))
            elif seen:
                repositories.append(seen.repository)
        return Surveyed(
            repositories=tuple(repositories),
            count=self._count,
            directories=directories(seen.marks.watched for common, seen in self._seen.items() if common not in waiting),
            real={path: real for seen in self._seen.values() for path, real in seen.real.items()},
        )

    def _look(self, common: str, *, before: _Seen | None, whole: bool) -> _Seen | None:
        """Return what is to be seen of one repository, None where it is gone. Runs in a thread that may get stuck.

        Only what has changed is read again, and the whole at least every 25 seconds.
        """
        started = time.monotonic()
        now = changed(before.marks if before else Marks(), _names(common))
        if before and not whole and not now.whole and started - before.when < AGE:
            if not now.names:
                return replace(before, marks=now.marks)
            if found := self._with_changed(before.repository, now.names):
                return _seen_again(found, before, now)
        if not may_be_there(common):
            return None
        found = self._survey_or_keep(common, before.repository if before else None)
        return _Seen(
            repository=before.repository if before and before.repository == found else found,
            marks=now.marks if self._once else after(now.marks, watched(found, now.marks.names)),
            real={path: os.path.realpath(path) for path in roots(found)},
            when=started,
            took=time.monotonic() - started,
            surveys=_surveys(before) + 1,
        )

    def _with_changed(self, before: Repository, names: frozenset[str]) -> Repository | None:
        """Return a repository with some worktrees looked at again, None where the whole is to be surveyed."""
        try:
            return with_changed(before, names)
        except (RouterError, OSError, ValueError):
            return None

    def _survey_or_keep(self, common: str, before: Repository | None) -> Repository:
        try:
            return self._survey(Path(common), before=before)
        except SlowGitError as exc:
            return _unanswered(common, before, "slow-repository", exc.message, exc.hint)
        except (RouterError, OSError, ValueError) as exc:
            hint = exc.hint if isinstance(exc, RouterError) else "restore what is broken, or look at it with git"
            return _unanswered(common, before, "unreadable-file", git_files.reason(exc), hint)
        except Exception as exc:
            if self._logged.get(common) != repr(exc):
                self._logged[common] = repr(exc)
                import logging  # here: commands start without it

                logging.getLogger(__name__).exception("a bug in router, at %s", shown(common))
            hint = "see `router logs`, and report it"
            return _unanswered(common, before, "unreadable-file", f"a bug in router: {type(exc).__name__}", hint)


def _names(common: str) -> list[str]:
    try:
        return git_files.names(Path(common))
    except FileError:
        return []


def _surveys(seen: _Seen | None) -> int:
    return seen.surveys if seen else 0


def _seen_again(found: Repository, before: _Seen, now: Changed) -> _Seen:
    """Return what is seen of a repository some of whose worktrees were looked at again."""
    same = {each.path for each in found.worktrees if each.id.admin not in now.names} & before.real.keys()
    return replace(
        before,
        repository=before.repository if before.repository == found else found,
        marks=after(now.marks, watched(found, now.marks.names, before=now.marks.watched, new=now.names)),
        real={path: before.real[path] if path in same else os.path.realpath(path) for path in roots(found)},
        surveys=before.surveys + 1,
    )


def _unanswered(common: str, before: Repository | None, kind: str, message: str, hint: str) -> Repository:
    """Return a repository as it was, with the last reason why it cannot be read."""
    place = f"{shown(common)}: "
    earlier = before or Repository(git.name(Path(common)), common, common, ())
    others = (problem for problem in earlier.problems if not problem.message.startswith(place))
    problem = Problem(kind, f"{place}{shown(message)}; its routes stay", hint)
    return replace(earlier, answered=False, problems=(*others, problem))


def _slow(common: str, before: Repository | None) -> Repository:
    message = "git or its disk has not answered yet"
    return _unanswered(
        common, before, "slow-repository", message, f"see what keeps `git -C {shown(common)} worktree list`"
    )

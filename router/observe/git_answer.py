"""What git says of a repository's worktrees, and what its own files say where it cannot be asked."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from router.errors import FileError, GitError, SlowGitError, UnknownFormatError
from router.model import Problem
from router.observe import git, git_files
from router.observe.git_files import Admin, ListedWorktree
from router.text import shown
from router.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Answer:
    """What git said: the main checkout, and the linked worktrees by path; None of them where it cannot be asked."""

    main: ListedWorktree
    linked: Mapping[str, Sequence[ListedWorktree]] | None = None
    problems: tuple[Problem, ...] = ()


def asked(common: Path, admins: Sequence[Admin]) -> Answer:
    """Return git's answer; a checkout that git takes for a bare repository is one nonetheless."""
    answer = _answer(common, admins)
    if not (answer.main.bare and common.name == ".git" and (common / "index").exists()):
        return answer
    now, path = git_files.head(common), str(common.parent)
    main = ListedWorktree(path, now.commit, now.branch)
    own = " --worktree" if git_files.is_bare(common / "config.worktree") else ""
    problem = Problem(
        "unreadable-worktree",
        f"{shown(path)} is a checkout, but core.bare is true there: git refuses to work in it",
        f"`git --git-dir={shown(str(common))} config{own} core.bare false`",
    )
    return replace(answer, main=main, problems=(*answer.problems, problem))


def _answer(common: Path, admins: Sequence[Admin]) -> Answer:
    """Ask git; read its files where that is of no use: it waits for ever for a FIFO, and gives up at other things."""
    if any(admin.blocks for admin in admins) and not needs_git(common):
        return Answer(git_files.own_main_record(common))
    try:
        main, *linked = git.listed(common)
    except UnknownFormatError:
        return Answer(git_files.own_main_record(common))
    except SlowGitError as exc:
        if needs_git(common):
            raise
        problem = Problem("slow-repository", f"{shown(str(common))}: {shown(exc.message)}", exc.hint)
        return Answer(git_files.own_main_record(common), problems=(problem,))
    except GitError:
        if needs_git(common) or all(_is_readable(common, admin) for admin in admins):
            raise
        return Answer(git_files.own_main_record(common))
    return Answer(main, _by_path(linked, {admin.path for admin in admins if admin.path}))


def needs_git(common: Path) -> bool:
    """Tell whether only git can say which branch is checked out."""
    return (common / "reftable").exists()


def _by_path(linked: Iterable[ListedWorktree], wanted: Collection[str]) -> Mapping[str, Sequence[ListedWorktree]]:
    """Return the records by path, and by real path where git writes one of those that are wanted in another way."""
    records: dict[str, list[ListedWorktree]] = defaultdict(list)
    for record in linked:
        records[record.path].append(record)
    if not records.keys() >= set(wanted):
        for path in list(records):
            records.setdefault(os.path.realpath(path), records[path])
    return records


def _is_readable(common: Path, admin: Admin) -> bool:
    try:
        git_files.own_record(common, admin)
    except (FileError, ValueError):
        return False
    return True

"""Which problems the worktrees and the router have, and whether the repository of the current directory is served."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from router.doctor.findings import Finding
from router.document import Document, problems
from router.errors import RouterError
from router.observe import git
from router.text import shown

_CHECKED_ELSEWHERE = frozenset({"watcher-down", "watcher-hung"})


def check_problems(status: Document) -> Iterator[Finding]:
    """Yield every problem of the status document, and how many worktrees have none."""
    found = [problem for problem in problems(status) if problem["kind"] not in _CHECKED_ELSEWHERE]
    for problem in found:
        message, check = f"{problem['message']} [{problem['kind']}]", "worktree" if problem["name"] else "router"
        error = problem["severity"] == "error"
        yield Finding("fail" if error else "warn", check, message, problem["hint"], problem["name"])
    count = len(status["worktrees"])
    if well := count - len({problem["name"] for problem in found if problem["name"]}):
        yield Finding("ok", "worktree", f"{well} of {count} worktrees have no problem")


def check_repository(status: Document, cwd: Path) -> Iterator[Finding]:
    """Yield that the repository of a directory is not served; nothing where it is, or where there is none."""
    with contextlib.suppress(RouterError):
        common = shown(str(git.common_dir(cwd)))
        if common not in {repository["git_dir"] for repository in status["repositories"]}:
            yield Finding("ok", "worktree", f"the repository of this directory, {common}, is not served", "router up")

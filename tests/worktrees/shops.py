"""A repository whose worktrees are created, given what they need and removed, with real git."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from router.settings import Settings
from router.store import Store
from router.worktrees import create, provision, remove


def git(checkout: Path, *args: str | Path) -> str:
    done = subprocess.run(["git", *map(str, args)], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(checkout: Path, files: dict[str, str]) -> str:
    """Commit these files, and return the commit."""
    for name, text in files.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text)
    git(checkout, "add", "--force", "--", *files)
    git(checkout, "commit", "-q", "--allow-empty", "-m", "more")
    return git(checkout, "rev-parse", "HEAD")


@dataclass
class Shop:
    """A repository, and the messages about it."""

    path: Path
    settings: Settings
    store: Store
    messages: list[str] = field(default_factory=list)

    def create(self, name: str = "x", cwd: Path | None = None) -> Path:
        cwd = cwd or self.path
        return create.create(name, cwd=cwd, settings=self.settings, store=self.store, say=self.messages.append)

    def post_create(self, cwd: Path) -> None:
        provision.post_create(cwd=cwd, settings=self.settings, store=self.store, say=self.messages.append)

    def remove(self, path: Path, *, force: bool = False) -> None:
        remove.remove(path, force=force, routers=(), say=self.messages.append)

    def commit(self, **files: str) -> str:
        return commit(self.path, files)

    @property
    def left(self) -> tuple[list[str], list[str], bool]:
        """Branches, worktrees and whether the directory of worktrees exists."""
        branches = git(self.path, "for-each-ref", "--format=%(refname)", "refs/heads").splitlines()
        worktrees = git(self.path, "worktree", "list", "--porcelain").split("\n\n")
        return branches, [w.splitlines()[0] for w in worktrees], (self.path / ".claude" / "worktrees").exists()

"""Repositories of real git for the tests of what is observed, and the ways to spoil them."""

import os
import subprocess
from pathlib import Path

from router.model import Worktree
from router.observe import git, git_worktrees


def run(place: Path, *args: str | bytes) -> str:
    done = subprocess.run(["git", *args], cwd=place, capture_output=True, check=True)
    return os.fsdecode(done.stdout)


def make(path: Path) -> Path:
    """Make a repository with one commit; return its path."""
    path.mkdir(parents=True)
    run(path, "init", "-q")
    run(path, "commit", "-q", "--allow-empty", "-m", "first")
    return path


def added(shop: Path, branch: str, name: str | bytes | None = None) -> Path:
    """Add a worktree beside the repository and return its path."""
    path = shop.parent / os.fsdecode(name or branch.replace("/", "-"))
    run(shop, "worktree", "add", "-q", "-b", branch, path)
    return path


def found(shop: Path, **rest: float) -> dict[str, Worktree]:
    """Return the worktrees by the name of their directory."""
    return {Path(w.path).name: w for w in git_worktrees.worktrees(git.common_dir(shop), **rest).worktrees}


def made(shop: Path, **rest: float) -> list[str]:
    """Return the names of those that git is not at work on."""
    return [name for name, tree in found(shop, **rest).items() if tree.made]


def admin(shop: Path, name: str) -> Path:
    return shop / ".git" / "worktrees" / name


def after(shop: Path, name: str, seconds: float) -> float:
    """Return the time so many seconds after git made a worktree."""
    return (admin(shop, name) / "commondir").stat().st_mtime + seconds


def fake_git(tmp_path: Path, script: str) -> None:
    """Put a shell script in the place of git, into a directory for PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bin" / "git").chmod(0o755)

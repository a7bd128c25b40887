"""Two repositories whose worktrees got every kind of name and port, made in one way for a recording and its replay."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PORT = 8083
_ROUTER_TOML = """
callback_paths = ["/signin-oidc"]

[services.web]
[services.docs]
env = ["DOCS_PORT"]
ports = "free"
base = 9000
[services.admin]
env = ["ADMIN_PORT"]
ports = "index"
base = 7100

[worktrees."chore/rename-me"]
name = "renamed"

[env]
DATABASE_URL = "postgres://demo@localhost/{{ DATABASE_NAME }}"
METRICS_PORT = "{{ 9100 + index }}"
"""


@dataclass(frozen=True)
class Planted:
    """A worktree to make: `folder` is where git puts it, `moved` where it is moved to, `files` what stands in it.

    `found` is the port of a server that ran there during the recording. A worktree that is `gone` was removed before
    the recording ended: what it had is nobody's, and what the others were given beside it stays.
    """

    repository: str
    branch: str | None
    folder: str
    moved: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    found: int | None = None
    gone: bool = False


WORKTREES = (
    Planted("shop", "feature/x", "shop.feature-x"),
    Planted("shop", "feature-x", "shop.other-x"),  # the label of the one before is taken
    Planted("shop", "fix/login", "shop.fix-login", gone=True),
    Planted("shop", "fix-login", "shop.fix-login-2"),  # keeps its suffix though the label is free again
    Planted("shop", "topic-30", "shop.topic-30", gone=True),
    Planted("shop", "topic-41", "shop.topic-41"),  # has the hash port of the one before: see COLLIDING
    Planted("shop", "feature/declared", "shop.declared", files={".env.local": "PORT=4107\nBACKEND_PORT=4108\n"}),
    Planted("shop", "feature/mise", "shop.mise", files={".mise.local.toml": '[env]\nFRONTEND_PORT = "4207"\n'}),
    Planted("shop", "feature/found", "shop.found", found=4173),
    Planted("shop", "chore/rename-me", "shop.rename-me"),  # named by router.toml
    Planted("shop", "moved", "shop.before", moved="shop.after"),  # its alias follows its directory
    Planted("shop", None, "shop.detached"),
    Planted("blog", "feature/x", "blog.feature-x"),  # another repository has the label
    Planted("blog", "draft", "drafts"),
)
COLLIDING = ("topic-30", "topic-41")


def make(directory: Path, *, gone: bool) -> None:
    """Make the repositories `shop` and `blog` in a directory; the worktrees that are gone only where asked for."""
    for name in ("shop", "blog"):
        _repository(directory / name)
    for each in WORKTREES:
        if gone or not each.gone:
            _worktree(directory, each)


def remove_gone(directory: Path) -> None:
    """Remove the worktrees that are gone when the recording ends."""
    for each in WORKTREES:
        if each.gone:
            _git(directory / each.repository, "worktree", "remove", "--force", str(directory / each.folder))


def move(directory: Path) -> None:
    """Move the worktrees that were routed where they were made, and are elsewhere when the recording ends."""
    for each in WORKTREES:
        if each.moved:
            source, target = directory / each.folder, directory / each.moved
            _git(directory / each.repository, "worktree", "move", str(source), str(target))


def checkouts(directory: Path) -> list[Path]:
    """Return every worktree that is there when the recording ends, the main checkouts first."""
    linked = [directory / (each.moved or each.folder) for each in WORKTREES if not each.gone]
    return [directory / "shop", directory / "blog", *linked]


def _repository(path: Path) -> None:
    path.mkdir()
    _git(path, "init", "--quiet", "--initial-branch=main")
    if path.name == "shop":
        (path / "router.toml").write_text(_ROUTER_TOML)
    (path / ".gitignore").write_text(".env.local\n.mise.local.toml\n")
    _git(path, "add", ".")
    _git(path, "commit", "--quiet", "--message=first")


def _worktree(directory: Path, planted: Planted) -> None:
    path = directory / planted.folder
    how = ["-b", planted.branch, str(path)] if planted.branch else ["--detach", str(path)]
    _git(directory / planted.repository, "worktree", "add", "--quiet", *how)
    for name, text in planted.files.items():
        (path / name).write_text(text)


def _git(cwd: Path, *arguments: str) -> None:
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
           for key, value in (("NAME", "Somebody"), ("EMAIL", "somebody@example.org"))}  # fmt: skip
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env = {**kept, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *arguments], cwd=cwd, env=env, check=True, capture_output=True)

"""The entry in a new worktree's `.claude/launch.json` that shows this worktree in Claude Code's preview."""

import json
from collections.abc import Callable
from pathlib import Path

from router import files, jsonc
from router.env import worktree_env
from router.errors import FileError, RouterError
from router.observe.projects.claude import FILE, only_looks
from router.settings import Settings
from router.store import Store
from router.worktrees import checkout_files
from router.worktrees.git_commands import Checkout

_LARGEST = 1 << 18  # bytes


def write(checkout: Checkout, settings: Settings, store: Store, *, say: Callable[[str], None]) -> None:
    """Write the main checkout's launch.json into a worktree that has none of its own, with the worktree's own URL.

    That is done where `router init claude` wrote an entry there and git ignores the file. FileError where it cannot be
    written.
    """
    target = checkout.root / FILE
    of_main = _text(checkout.main / FILE)
    document = jsonc.read(of_main)
    entries = document.get("configurations")
    own = [each for each in entries if isinstance(each, dict) and only_looks(each)] if isinstance(entries, list) else []
    if not own or (target.exists() and _text(target) != of_main) or not checkout_files.ignored(checkout.root, [FILE]):
        return
    try:
        url = worktree_env.resolve(settings, store, cwd=checkout.root).environment.urls["web"]
    except (RouterError, KeyError):  # a hidden worktree has no URL to show
        return
    own[0]["url"] = url
    try:
        target.parent.mkdir(exist_ok=True)
    except OSError as exc:
        raise FileError(f"{target.parent} cannot be created: {exc.strerror}", hint="see what is there") from exc
    files.write(target, json.dumps(document, indent=2) + "\n")
    say(f"wrote this worktree's address into {FILE}")


def _text(path: Path) -> str | None:
    try:
        content = files.read_bounded(path, limit=_LARGEST, follow_links=False)
    except FileError:
        return None
    return None if content is None else content.decode("utf-8-sig", "replace")

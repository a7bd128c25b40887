"""What Claude Code needs so that the router makes its worktrees: two hooks, and what those replace in `router.toml`."""

import contextlib
import json
from typing import Any

from router.errors import FileError
from router.observe.projects.claude import FILE as LAUNCH
from router.paths import path_inside
from router.text import shown
from router.tools import json_edit, skill, toml_edit
from router.tools.edited import CREATE, POST_CREATE, REMOVE, Edited, Facts, changed, ignoring
from router.tools.preview import preview

SETTINGS, LOCAL, ROUTER = ".claude/settings.json", ".claude/settings.local.json", "router.toml"
FILES = (SETTINGS, LOCAL, LAUNCH, ROUTER, skill.SKILL_FILE, ".gitignore")
_TIMEOUT = 600  # seconds, for the checkout of a large repository and a copy of its dependencies


def claude(edited: Edited, facts: Facts) -> Edited:
    """Return the texts with the hooks in the project's settings, and in `router.toml` what Claude Code did by itself.

    A WorktreeCreate hook takes the place of its own creation of worktrees, with `worktree.symlinkDirectories`,
    `worktree.sparsePaths` and `worktree.baseRef` (its documentation, "Settings").
    """
    notes = []
    for path, text in ((LOCAL, edited.text(LOCAL)), facts.claude):
        found = _hooks_of(text).get("WorktreeCreate")
        if found and CREATE in str(found):
            notes.append(f"{shown(path)} has the router's hook already: a second one would create each worktree twice")
        elif found:
            raise FileError(
                f"{SETTINGS} is not changed: {shown(path)} has a WorktreeCreate hook, and both would create a worktree",
                hint=f"remove that hook, or let it run `{POST_CREATE}` in the worktrees that it creates",
            )
    setup = _setup(edited.text(LOCAL), edited.text(SETTINGS), facts.claude[1])
    if not notes:
        edited = changed(edited, SETTINGS, _with_claude_hooks)
    if setup:
        edited = changed(edited, ROUTER, lambda text: toml_edit.with_lists(text, "setup", setup))
    links = dict.fromkeys((*facts.links, *setup.get("link", ())))
    ignored = ("/.claude/worktrees/", "/.env.local", *(f"/{path}" for path in links))
    edited = skill.skill(ignoring(edited.with_notes(notes), *ignored))
    return preview(edited, url=facts.url, committed=LAUNCH in facts.committed)


def _setup(*texts: str) -> dict[str, Any]:
    """Return what settings say of new worktrees as keys of `[setup]`; lists of several files are one."""
    found: dict[str, Any] = {}
    for text in texts:
        worktree = _document(text).get("worktree")
        if not isinstance(worktree, dict):
            continue
        for key, name in (("symlinkDirectories", "link"), ("sparsePaths", "sparse")):
            if paths := _paths(worktree.get(key)):
                found[name] = [*dict.fromkeys((*found.get(name, ()), *paths))]
        if worktree.get("baseRef") == "fresh":
            found["fetch"] = True
    return found


def _paths(value: Any) -> list[str]:
    """Return those of some paths that `router.toml` may name too: below the checkout."""
    found = []
    for path in value if isinstance(value, list) else ():
        with contextlib.suppress(ValueError):
            found += [path_inside(path.removeprefix("./"))] if isinstance(path, str) else []
    return found


def _hooks_of(text: str) -> dict[str, Any]:
    hooks = _document(text).get("hooks")
    return hooks if isinstance(hooks, dict) else {}


def _document(text: str) -> dict[str, Any]:
    """Return settings as plain values; what is no JSON object says nothing here."""
    try:
        document = json.loads(text.removeprefix("\ufeff") or "{}")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _with_claude_hooks(text: str) -> str:
    wanted = {"WorktreeCreate": CREATE, "WorktreeRemove": REMOVE}
    if not text.strip():
        text = "{}\n"
    for event, command in wanted.items():
        entry = {"hooks": [{"type": "command", "command": command, "timeout": _TIMEOUT}]}
        root = json_edit.read(text)
        hooks = root.member("hooks")
        if hooks is None:
            text = json_edit.with_member(text, root, "hooks", {event: [entry]})
            continue
        if not isinstance(hooks.value, dict):
            raise FileError("`hooks` in it is no object", hint="fix it")
        text = _with_event(text, json_edit.object_at(text, hooks.start), event, entry, command)
    return text


def _with_event(text: str, hooks: json_edit.ObjectSpan, event: str, entry: dict[str, Any], command: str) -> str:
    member = hooks.member(event)
    if member is None:
        return json_edit.with_member(text, hooks, event, [entry])
    if not isinstance(member.value, list):
        raise FileError(f"`{event}` in it is no list", hint="fix it")
    if command in str(member.value):
        return text
    if member.value and event == "WorktreeCreate":  # each of them would create a worktree
        raise FileError(
            f"it has a {event} hook already",
            hint=f"remove that hook, or let it run `{POST_CREATE}` in the worktrees that it creates",
        )
    return json_edit.with_item(text, member, entry)

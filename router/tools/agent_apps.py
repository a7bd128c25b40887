"""Conductor, Cursor and Codex: each runs the router's hook in a new worktree, beside what it ran there before."""

from collections.abc import Sequence

from router.errors import FileError
from router.observe.projects.agents import CODEX, CONDUCTOR, CONDUCTOR_JSON, CURSOR
from router.observe.projects.said import Shared
from router.observe.projects.setup import said
from router.tools import json_edit, toml_edit
from router.tools.edited import POST_CREATE, Edited, Facts, changed, ignoring

CONDUCTOR_FILES = (CONDUCTOR, CONDUCTOR_JSON, ".gitignore")
CURSOR_FILES = (CURSOR, ".gitignore")
CODEX_FILES = (CODEX, ".gitignore")


def conductor(edited: Edited, _: Facts) -> Edited:
    """Return the texts with the hook in Conductor's setup script, in the older of its files if that alone is there."""
    if edited.texts.get(CONDUCTOR) is None and edited.texts.get(CONDUCTOR_JSON) is not None:
        edited = changed(edited, CONDUCTOR_JSON, _in_conductor_json)
    else:
        edited = changed(edited, CONDUCTOR, lambda text: _in_toml(text, "scripts", "setup"))
    return ignoring(edited, "/.env.local")


def cursor(edited: Edited, _: Facts) -> Edited:
    """Return the texts with the hook among the commands that Cursor runs in a new worktree."""
    notes: list[str] = []

    def edit(text: str) -> str:
        root = json_edit.read(text or "{}\n")
        key = next((each for each in ("setup-worktree-unix", "setup-worktree") if root.member(each)), "")
        member = root.member(key) if key else None
        if member is None:
            return json_edit.with_member(text or "{}\n", root, "setup-worktree", [POST_CREATE])
        if isinstance(member.value, str):
            if member.value != POST_CREATE:
                notes.append(f"{CURSOR} runs the script {member.value!r}: write `{POST_CREATE}` into it")
            return text
        if not isinstance(member.value, list) or not all(isinstance(each, str) for each in member.value):
            raise FileError(f"`{key}` in it is no list of commands", hint="fix it")
        wanted = _with_hook(member.value)
        return text if wanted == member.value else json_edit.with_value(text, member, wanted)

    return ignoring(changed(edited, CURSOR, edit).with_notes(notes), "/.env.local")


def codex(edited: Edited, facts: Facts) -> Edited:
    """Return the texts with the hook in the setup script of Codex's environment."""

    def edit(text: str) -> str:
        head = text or f"version = 1\nname = {toml_edit.quoted(facts.repository)}\n"
        return _in_toml(head, "setup", "script")

    return ignoring(changed(edited, CODEX, edit), "/.env.local")


def _in_conductor_json(text: str) -> str:
    root = json_edit.read(text)
    scripts = root.member("scripts")
    if scripts is None:
        return json_edit.with_member(text, root, "scripts", {"setup": POST_CREATE})
    if not isinstance(scripts.value, dict):
        raise FileError("`scripts` in it is no object", hint="fix it")
    span = json_edit.object_at(text, scripts.start)
    setup = span.member("setup")
    if setup is None:
        return json_edit.with_member(text, span, "setup", POST_CREATE)
    if not isinstance(setup.value, str):
        raise FileError("`setup` in it is no command", hint="fix it")
    wanted = _in_script(setup.value)
    return text if wanted == setup.value else json_edit.with_value(text, setup, wanted)


def _in_toml(text: str, table: str, key: str) -> str:
    found = toml_edit.plain(text).get(table, {})
    script = found.get(key) if isinstance(found, dict) else None
    if script is None:
        return toml_edit.with_key(text, table, key, POST_CREATE)
    if not isinstance(script, str):
        raise FileError(f"`{key}` in it is no script", hint="fix it")
    wanted = _in_script(script)
    return text if wanted == script else toml_edit.with_text(text, table, key, wanted)


def _in_script(script: str) -> str:
    """Return a script that runs the hook: a line more, or for one of a single line a command more."""
    if "\n" not in script or not script.strip():
        return " && ".join(each for each in _with_hook([script.strip()]) if each)
    lines = script.split("\n")
    first = next(place for place, line in enumerate(lines) if line.strip() and not line.startswith("#!"))
    return "\n".join([*lines[:first], *_with_hook(lines[first:])])


def _with_hook(commands: Sequence[str]) -> list[str]:
    """Return commands with the router's among them: before all others, which may need the environment that it writes.

    It stands behind those that copy files from the main checkout: they would replace the env files that it writes into.
    """
    if any(POST_CREATE in command for command in commands):
        return [*commands]
    copies = (place for place, each in enumerate(commands) if _copies(each))
    place = max(copies, default=-1) + 1
    return [*commands[:place], POST_CREATE, *commands[place:]]


def _copies(command: str) -> bool:
    return any(isinstance(each, Shared) for each in said([command.strip()], file="", text=""))

"""What each tool's files are to say so that every worktree gets its own: texts in, texts out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from fnmatch import fnmatch
from typing import Any

from router.blocks import HASH, HTML, parts, with_block
from router.errors import BlockError, FileError
from router.naming import origin
from router.observe.envfiles import MISE_PROJECT_FILES
from router.tools import json_edit, toml_edit
from router.tools.texts import AGENTS, DIRENV, MISE, WORKTRUNK

CREATE, REMOVE, POST_CREATE = (f"router hook {name}" for name in ("worktree-create", "worktree-remove", "post-create"))
_TIMEOUT = 600  # seconds: a large repository is checked out and its dependencies are copied


@dataclass(frozen=True, slots=True)
class Facts:
    """What the texts depend on: the router's port, its redirect URI, and what `[setup]` links into worktrees."""

    port: int
    redirect_uri: str
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A file of the checkout, its text before (None: there is none) and after."""

    path: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Edited:
    """The texts of a checkout's files as they are to be, None where there is none, and what to tell of them."""

    texts: Mapping[str, str | None]
    notes: tuple[str, ...] = ()

    def text(self, path: str) -> str:
        """The text of a file, empty where there is none."""
        return self.texts.get(path) or ""

    def but(self, path: str, text: str, *notes: str) -> "Edited":
        """The same with another text."""
        return replace(self, texts={**self.texts, path: text}, notes=self.notes + notes)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: the files it looks at, and how their texts change."""

    files: tuple[str, ...]
    edit: Callable[[Edited, Facts], Edited] = field(repr=False)


def changes(
    tools: tuple[str, ...], texts: Mapping[str, str | None], facts: Facts
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Return what changes where these tools are set up, sorted by path, and notes on what was left.

    `texts` has the files that the tools look at. FileError or BlockError names the file that cannot be changed.
    """
    edited = Edited(texts)
    for tool in tools:
        edited = TOOLS[tool].edit(edited, facts)
    found = [Change(path, texts.get(path), text) for path, text in sorted(edited.texts.items()) if text is not None]
    return tuple(change for change in found if change.after != change.before), edited.notes


def diff(change: Change) -> str:
    """Return a change as a unified diff."""
    before, after = (_lines(text) for text in (change.before or "", change.after))
    old = f"a/{change.path}" if change.before is not None else "/dev/null"
    said = unified_diff(before, after, old, f"b/{change.path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in said)


def _mise(edited: Edited, facts: Facts) -> Edited:
    path = next((name for name in MISE_PROJECT_FILES if edited.texts.get(name) is not None), MISE_PROJECT_FILES[0])

    def edit(text: str) -> str:
        if not text:
            return MISE.format(redirect_uri=toml_edit.quoted(facts.redirect_uri))
        there = toml_edit.plain(text).get("env")
        if isinstance(there, dict) and "OAUTH_REDIRECT_URI" in there:
            return text
        return toml_edit.with_key(text, "env", "OAUTH_REDIRECT_URI", facts.redirect_uri)

    return _ignoring(_changed(edited, path, edit), "/.mise.local.toml", "/.env.local")


def _worktrunk(edited: Edited, facts: Facts) -> Edited:
    path = ".config/wt.toml"
    url = origin("{{ branch | sanitize | lower | replace('_', '-') | replace('.', '-') }}.localhost", facts.port)
    notes: list[str] = []

    def edit(text: str) -> str:
        if not text:
            return WORKTRUNK.format(command=toml_edit.quoted(POST_CREATE), url=toml_edit.quoted(url))
        text = _with_hook(text)
        there = toml_edit.plain(text).get("list", {})
        if not isinstance(there, dict) or "url" not in there:
            return toml_edit.with_key(text, "list", "url", url)
        if there["url"] != url:
            notes.append(f"{path} has a `[list] url` of its own, which stays; the router's is {url}")
        return text

    edited = _changed(edited, path, edit)
    return _ignoring(replace(edited, notes=edited.notes + tuple(notes)), "/.env.local")


def _with_hook(text: str) -> str:
    """Return a `wt.toml` whose worktrees are given their own when they are made, before anything else may start."""
    document = toml_edit.plain(text)
    names = ("pre-start", "pre-create", "post-start", "post-create")  # the second and fourth are older names
    if any(POST_CREATE in str(document.get(name, "")) for name in names):
        return text
    name = "pre-create" if "pre-create" in document else "pre-start"
    there = document.get(name)
    if isinstance(there, dict):
        return toml_edit.with_key(text, name, "router", POST_CREATE)
    if isinstance(there, str):  # one command: it becomes the second step
        steps = [{"router": POST_CREATE}, {"command": there}]
        return toml_edit.with_value(text, name, steps)
    return toml_edit.with_block(text, name, {"router": POST_CREATE})


def _claude(edited: Edited, facts: Facts) -> Edited:
    edited = _changed(edited, ".claude/settings.json", _with_claude_hooks)
    return _ignoring(edited, "/.claude/worktrees/", "/.env.local", *(f"/{path}" for path in facts.links))


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
            raise FileError("`hooks` in it is no object", hint="mend it")
        text = _with_event(text, json_edit.object_at(text, hooks.start), event, entry, command)
    return text


def _with_event(text: str, hooks: json_edit.ObjectSpan, event: str, entry: dict[str, Any], command: str) -> str:
    there = hooks.member(event)
    if there is None:
        return json_edit.with_member(text, hooks, event, [entry])
    if not isinstance(there.value, list):
        raise FileError(f"`{event}` in it is no list", hint="mend it")
    if command in str(there.value):
        return text
    if there.value and event == "WorktreeCreate":  # each of them would make a worktree
        raise FileError(
            f"it has a {event} hook already", hint=f"remove that, or let it run `{POST_CREATE}` in what it makes"
        )
    return json_edit.with_item(text, there, entry)


def _direnv(edited: Edited, _: Facts) -> Edited:
    edited = _changed(edited, ".envrc", lambda text: with_block(text, DIRENV, maker="router init direnv"))
    return _ignoring(edited, "/.env.local")


def _agents(edited: Edited, _: Facts) -> Edited:
    for path in ("AGENTS.md", "CLAUDE.md"):
        if path not in edited.texts:
            continue
        if path == "CLAUDE.md" and "@AGENTS.md" in edited.text(path).split():
            continue
        edited = _changed(edited, path, _with_section)
    return edited


def _with_section(text: str) -> str:
    if text and parts(text, HTML).block is None:  # an empty line in front, or it would belong to what is above
        text = f"{text}\n" if text.endswith("\n") else f"{text}\n\n"
    return with_block(text, AGENTS, maker="router init agents", comment=HTML)


def _ignoring(edited: Edited, *paths: str) -> Edited:
    """Return the texts with lines more in the block of `.gitignore`, but those that it has in other words."""

    def edit(text: str) -> str:
        there = parts(text)
        kept = (there.block or "").splitlines()
        around = f"{there.before}\n{there.after}"
        new = [path for path in paths if path not in kept and not _ignores(around, path)]
        block = "".join(f"{line}\n" for line in dict.fromkeys([*kept, *new]))
        return with_block(text, block, maker="router init", comment=HASH) if new else text

    return _changed(edited, ".gitignore", edit)


def _ignores(text: str, path: str) -> bool:
    """Tell whether one of these plain patterns ignores a path; where there are exceptions, none counts."""
    lines = [line.strip() for line in text.splitlines()]
    if any(line.startswith("!") for line in lines):
        return False
    directory = path.endswith("/")
    return any(
        fnmatch(path.strip("/"), line.strip("/"))
        for line in lines
        if line and not line.startswith("#") and (directory or not line.endswith("/"))
    )


def _changed(edited: Edited, path: str, edit: Callable[[str], str]) -> Edited:
    """Return the texts with one of them changed as text with plain line ends; a file of Windows' gets its own back."""
    text = edited.text(path)
    plain = text.replace("\r\n", "\n")
    windows = "\r\n" in text and plain.replace("\n", "\r\n") == text
    try:
        after = edit(plain if windows else text)
    except (FileError, BlockError) as exc:
        raise FileError(f"{path} is not changed: {exc.message}", hint=exc.hint) from exc
    after = after.replace("\n", "\r\n") if windows else after
    return edited if after == text else edited.but(path, after)


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.split("\n")[:-1]] + ([last] if (last := text.rpartition("\n")[2]) else [])


TOOLS: dict[str, Tool] = {
    "mise": Tool((*MISE_PROJECT_FILES, ".gitignore"), _mise),
    "worktrunk": Tool((".config/wt.toml", ".gitignore"), _worktrunk),
    "claude": Tool((".claude/settings.json", ".gitignore"), _claude),
    "direnv": Tool((".envrc", ".gitignore"), _direnv),
    "agents": Tool(("AGENTS.md", "CLAUDE.md"), _agents),
}

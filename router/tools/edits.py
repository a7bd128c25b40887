"""How the files of each tool change so that every worktree gets its own values: texts in, texts out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import unified_diff
from fnmatch import fnmatch
from typing import Any

from router.blocks import HASH, HTML, parts, with_block
from router.errors import BlockError, FileError
from router.naming import origin
from router.observe import mise
from router.tools import json_edit, toml_edit
from router.tools.texts import AGENTS, DIRENV, MISE, WORKTRUNK

CREATE, REMOVE, POST_CREATE = (f"router hook {name}" for name in ("worktree-create", "worktree-remove", "post-create"))
_TIMEOUT = 600  # seconds, for the checkout of a large repository and a copy of its dependencies


@dataclass(frozen=True, slots=True)
class Facts:
    """What the texts depend on: the router's port, its redirect URI, and the paths that `[setup]` links."""

    port: int
    redirect_uri: str
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A file of the checkout, its text before (None where it does not exist) and after."""

    path: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Edited:
    """The texts of a checkout's files after the edits so far, None where there is no file, and notes on them."""

    texts: Mapping[str, str | None]
    notes: tuple[str, ...] = ()

    def text(self, path: str) -> str:
        """Return the text of a file, empty where there is none."""
        return self.texts.get(path) or ""

    def with_text(self, path: str, text: str) -> "Edited":
        """Return these texts with another one for a file."""
        return replace(self, texts={**self.texts, path: text})

    def with_notes(self, notes: Iterable[str]) -> "Edited":
        """Return these texts with more notes."""
        return replace(self, notes=(*self.notes, *notes))


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: the files that it concerns, and how their texts change."""

    files: tuple[str, ...]
    edit: Callable[[Edited, Facts], Edited] = field(repr=False)


def changes(
    tools: tuple[str, ...], texts: Mapping[str, str | None], facts: Facts
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Return what changes where these tools are set up, sorted by path, and notes on what stays.

    `texts` has the files that the tools concern. FileError names the file that cannot be changed.
    """
    edited = Edited(texts)
    for tool in tools:
        edited = TOOLS[tool].edit(edited, facts)
    all_files = [Change(path, texts.get(path), text) for path, text in sorted(edited.texts.items()) if text is not None]
    return tuple(change for change in all_files if change.after != change.before), edited.notes


def diff(change: Change) -> str:
    """Return a change as a unified diff."""
    before, after = (_lines(text) for text in (change.before or "", change.after))
    old = f"a/{change.path}" if change.before is not None else "/dev/null"
    lines = unified_diff(before, after, old, f"b/{change.path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _mise(edited: Edited, facts: Facts) -> Edited:
    path = next((name for name in mise.PROJECT if edited.texts.get(name) is not None), "mise.toml")

    def edit(text: str) -> str:
        if not text:
            return MISE.format(redirect_uri=toml_edit.quoted(facts.redirect_uri))
        table = toml_edit.plain(text).get("env")
        if isinstance(table, dict) and "OAUTH_REDIRECT_URI" in table:
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
        table = toml_edit.plain(text).get("list", {})
        if not isinstance(table, dict) or "url" not in table:
            return toml_edit.with_key(text, "list", "url", url)
        if table["url"] != url:
            notes.append(f"{path} has a `[list] url` of its own, which stays; the router's is {url}")
        return text

    return _ignoring(_changed(edited, path, edit).with_notes(notes), "/.env.local")


def _with_hook(text: str) -> str:
    """Return a `wt.toml` that runs the router's hook in a new worktree before anything else starts in it."""
    document = toml_edit.plain(text)
    names = ("pre-start", "pre-create", "post-start", "post-create")  # the second and fourth are older names
    if any(POST_CREATE in str(document.get(name, "")) for name in names):
        return text
    name = "pre-create" if "pre-create" in document else "pre-start"
    hook = document.get(name)
    if isinstance(hook, dict):
        return toml_edit.with_key(text, name, "router", POST_CREATE)
    if isinstance(hook, str):  # one command: it becomes the second step
        steps = [{"router": POST_CREATE}, {"command": hook}]
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
    if text and parts(text, HTML).block is None:  # without an empty line it would belong to the text above
        text = f"{text}\n" if text.endswith("\n") else f"{text}\n\n"
    return with_block(text, AGENTS, maker="router init agents", comment=HTML)


def _ignoring(edited: Edited, *paths: str) -> Edited:
    """Return the texts with these paths in the block of `.gitignore`, unless other lines of it ignore them."""

    def edit(text: str) -> str:
        sections = parts(text)
        listed = (sections.block or "").splitlines()
        around = f"{sections.before}\n{sections.after}"
        new = [path for path in paths if path not in listed and not _ignores(around, path)]
        block = "".join(f"{line}\n" for line in dict.fromkeys([*listed, *new]))
        return with_block(text, block, maker="router init", comment=HASH) if new else text

    return _changed(edited, ".gitignore", edit)


def _ignores(text: str, path: str) -> bool:
    """Tell whether one of these plain patterns ignores a path; none counts if one is negated (`!`)."""
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
    """Return the texts with one edited. The edit sees `\\n` as line ends; a file with Windows line ends keeps them."""
    text = edited.text(path)
    plain = text.replace("\r\n", "\n")
    windows = "\r\n" in text and plain.replace("\n", "\r\n") == text
    try:
        after = edit(plain if windows else text)
    except (FileError, BlockError) as exc:
        raise FileError(f"{path} is not changed: {exc.message}", hint=exc.hint) from exc
    after = after.replace("\n", "\r\n") if windows else after
    return edited if after == text else edited.with_text(path, after)


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.split("\n")[:-1]] + ([last] if (last := text.rpartition("\n")[2]) else [])


TOOLS: dict[str, Tool] = {
    "mise": Tool((*mise.PROJECT, ".gitignore"), _mise),
    "worktrunk": Tool((".config/wt.toml", ".gitignore"), _worktrunk),
    "claude": Tool((".claude/settings.json", ".gitignore"), _claude),
    "direnv": Tool((".envrc", ".gitignore"), _direnv),
    "agents": Tool(("AGENTS.md", "CLAUDE.md"), _agents),
}

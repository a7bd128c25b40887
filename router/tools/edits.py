"""How the files of each tool change so that every worktree gets its own values: texts in, texts out."""

from collections.abc import Callable, Mapping
from difflib import unified_diff

from router.blocks import with_block
from router.naming import origin
from router.observe import mise
from router.repository_file import FILE
from router.tools import agent_apps, claude, skill, toml_edit
from router.tools.edited import POST_CREATE, Change, Edited, Facts, changed, ignoring
from router.tools.resources.proposal import with_resources
from router.tools.texts import DIRENV, MISE, WORKTRUNK
from router.values import dataclass, field


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


def _mise(edited: Edited, _: Facts) -> Edited:
    if all(edited.texts.get(name) is None for name in mise.PROJECT):
        edited = changed(edited, "mise.toml", lambda _: MISE)
    return ignoring(edited, "/.mise.local.toml", "/.env.local")


def _worktrunk(edited: Edited, facts: Facts) -> Edited:
    path = ".config/wt.toml"
    url = origin("{{ branch | sanitize | lower | replace('_', '-') | replace('.', '-') }}.localhost", facts.port)
    notes: list[str] = []

    def edit(text: str) -> str:
        after = _with_hook(text) if text else WORKTRUNK.format(command=toml_edit.quoted(POST_CREATE))
        if after != text and "url" not in _table(after, "list"):
            notes.append(
                f'for the URLs in `wt list`; not written, as its port is this machine\'s: [list] url = "{url}"'
            )
        return after

    return ignoring(changed(edited, path, edit).with_notes(notes), "/.env.local")


def _table(text: str, name: str) -> Mapping[str, object]:
    table = toml_edit.plain(text).get(name)
    return table if isinstance(table, dict) else {}


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


def _direnv(edited: Edited, _: Facts) -> Edited:
    edited = changed(edited, ".envrc", lambda text: with_block(text, DIRENV, maker="router init direnv"))
    return ignoring(edited, "/.env.local")


def _resources(edited: Edited, facts: Facts) -> Edited:
    if not facts.resources:
        return edited
    return changed(edited, FILE, lambda text: with_resources(text, facts.resources))


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.split("\n")[:-1]] + ([last] if (last := text.rpartition("\n")[2]) else [])


TOOLS: dict[str, Tool] = {
    "mise": Tool((*mise.PROJECT, ".gitignore"), _mise),
    "worktrunk": Tool((".config/wt.toml", ".gitignore"), _worktrunk),
    "claude": Tool(claude.FILES, claude.claude),
    "conductor": Tool(agent_apps.CONDUCTOR_FILES, agent_apps.conductor),
    "cursor": Tool(agent_apps.CURSOR_FILES, agent_apps.cursor),
    "codex": Tool(agent_apps.CODEX_FILES, agent_apps.codex),
    "direnv": Tool((".envrc", ".gitignore"), _direnv),
    "resources": Tool((FILE,), _resources),
    "agents": Tool(skill.AGENTS_FILES, skill.agents),
}

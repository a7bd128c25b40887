"""Texts in, texts out: what a tool's file has of its own stays, byte for byte, and an edit is safe to repeat."""

import json
import re
import tomllib
from collections.abc import Mapping

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from router.blocks import HTML, parts
from router.cli.app import app
from router.errors import FileError
from router.tools.edited import CREATE, POST_CREATE, Change, Facts
from router.tools.edits import TOOLS, changes, diff
from router.tools.skill import SKILL_FILE
from tests.fuzz import SLOW

FACTS = Facts(8080, ("node_modules",))
URL = "http://{{ branch | sanitize | lower | replace('_', '-') | replace('.', '-') }}.localhost:8080"
TOLD = "for the URLs in `wt list`; not written, as its port is this machine's"
SETTINGS, WT = ".claude/settings.json", ".config/wt.toml"


def made(tool: str, texts: Mapping[str, str] | None = None, facts: Facts = FACTS) -> dict[str, str]:
    """Return the texts after a tool was set up, and see that doing it again changes nothing."""
    before: dict[str, str | None] = {**dict.fromkeys(TOOLS[tool].files), **(texts or {})}
    found, _ = changes((tool,), before, facts)
    after = {**before, **{change.path: change.after for change in found}}
    assert changes((tool,), after, facts)[0] == ()
    return {path: text for path, text in after.items() if text is not None}


def notes(tool: str, texts: Mapping[str, str] = {}) -> tuple[str, ...]:
    return changes((tool,), {**dict.fromkeys(TOOLS[tool].files), **texts}, FACTS)[1]


def inserted(before: str, after: str) -> bool:
    """Tell whether all of a text is still there, in order, line by line."""
    left = iter(after.splitlines())
    return all(any(line == other for other in left) for line in before.splitlines())


# Claude Code

WORKTREE = {"symlinkDirectories": ["node_modules", "web/.cache/"], "sparsePaths": ["apps/web"], "baseRef": "fresh"}


def test_what_claude_code_did_by_itself_goes_into_router_toml() -> None:
    texts = made("claude", {SETTINGS: json.dumps({"worktree": WORKTREE})})
    assert tomllib.loads(texts["router.toml"]) == {
        "setup": {"link": ["node_modules", "web/.cache"], "sparse": ["apps/web"], "fetch": True}
    }
    assert json.loads(texts[SETTINGS])["worktree"] == WORKTREE
    assert "/web/.cache" in texts[".gitignore"]


def test_what_router_toml_says_already_stays_in_front() -> None:
    before = '[setup]  # mine\nlink = [".venv"]\ncopy = ["a"]\n\n[env]\nA = "1"\n'
    texts = made("claude", {SETTINGS: json.dumps({"worktree": WORKTREE}), "router.toml": before})
    assert tomllib.loads(texts["router.toml"]) == {
        "setup": {
            "link": [".venv", "node_modules", "web/.cache"],
            "copy": ["a"],
            "sparse": ["apps/web"],
            "fetch": True,
        },
        "env": {"A": "1"},
    }
    assert "[setup]  # mine" in texts["router.toml"]


@pytest.mark.parametrize("worktree", [
    {}, {"baseRef": "head"}, {"symlinkDirectories": ["/etc", "../x", 1, ""]}, {"sparsePaths": "apps"}, [], None, "x",
])  # fmt: skip
def test_settings_that_say_nothing_of_use_leave_router_toml_alone(worktree: object) -> None:
    assert "router.toml" not in made("claude", {SETTINGS: json.dumps({"worktree": worktree})})


@pytest.mark.parametrize("place", [".claude/settings.local.json", "the user's"])
def test_a_hook_in_another_file_is_named(place: str) -> None:
    text = json.dumps({"hooks": {"WorktreeCreate": [{"hooks": [{"type": "command", "command": "make-worktree"}]}]}})
    facts = Facts(8080, (), ("/h/.claude/settings.json", text if place == "the user's" else ""))
    texts = {} if place == "the user's" else {place: text}
    named = "/h/.claude/settings.json" if place == "the user's" else place
    with pytest.raises(FileError, match=f"{named} has a WorktreeCreate hook, and both would create a worktree"):
        made("claude", texts, facts)


def test_where_the_user_has_the_routers_hook_the_project_gets_no_second_one() -> None:
    text = json.dumps({"hooks": {"WorktreeCreate": [{"hooks": [{"type": "command", "command": CREATE}]}]}})
    facts = Facts(8080, (), ("/h/.claude/settings.json", text))
    before: dict[str, str | None] = dict.fromkeys(TOOLS["claude"].files)
    found, said = changes(("claude",), before, facts)
    assert [change.path for change in found] == [SKILL_FILE, ".gitignore"]
    assert said == (
        "/h/.claude/settings.json has the router's hook already: a second one would create each worktree twice",
    )


def test_claude_gets_both_hooks_and_what_they_make_is_ignored() -> None:
    texts = made("claude")
    hooks = json.loads(texts[SETTINGS])["hooks"]
    assert {event: entry[0]["hooks"][0]["command"] for event, entry in hooks.items()} == {
        "WorktreeCreate": "router hook worktree-create",
        "WorktreeRemove": "router hook worktree-remove",
    }
    assert texts[".gitignore"].splitlines()[1:-1] == ["/.claude/worktrees/", "/.env.local", "/node_modules"]


ODD = '{\r\n\t"b" : 1 ,"a":[ 1,2 ],\r\n\t"hooks": {"Stop": [ ]}, "é": "\\u00e9"\r\n}'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{\n  "hooks": '),
        ('{"a": 1}', '{"a": 1, "hooks": {'),
        ('{\n    "a": 1\n}\n', '{\n    "a": 1,\n    "hooks": {\n        "WorktreeCreate": [\n            {'),
        ('{\n "hooks": {\n }\n}\n', '{\n "hooks": {\n  "WorktreeCreate": [\n   {\n'),
        ('\ufeff{"a": 1}', '\ufeff{"a": 1, "hooks": {'),
        (ODD, '{\r\n\t"b" : 1 ,"a":[ 1,2 ],\r\n\t"hooks": {"Stop": [ ], "WorktreeCreate": [{"hooks": [{"type"'),
    ],
)
def test_settings_keep_their_layout(before: str, after: str) -> None:
    assert made("claude", {SETTINGS: before})[SETTINGS].startswith(after)


def test_settings_with_other_hooks_keep_them() -> None:
    text = made("claude", {SETTINGS: ODD})[SETTINGS]
    assert text.endswith('}, "é": "\\u00e9"\r\n}')
    assert list(json.loads(text)) == ["b", "a", "hooks", "é"]


def test_another_hook_that_removes_stays_beside_ours() -> None:
    before = json.dumps({"hooks": {"WorktreeRemove": [{"hooks": [{"type": "command", "command": "mine"}]}]}}, indent=4)
    text = made("claude", {SETTINGS: before})[SETTINGS]
    assert [entry["hooks"][0]["command"] for entry in json.loads(text)["hooks"]["WorktreeRemove"]] == [
        "mine", "router hook worktree-remove",
    ]  # fmt: skip


def test_another_hook_that_makes_worktrees_is_an_error() -> None:
    before = json.dumps({"hooks": {"WorktreeCreate": [{"hooks": [{"type": "command", "command": "mine"}]}]}})
    with pytest.raises(FileError, match=r"\.claude/settings\.json is not changed: it has a WorktreeCreate hook"):
        made("claude", {SETTINGS: before})


def test_our_hook_with_a_path_in_front_is_ours() -> None:
    command = f"/opt/bin/{CREATE}"
    before = json.dumps({"hooks": {"WorktreeCreate": [{"hooks": [{"type": "command", "command": command}]}]}})
    assert CREATE not in made("claude", {SETTINGS: before})[SETTINGS].replace(command, "")


@pytest.mark.parametrize(
    "text",
    ['{\n  // mine\n  "a": 1\n}', '{"a": 1,}', "[]", "{} {}", '{"hooks": 1}', '{"hooks": {"WorktreeCreate": {}}}',
     "[" * 90_000, '{"hooks": {}, "hooks": {}}'],
)  # fmt: skip
def test_settings_that_are_no_plain_json_are_an_error(text: str) -> None:
    with pytest.raises(FileError, match=r"^\.claude/settings\.json is not changed: "):
        made("claude", {SETTINGS: text})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
layouts = st.sampled_from(
    [{"indent": None}, {"indent": 1}, {"indent": 4}, {"indent": "\t"}, {"separators": (",", ":")}]
)


@SLOW
@given(st.dictionaries(st.text(max_size=6), values, max_size=4), values, layouts, st.sampled_from(["\n", "\r\n"]))
def test_any_settings_say_what_they_said_and_the_hooks(
    rest: dict[str, object], other: object, layout: dict[str, object], end: str
) -> None:
    settings = {**rest, "hooks": {"Stop": other}}
    before = json.dumps(settings, **layout).replace("\n", end) + end  # type: ignore[arg-type]
    after = made("claude", {SETTINGS: before})[SETTINGS]
    hooks = {"Stop": other, **json.loads(made("claude")[SETTINGS])["hooks"]}
    assert json.loads(after) == {**settings, "hooks": hooks}
    assert "\r\n" not in after or "\n" not in after.replace("\r\n", "")


# Worktrunk


def test_worktrunk_gets_its_hook_in_block_form_and_its_url_is_told() -> None:
    assert tomllib.loads(made("worktrunk")[WT]) == {"pre-start": [{"router": POST_CREATE}]}
    assert notes("worktrunk") == (f'{TOLD}: [list] url = "{URL}"',)
    assert "8080" not in "".join(made("worktrunk").values())


@pytest.mark.parametrize(
    ("before", "start"),
    [
        ('# mine\npre-start = "npm ci"  # slow\n\n[list]\nfull = true # yes\n',
         [{"router": POST_CREATE}, {"command": "npm ci"}]),
        ('[pre-start]\n  a = "b" # c\n\n[post-start]\nx="y"', {"a": "b", "router": POST_CREATE}),
        ('[[pre-start]]\na = "b"\n\n# next\n[[pre-start]]\nc = "d"\n[merge]\nsquash=false\n',
         [{"a": "b"}, {"c": "d"}, {"router": POST_CREATE}]),
        ('pre-start = [{a = "b"}]\n', [{"a": "b"}, {"router": POST_CREATE}]),
        ("list.full = true\r\n# windows\r\n", [{"router": POST_CREATE}]),
        ("list = { full = true } # x", [{"router": POST_CREATE}]),
        ('[post-start] # only\n"q r" = "s"', [{"router": POST_CREATE}]),
    ],
)  # fmt: skip
def test_worktrunk_s_file_keeps_what_it_has(before: str, start: object) -> None:
    after = made("worktrunk", {WT: before})[WT]
    old, document = tomllib.loads(before), tomllib.loads(after)
    assert document.pop("pre-start") == start
    old.pop("pre-start", None)
    assert document == old
    for comment in ("# mine", "# slow", "# yes", "# c", "# next", "# windows", "# x", "# only"):
        assert (comment in before) == (comment in after)
    assert ("\r\n" in before) == ("\r\n" in after)
    unchanged = [line for line in before.splitlines() if "pre-start =" not in line and not line.startswith("list = {")]
    assert inserted("\n".join(unchanged), after)


def test_a_hook_or_a_url_of_the_user_s_own_stays() -> None:
    before = f'[post-create]\nx = "{POST_CREATE} # mine"\n[list]\nurl = "http://{{{{ branch | hash_port }}}}"\n'
    assert made("worktrunk", {WT: before})[WT] == before
    assert notes("worktrunk", {WT: before}) == ()


def test_the_older_name_of_a_hook_is_kept_where_it_is_used() -> None:
    document = tomllib.loads(made("worktrunk", {WT: '[pre-create]\na = "b"\n'})[WT])
    assert document["pre-create"] == {"a": "b", "router": POST_CREATE}
    assert "pre-start" not in document


@pytest.mark.parametrize("text", ["a = ", "[list]\n[list]\n", "pre-start = 1\n", "a" + ".a" * 200])
def test_a_toml_file_that_cannot_be_changed_is_an_error(text: str) -> None:
    with pytest.raises(FileError, match=r"^\.config/wt\.toml is not changed: "):
        made("worktrunk", {WT: text})


# mise


def test_mise_gets_a_file_that_says_it_is_used_and_each_worktree_s_own_is_ignored() -> None:
    texts = made("mise")
    assert tomllib.loads(texts["mise.toml"]) == {}
    assert "/.mise.local.toml\n" in texts[".gitignore"]


@pytest.mark.parametrize("name", ["mise.toml", ".mise.toml", ".config/mise.toml"])
def test_mise_s_own_file_stays_as_it_is(name: str) -> None:
    before = '[env]\nOAUTH_REDIRECT_URI = "https://x.example"\n'
    texts = made("mise", {name: before})
    assert (set(texts), texts[name]) == ({name, ".gitignore"}, before)


# direnv, agents, .gitignore


def test_direnv_asks_router_env_in_a_block_of_its_own() -> None:
    text = made("direnv", {".envrc": "use node"})[".envrc"]
    assert text.startswith("use node\n# >>> worktree-router >>>")
    assert 'eval "$(router env)"' in text


def test_agents_get_a_section_in_both_files() -> None:
    texts = made("agents", {"AGENTS.md": "# Rules\r\n\r\nBe kind.\r\n", "CLAUDE.md": "Hello"})
    assert texts["AGENTS.md"].startswith("# Rules\r\n\r\nBe kind.\r\n\r\n<!-- >>> worktree-router >>>")
    assert texts["AGENTS.md"].count("\n") == texts["AGENTS.md"].count("\r\n")
    assert texts["CLAUDE.md"].startswith("Hello\n\n<!-- >>>")


def test_the_skill_of_claude_code_has_what_the_section_has_and_keeps_what_is_its_own() -> None:
    path = SKILL_FILE
    text = made("claude")[path]
    head, block = text.split("---\n")[1], parts(text, HTML).block
    assert yaml.safe_load(head).keys() == {"name", "description"}
    assert block == parts(made("agents", {"AGENTS.md": ""})["AGENTS.md"], HTML).block
    own = text.replace("description: ", "description: Ours. ") + "\nOurs.\n"
    assert made("claude", {path: own})[path] == own


def test_every_command_that_agents_are_told_of_is_there() -> None:
    named = set(re.findall(r"`router ([a-z]+)", made("agents", {"AGENTS.md": ""})["AGENTS.md"]))
    assert {"url", "env", "logs", "start", "stop", "whose", "curl"} <= named <= set(get_command(app).commands)


def test_a_file_that_includes_the_other_is_left() -> None:
    assert made("agents", {"CLAUDE.md": "@AGENTS.md\n"})["CLAUDE.md"] == "@AGENTS.md\n"


@pytest.mark.parametrize(
    ("before", "added"),
    [
        ("", ["/.claude/worktrees/", "/.env.local", "/node_modules"]),
        ("node_modules/\n.claude/worktrees\n*.local\n", ["/node_modules"]),
        (".env*\n!.env.example\n/node_modules", ["/.claude/worktrees/", "/.env.local", "/node_modules"]),
        ("# .env.local\n", ["/.claude/worktrees/", "/.env.local", "/node_modules"]),
    ],
)
def test_only_what_is_not_ignored_yet_is_added(before: str, added: list[str]) -> None:
    text = made("claude", {".gitignore": before})[".gitignore"]
    assert text.startswith(before)
    assert parts(text).block == "".join(f"{line}\n" for line in added)


def test_tools_share_one_block_of_gitignore() -> None:
    texts: dict[str, str | None] = dict.fromkeys(path for tool in TOOLS.values() for path in tool.files)
    found, _ = changes(tuple(TOOLS), texts, FACTS)
    ignored = next(change.after for change in found if change.path == ".gitignore")
    assert ignored.splitlines()[1:-1] == ["/.mise.local.toml", "/.env.local", "/.claude/worktrees/", "/node_modules"]


def test_damaged_marks_are_an_error_that_names_the_file() -> None:
    with pytest.raises(FileError, match=r"^\.envrc is not changed: .* damaged"):
        made("direnv", {".envrc": "# >>> worktree-router >>> x\n"})


# The diff


def test_a_diff_can_be_applied_by_patch() -> None:
    assert diff(Change("a b", None, "x\n")) == "--- /dev/null\n+++ b/a b\n@@ -0,0 +1 @@\n+x\n"
    assert diff(Change("f", "x", "x\ny")) == (
        "--- a/f\n+++ b/f\n@@ -1 +1,2 @@\n-x\n\\ No newline at end of file\n+x\n+y\n\\ No newline at end of file\n"
    )

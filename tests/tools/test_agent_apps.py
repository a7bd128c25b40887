"""Conductor, Cursor, Codex and Claude Code's preview: beside what is there, and no address in what is committed."""

import json
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from router import jsonc
from router.errors import FileError
from router.tools import init
from router.tools.edited import POST_CREATE
from tests.tools.test_edits import FACTS, inserted, made, notes
from tests.tools.test_init import repository

CONDUCTOR, OLDER = ".conductor/settings.toml", "conductor.json"
CURSOR, CODEX, LAUNCH = ".cursor/worktrees.json", ".codex/environments/environment.toml", ".claude/launch.json"
URL = "http://x.localhost:8080"


def test_each_tool_gets_a_file_that_runs_the_hook_where_it_has_none() -> None:
    assert tomllib.loads(made("conductor")[CONDUCTOR]) == {"scripts": {"setup": POST_CREATE}}
    assert json.loads(made("cursor")[CURSOR]) == {"setup-worktree": [POST_CREATE]}
    made_for_codex = tomllib.loads(made("codex", facts=replace(FACTS, repository="shop"))[CODEX])
    assert made_for_codex == {"version": 1, "name": "shop", "setup": {"script": POST_CREATE}}
    for tool in ("conductor", "cursor", "codex"):
        assert "/.env.local\n" in made(tool)[".gitignore"]


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("npm ci", f"{POST_CREATE} && npm ci"),
        ("cp $CONDUCTOR_ROOT_PATH/.env .env", f"cp $CONDUCTOR_ROOT_PATH/.env .env && {POST_CREATE}"),
        ("\nnpm ci\nmake\n", f"\n{POST_CREATE}\nnpm ci\nmake\n"),
        ("#!/bin/sh\nset -e\ncp $CONDUCTOR_ROOT_PATH/.env .env\nnpm ci\n",
         f"#!/bin/sh\nset -e\ncp $CONDUCTOR_ROOT_PATH/.env .env\n{POST_CREATE}\nnpm ci\n"),
        (f"make && {POST_CREATE}", f"make && {POST_CREATE}"),
        ("", POST_CREATE),
    ],
)  # fmt: skip
def test_the_hook_comes_first_but_for_files_that_are_copied(script: str, wanted: str) -> None:
    there = {"scripts": {"setup": script, "run": "npm run dev"}, "runScriptMode": "nonconcurrent"}
    before = json.dumps(there, indent=4)
    after = made("conductor", {OLDER: before})
    assert CONDUCTOR not in after
    assert json.loads(after[OLDER]) == {
        "scripts": {"setup": wanted, "run": "npm run dev"}, "runScriptMode": "nonconcurrent",
    }  # fmt: skip
    toml = f"# ours\n[scripts] # all\nsetup = {json.dumps(script)}\n[tasks.Run]\ncommand = 'x'\n"
    changed = made("conductor", {CONDUCTOR: toml, OLDER: before})
    assert tomllib.loads(changed[CONDUCTOR])["scripts"]["setup"] == wanted
    assert changed[OLDER] == before
    assert "# ours\n[scripts] # all\n" in changed[CONDUCTOR]


@pytest.mark.parametrize("quotes", ["'''", '"""'])
def test_a_script_of_several_lines_gets_one_more(quotes: str) -> None:
    script = f"script = {quotes}\nuv sync\n{quotes}\n"
    before = f'version = 1\nname = "a" # mine\n\n[setup]\n{script}\n[cleanup]\nscript = "x"\n'
    after = made("codex", {CODEX: before})[CODEX]
    assert inserted(before, after)
    assert f"script = {quotes}\n{POST_CREATE}\nuv sync\n{quotes}\n" in after


def test_commands_of_cursor_stay_in_their_order_and_lines() -> None:
    commands = '        "cp $ROOT_WORKTREE_PATH/.env .env",\n        "npm ci"\n'
    before = f'{{\n    "setup-worktree-unix": [\n{commands}    ]\n}}\n'
    after = made("cursor", {CURSOR: before})[CURSOR]
    assert after == before.replace('.env",\n', f'.env",\n        "{POST_CREATE}",\n')
    one_line = made("cursor", {CURSOR: '{"setup-worktree": ["npm ci"], "a": 1}'})[CURSOR]
    assert one_line == f'{{"setup-worktree": ["{POST_CREATE}", "npm ci"], "a": 1}}'
    windows = json.loads(made("cursor", {CURSOR: '{"setup-worktree-windows": ["npm ci"]}'})[CURSOR])
    assert windows == {"setup-worktree-windows": ["npm ci"], "setup-worktree": [POST_CREATE]}


def test_a_script_of_cursors_is_left_to_its_owner() -> None:
    before = {CURSOR: '{"setup-worktree": "setup.sh"}'}
    assert made("cursor", before)[CURSOR] == before[CURSOR]
    assert notes("cursor", before) == (f"{CURSOR} runs the script 'setup.sh': write `{POST_CREATE}` into it",)


@pytest.mark.parametrize(
    ("tool", "file", "text"),
    [
        ("cursor", CURSOR, '{"setup-worktree": [1]}'),
        ("cursor", CURSOR, "[]"),
        ("conductor", OLDER, '{"scripts": []}'),
        ("conductor", OLDER, '{"scripts": {"setup": ["a"]}}'),
        ("conductor", CONDUCTOR, "[scripts]\nsetup = 1\n"),
        ("codex", CODEX, "setup = 1\n"),
        ("codex", CODEX, "a = = 1\n"),
    ],
)
def test_a_file_that_is_wrong_is_named_and_not_changed(tool: str, file: str, text: str) -> None:
    with pytest.raises(FileError, match=f"^{file.replace('.', '[.]')} is not changed"):
        made(tool, {file: text})


# Claude Code's preview


def launch(text: str = "", url: str = URL) -> str:
    return made("claude", {LAUNCH: text} if text else {}, replace(FACTS, url=url))[LAUNCH]


def test_the_preview_gets_an_entry_with_the_worktrees_url() -> None:
    assert json.loads(launch()) == {"version": "0.0.1", "configurations": [{"name": "web", "url": URL}]}
    texts = made("claude", facts=replace(FACTS, url=URL))
    assert f"/{LAUNCH}\n" in texts[".gitignore"]
    assert LAUNCH not in made("claude")


@pytest.mark.parametrize(
    "before",
    [
        '{\n  // mine\n  "configurations": [\n    {"name": "api", "port": 4000}, // the api\n  ],\n}\n',
        '{"configurations": [{"name": "api", "port": 4000}]}',
        '{"configurations": [ /* none */ ]}',
        '{\n  "version": "0.0.1" // no list yet\n}\n',
    ],
)
def test_what_the_file_has_stays_comments_included(before: str) -> None:
    after = launch(before)
    found = jsonc.read(after)["configurations"]
    assert found[-1] == {"name": "web", "url": URL}
    assert found[:-1] == jsonc.read(before).get("configurations", [])
    for comment in ("// mine", "// the api", "/* none */", "// no list yet"):
        assert (comment in before) == (comment in after)


def test_an_entry_of_another_address_is_replaced_and_another_web_keeps_its_name() -> None:
    assert launch(launch(url="http://old.localhost:8080")) == launch()
    before = '{"configurations": [{"name": "web", "runtimeExecutable": "npm", "port": 3000}]}'
    assert [each["name"] for each in json.loads(launch(before))["configurations"]] == ["web", "web (router)"]


def test_no_address_is_written_into_a_file_that_is_committed(tmp_path: Path) -> None:
    shop = repository(tmp_path.resolve() / "shop")
    (shop / ".claude").mkdir()
    (shop / LAUNCH).write_text('{"configurations": []}')
    subprocess.run(["git", "add", "-A"], cwd=shop, check=True)
    proposal = init.propose(["claude"], cwd=shop, port=8080, url=URL)
    assert LAUNCH not in [change.path for change in proposal.changes]
    assert any(note.startswith(f"{LAUNCH} is committed") for note in proposal.notes)

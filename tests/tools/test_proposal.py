"""`router init` without a tool: a `router.toml` that the product itself reads, and never over one that is there."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from router.errors import SettingsError
from router.observe.projects.project import project
from router.observe.projects.said import Step
from router.repository_settings import read_repository_settings
from router.tools import init
from router.tools.init import Proposal
from router.tools.proposal import proposed, runnable
from tests.tools.test_init import repository

_CASES = sorted((Path(__file__).parents[1] / "corpus/projects").glob("*.yaml"))


def _written(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def _proposed(root: Path) -> Proposal:
    return init.propose_settings(cwd=root, reserved={8080})


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository on branch `trunk` whose files say something of everything."""
    root = repository(tmp_path.resolve() / "shop")
    files = {
        "apps/web/package.json": '{"scripts": {"dev": "next dev -p 3000"}}',
        "apps/docs/package.json": '{"scripts": {"dev": "vitepress dev --port 8080"}}',
        "compose.yaml": "services:\n  api:\n    build: .\n    ports: ['4000:4000']\n  db:\n    ports: ['5433:5432']\n",
        ".cursor/worktrees.json": '{"setup-worktree": ["cp $ROOT_WORKTREE_PATH/.env .env", "npm ci"]}',
        ".claude/settings.json": '{"worktree": {"symlinkDirectories": ["node_modules", "../other"]}}',
    }
    _written(root, files)
    for command in (["checkout", "-q", "-b", "trunk"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


@pytest.mark.parametrize("case", _CASES, ids=lambda path: path.stem)
def test_what_is_proposed_is_a_router_toml(case: Path, tmp_path: Path) -> None:
    content: dict[str, Any] = yaml.safe_load(case.read_text())
    _written(tmp_path, content["files"])
    found = project(tmp_path)
    text = proposed(found, branch='odd "branch"', reserved={8080})
    settings = read_repository_settings(text)
    assert tuple(settings.services) == found.names
    assert {*settings.setup.link, *settings.setup.copies} == {each.path for each in found.shared}
    fixed = {each.name: each.port for each in reversed(found.services) if each.port}
    assert settings.overrides() == {} if not fixed else settings.overrides()['odd "branch"'].ports == fixed
    for line in text.splitlines()[3:]:
        assert not line or line.startswith(("[setup]", "[worktrees", "link", "copy", "]")) or ", line " in line
    assert proposed(found, branch='odd "branch"', reserved={8080}, there=settings) in {"", _commands(found.steps)}


def _commands(steps: tuple[Step, ...]) -> str:
    lines = [f"# also run there: {each.command}  # {each.file}, line {each.line}\n" for each in steps]
    return "".join(["[setup]\n", *lines])


def test_a_proposal_is_shown_written_once_and_never_over_a_file(shop: Path) -> None:
    proposal = _proposed(shop)
    assert proposal.text.splitlines()[3:] == [
        "[services.docs]  # apps/docs/package.json, line 1",
        "run = \"sh -c 'cd apps/docs && npm run dev'\"  # apps/docs/package.json, line 1",
        "",
        "[services.web]  # apps/web/package.json, line 1",
        "run = \"sh -c 'cd apps/web && npm run dev'\"  # apps/web/package.json, line 1",
        "",
        "[services.api]  # compose.yaml, line 4",
        "",
        "[setup]",
        "link = [",
        '    "node_modules",  # .claude/settings.json, line 1',
        "]",
        "copy = [",
        '    ".env",  # .cursor/worktrees.json, line 1',
        "]",
        "# also run there: npm ci  # .cursor/worktrees.json, line 1",
        "",
        '[worktrees."trunk".ports]',
        "web = 3000  # apps/web/package.json, line 1",
        "api = 4000  # compose.yaml, line 4",
    ]
    init.write(proposal)
    assert (shop / "router.toml").read_text() == proposal.text
    (shop / "router.toml").write_text(proposal.text.replace("api = 4000", "# api = 4000"))
    again = _proposed(shop)
    assert again.changes == ()
    assert again.text == '[worktrees."trunk".ports]\napi = 4000  # compose.yaml, line 4\n'
    assert again.notes == ("router.toml is there already and stays as it is: it lacks what is printed here",)


@pytest.mark.parametrize(
    ("command", "run"),
    [
        ("npm run dev", "npm run dev"),
        ("bin/rails server -p $PORT", "sh -c 'bin/rails server -p $PORT'"),
        ("cd web && npm start", "sh -c 'cd web && npm start'"),
        ("PORT=1 node x.js", "sh -c 'PORT=1 node x.js'"),
        ("echo it's", "sh -c 'echo it'\"'\"'s'"),
        ("x" * 5000, ""),
        ("a\x07b", ""),
    ],
)
def test_a_line_of_a_file_is_proposed_as_it_can_be_run(command: str, run: str) -> None:
    assert runnable(command) == run


def test_a_command_that_starts_several_services_is_proposed_once(tmp_path: Path) -> None:
    files = {"package.json": '{"scripts": {"dev": "concurrently -n web,api \\"vite\\" \\"node api.js\\""}}'}
    _written(tmp_path, files)
    text = proposed(project(tmp_path), branch=None, reserved=())
    assert text.count("run = ") == 1
    assert {*read_repository_settings(text).services} == {"web", "api"}


def test_a_service_without_a_command_lacks_one(shop: Path) -> None:
    (shop / "router.toml").write_text('[services.web]\nenv = ["W"]\n[services.docs]\nrun = "make docs"\n')
    text = _proposed(shop).text
    assert "[services.web]\nrun = \"sh -c 'cd apps/web && npm run dev'\"  # apps/web/package.json, line 1\n" in text
    assert "services.docs" not in text


def test_a_checkout_that_says_nothing_has_no_proposal(tmp_path: Path) -> None:
    proposal = _proposed(repository(tmp_path.resolve() / "shop"))
    assert (proposal.text, proposal.changes) == ("", ())
    assert proposal.notes == ("no file of this checkout says how its servers start or on which ports",)


def test_a_linked_worktree_is_told_where_the_file_counts(shop: Path) -> None:
    subprocess.run(["git", "worktree", "add", "-q", "../x"], cwd=shop, check=True)
    note = f"router.toml counts in the main checkout, {shop}: merge it, or write it there"
    assert _proposed(shop.parent / "x").notes == (note,)


def test_a_router_toml_that_is_wrong_is_reported(shop: Path) -> None:
    (shop / "router.toml").write_text("servces = 1\n")
    with pytest.raises(SettingsError, match="servces"):
        _proposed(shop)


def test_a_compose_file_that_is_none_leaves_the_rest(shop: Path) -> None:
    (shop / "compose.yaml").write_text("a: [\n")
    assert "[services.web]" in _proposed(shop).text

"""README and docs: links lead somewhere, tables are whole, the words are the project's, the reference is the code's."""

import dataclasses
import importlib
import json
import pkgutil
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

import router
from router import repository_settings, settings
from router.cli.app import app
from router.env.values import base_environment
from router.errors import RouterError, code_of
from router.launch.servers import SERVERS
from router.places import config_file
from router.remembered import RememberedService, RememberedWorktree
from router.status import CaddyStatus, Frame, WatcherStatus, document, source_text
from tests import documents
from tests.documents import DOCS, PAGES, README, ROOT
from tests.fakes import repository, route, table, worktree
from tests.matrix.libraries import WAYS
from tests.matrix.projects import PROJECTS, Update

REFERENCE = DOCS / "reference"
BLOCKS = [pytest.param(block.text, id=documents.title(page)) for page in PAGES for block in documents.blocks(page)
          if block.language == "toml"]  # fmt: skip
GLOSSARY = {
    "label", "alias", "service", "declared", "discovered", "assigned", "claim", "tag", "callback", "chooser", "relay",
}  # fmt: skip
NOT_PLAIN = re.compile(
    r"a newcomer|\bmend|as well does|in the dark too|a blink|\banew\b|lets go of|twice is once|the same all the same"
    r"|would come to the same|by nature|found nothing of|\bTODO\b|for want of",
    re.IGNORECASE,
)
PATHS = re.compile(r"(?:router|caddy|docs|tests|examples|benchmarks|\.ci)/[\w./-]+|mkdocs\.yml|pyproject\.toml")

every_page = pytest.mark.parametrize("page", PAGES, ids=documents.title)


# What a reader follows


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in documents.links(page):
        if not link.startswith("https://"):
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            assert target.exists(), link
            assert not anchor or anchor in documents.anchors(target), link


def test_the_index_leads_to_every_page() -> None:
    index = DOCS / "index.md"
    linked = {(DOCS / link).resolve() for link in documents.links(index)}
    assert set(DOCS.rglob("*.md")) - {index} <= linked


def test_mkdocs_builds_a_site_without_a_warning(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "reference/commands/index.html").is_file()


@every_page
def test_every_row_of_a_table_has_a_cell_for_each_column(page: Path) -> None:
    for rows in documents.tables(documents.prose(page)):
        assert set(rows[1][0]) <= set("-:"), rows[0]
        assert {len(row) for row in rows} == {len(rows[0])}, rows[0]


@every_page
def test_a_list_begins_after_an_empty_line(page: Path) -> None:
    """Not every reader of Markdown takes one for a list otherwise."""
    assert re.findall(r"^(?![-\d\s|]).+\n(?:- |1\. ).*", documents.prose(page), re.MULTILINE) == []


@every_page
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = {path for span in documents.spans(page) for path in PATHS.findall(span) if span.startswith(path)}
    assert {path for path in named if not (ROOT / path).exists() and not list(ROOT.glob(path))} == set()


@every_page
def test_the_words_are_plain(page: Path) -> None:
    assert NOT_PLAIN.findall(page.read_text()) == []


def test_the_glossary_has_every_word() -> None:
    first, *_ = documents.tables((REFERENCE / "glossary.md").read_text())
    assert {row[0].strip("*") for row in first[2:]} == GLOSSARY


@pytest.mark.parametrize("page", ["docs/explanation/threat-model.md", "tests/faults.md"])
def test_every_promise_has_a_test(page: str) -> None:
    names = re.findall(r"`(test_\w+)`", (ROOT / page).read_text())
    files = (path for path in (ROOT / "tests").rglob("test_*.py") if "node_modules" not in path.parts)
    tests = "\n".join(path.read_text() for path in files)
    assert names
    assert [name for name in names if f"def {name}(" not in tests] == []


def test_ci_runs_the_two_commands_of_the_readme() -> None:
    patterns = re.findall(r"grep -m 1 -E '([^']+)' README\.md", (ROOT / ".ci/run").read_text())
    found = [re.findall(pattern, README.read_text(), re.MULTILINE) for pattern in patterns]
    assert [len(each) for each in found] == [1, 1]
    assert "[dev]" not in str(re.findall(r"^.*router up$", README.read_text(), re.MULTILINE))


# The reference and the code


def commands(group: TyperGroup, above: str = "router") -> Iterator[tuple[str, Any]]:
    """Yield every command that is shown, with its name as it is typed."""
    for title, command in group.commands.items():
        name = f"{above} {title}"
        if isinstance(command, TyperGroup) and not command.hidden:
            yield from commands(command, name)
        if not command.hidden and not (isinstance(command, TyperGroup) and not command.invoke_without_command):
            yield name, command


COMMANDS = dict(commands(get_command(app)))  # type: ignore[arg-type] # Typer returns a group for several commands


def command_rows() -> dict[str, str]:
    """Return what the reference says of each command, by its name as it is typed."""
    cells = [row for row in documents.rows((REFERENCE / "commands.md").read_text()) if row[0].startswith("`router ")]
    return {re.sub(r" (?:--|\[|[A-Z]).*", "", row[0].split("`")[1]): " ".join(row) for row in cells}


def test_every_command_has_its_row() -> None:
    assert command_rows().keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_row_has_every_option(name: str) -> None:
    shown = [option for param in COMMANDS[name].params if param.param_type_name == "option" and not param.hidden
             for option in (*param.opts, *param.secondary_opts) if option != "--help"]  # fmt: skip
    row = command_rows()[name]
    assert [option for option in shown if not re.search(rf"{option}\b", row)] == []


def test_every_setting_of_the_machine_has_its_row() -> None:
    rows = documents.rows((REFERENCE / "settings.md").read_text())
    names = {row[0].strip("`") for row in rows}
    fields = {each.name for each in dataclasses.fields(settings.Settings)}
    assert {name for name in names if name.startswith("ROUTER_")} == {
        f"ROUTER_{name.upper()}" for name in fields - settings.FILE_ONLY
    }
    assert names & fields >= settings.FILE_ONLY


def keys(model: Any) -> Iterator[str]:
    """Yield the keys of a model of pydantic's, and of the models in it."""
    for name, field in model.model_fields.items():
        yield field.alias or name
        for inner in re.findall(r"repository_settings\.(\w+)", str(field.annotation)):
            yield from keys(getattr(repository_settings, inner))


def test_every_key_of_router_toml_is_explained() -> None:
    page = REFERENCE / "router-toml.md"
    example, *_ = documents.blocks(page)
    assert [key for key in keys(repository_settings.RepositorySettings)
            if not re.search(rf"\b{key}\b", example.text)] == []  # fmt: skip


def test_every_kind_of_problem_has_its_row_and_severity() -> None:
    kinds = json.loads((ROOT / "tests/contract/problems.json").read_text())["kinds"]
    rows = documents.rows((REFERENCE / "problems.md").read_text())
    assert {(row[0].strip("`"), row[1]) for row in rows if row[0].startswith("`")} == {
        (kind["kind"], kind["severity"]) for kind in kinds
    }


def errors(of: type[RouterError] = RouterError) -> Iterator[type[RouterError]]:
    """Yield the errors of the family, wherever in the package they are."""
    yield of
    for each in of.__subclasses__():
        yield from errors(each)


def test_every_code_of_an_error_has_its_row() -> None:
    for module in pkgutil.walk_packages(router.__path__, "router."):
        if module.name != "router.__main__" and not module.name.endswith(".preload"):
            importlib.import_module(module.name)
    faults = re.findall(r'Fault\("([\w-]+)"', (ROOT / "router/cli/boundary.py").read_text())
    rows = [row[0].strip("`") for row in documents.rows((REFERENCE / "errors.md").read_text())[2:]]
    assert rows == sorted({*map(code_of, errors()), *faults})
    assert faults


def test_what_agents_are_given_is_made_from_the_reference() -> None:
    made = runpy.run_path(str(DOCS / "skill.py"))
    assert made["TARGET"].read_text() == made["skill"](), "run `python docs/skill.py`"


def test_an_error_that_is_a_problem_has_its_kind() -> None:
    named = {kind for path in (ROOT / "router").rglob("*.py")
             for call in re.findall(r"raise \w+Error\((.*?)\n\n", path.read_text(), re.DOTALL)
             for kind in re.findall(r'kind="([\w-]+)"', call)}  # fmt: skip
    kinds = json.loads((ROOT / "tests/contract/problems.json").read_text())["kinds"]
    assert named
    assert named <= {kind["kind"] for kind in kinds}


def test_the_kinds_of_later_features_are_those_that_nothing_reports() -> None:
    kinds = [kind["kind"] for kind in json.loads((ROOT / "tests/contract/problems.json").read_text())["kinds"]]
    code = "\n".join(path.read_text() for path in (ROOT / "router").rglob("*.py") if path.name != "model.py")
    later = (REFERENCE / "problems.md").read_text().partition("not there yet:")[2]
    assert set(re.findall(r"`([\w-]+)`", later)) == {kind for kind in kinds if f'"{kind}"' not in code}


def test_every_variable_of_the_environment_has_its_row() -> None:
    rows = documents.rows((REFERENCE / "environment.md").read_text())
    named = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row[0])}
    of = repository(worktree("feature/x"))
    services = {spec.name: RememberedService(4000, "hash", assigned=4000, found=True) for spec in of.services}
    kept = RememberedWorktree(of.worktrees[0].id, "feature-x", "feature/x", "feature-x", services, project="shop-x")
    assert named == base_environment(of, of.worktrees[0], kept, port=8080, redirect_uri="x").values.keys()


def test_every_framework_has_its_row_with_a_version_and_a_date_or_why_not() -> None:
    told, _ = documents.tables((REFERENCE / "frameworks.md").read_text())
    rows = {row[0]: row for row in told[2:]}
    assert {server.name for server in SERVERS} | PROJECTS.keys() <= rows.keys()
    tried = re.compile(r"[\w .]*\d+\.\d+[\d.]*, \d{4}-\d\d-\d\d(, one worktree)?|no, by its documentation")
    assert [name for name, row in rows.items() if not tried.fullmatch(row[2])] == []
    assert [name for name in PROJECTS if rows[name][2].startswith("no")] == []


def test_every_framework_that_was_tried_in_chromium_has_its_row_and_nothing_was_lost() -> None:
    _, seen = documents.tables((REFERENCE / "frameworks.md").read_text())
    updates = {name: project.update for name, project in PROJECTS.items() if project.edited}
    assert {row[0]: row[4] for row in seen[2:]} == updates
    assert [row for row in seen[2:] if not re.fullmatch(r"[\d.]+, \d{4}-\d\d-\d\d", row[1])] == []
    assert [row for row in seen[2:] if row[2:4] != ["own", "own"] or not row[6]] == []
    kept = {
        row[0]: re.fullmatch(r"([1-9]\d*) of \1(, \d+ of them past the router)?", row[5]) is not None
        for row in seen[2:]
    }
    assert [name for name, all_kept in kept.items() if not all_kept and updates[name] is not Update.WHEN_ASKED] == []


def test_every_way_of_signing_in_has_its_row_as_it_was_tried() -> None:
    [tried] = documents.tables((REFERENCE / "libraries.md").read_text())
    assert [[row[0], *row[2:]] for row in tried[2:]] == [
        [title, way.needs, way.home] for title, (_, way) in WAYS.items()
    ]
    assert [row for row in tried[2:] if not re.fullmatch(r"\d+\.\d+[\w.-]*, \d{4}-\d\d-\d\d", row[1])] == []


def test_the_status_document_is_shown_whole() -> None:
    example, *_ = documents.blocks(REFERENCE / "status.md")
    frame = Frame(8080, (), WatcherStatus(running=False), CaddyStatus(running=False, mode="embedded", admin="x"))
    real = document(table(route("x")), frame)
    shown = json.loads(example.text)
    assert shown.keys() == real.keys()
    assert shown["watcher"].keys() == real["watcher"].keys()
    assert shown["caddy"].keys() == real["caddy"].keys()
    assert shown["worktrees"][0].keys() == real["worktrees"][0].keys()
    assert shown["worktrees"][0]["services"]["web"].keys() == real["worktrees"][0]["services"]["web"].keys()


def test_the_sources_of_ports_read_as_the_table_shows_them() -> None:
    *_, sources = documents.tables((REFERENCE / "ports.md").read_text())
    for source, shown, _ in sources[2:]:
        assert source_text(source.strip("`"), "vite") == shown.strip("`")


# What a page shows


@pytest.mark.parametrize(
    ("shown", "line", "same"),
    [
        ("main  http://main.localhost:8080  19410  down", "main http://main.localhost:1  2  down ", True),
        ("main  http://main.localhost:8080  19410  down", "main http://main.localhost:1  2  up", False),
        ("wrote …/.env.local; …", "wrote /tmp/x/.env.local; git does not ignore it", True),
        ("(a+b)", "aab", False),
        ("main", "mainly", False),
    ],
)
def test_a_shown_line_stands_for_those_that_differ_in_numbers_only(shown: str, line: str, same: bool) -> None:
    assert bool(documents.pattern(shown).fullmatch(line)) is same


@pytest.mark.parametrize(
    ("shown", "same"), [(["a", "c"], True), (["…", "c"], True), (["c", "a"], False), (["a", "a"], False)]
)
def test_shown_lines_come_in_their_order_and_maybe_with_others_between_them(shown: list[str], same: bool) -> None:
    assert documents.is_shown(shown, ["a", "b", "c"]) is same


# The settings


@pytest.mark.parametrize("text", BLOCKS)
def test_the_settings_are_read_as_they_stand(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not text.startswith("# config.toml"):
        assert repository_settings.read_repository_settings(text) != repository_settings.RepositorySettings()
        return
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config_file().parent.mkdir()
    config_file().write_text(text)
    assert settings.load().port == tomllib.loads(text)["port"]

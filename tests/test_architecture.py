"""How the code is cut: layers, sizes, one importer for each outside thing, and the README in step."""

import ast
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from router.cli import app

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
MODULES = sorted((ROOT / "router").glob("*.py"))
LONGEST = 40
ONLY_IMPORTERS = {
    "subprocess": {"proc"},
    "watchdog": {"watch"},
    "dotenv": {"envfiles"},
    "jinja2": {"caddyfile", "template"},
    "pydantic": {"settings"},
    "pydantic_settings": {"settings"},
    "platformdirs": {"settings"},
    "yaml": {"collisions"},
    "tomlkit": {"tomltext"},
}
CORE = {
    "assignment", "blocks", "caddyfile", "callback", "claims", "collisions", "environment", "errors", "explain",
    "findings", "formats", "found", "frameworks", "guard", "identity", "integrations", "jsontext", "labels",
    "memory", "model", "naming", "plan", "ports", "reach", "redirect_rules", "sanitize", "scene", "template",
    "tomltext", "tool_texts", "typed",
}  # fmt: skip
INPUT_AND_OUTPUT = {
    "os",
    "subprocess",
    "socket",
    "time",
    "random",
    "datetime",
    "tempfile",
    "shutil",
    "logging",
    "httpx",
}


def imported(module: Path) -> Iterator[str]:
    """Yield the outer name of everything that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def commands() -> set[str]:
    command = get_command(app)
    return {name for name, each in command.commands.items() if not each.hidden}  # type: ignore[attr-defined]


def test_a_module_imports_only_from_layers_below_its_own() -> None:
    linter = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_opens_with_a_sentence(module: Path) -> None:
    docstring = ast.get_docstring(ast.parse(module.read_text()))
    assert docstring
    assert docstring.splitlines()[0].endswith(".")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_function_is_longer_than_forty_lines(module: Path) -> None:
    functions = [n for n in ast.walk(ast.parse(module.read_text())) if isinstance(n, ast.FunctionDef)]
    long = {
        f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno and f.end_lineno - f.lineno >= LONGEST
    }
    assert long == {}


@pytest.mark.parametrize("module", [m for m in MODULES if m.stem in CORE], ids=lambda path: path.stem)
def test_the_core_does_nothing_but_think(module: Path) -> None:
    assert INPUT_AND_OUTPUT & set(imported(module)) == set()


@pytest.mark.parametrize("library", ONLY_IMPORTERS)
def test_an_outside_thing_has_one_importer(library: str) -> None:
    users = {module.stem for module in MODULES if library in imported(module)}
    assert {name for name in users if not name.startswith("demo")} == ONLY_IMPORTERS[library]


def test_no_file_of_the_project_names_a_place_of_its_makers() -> None:
    places = re.compile(r"/work\b|\.\./shared\b")
    files = [*MODULES, *ROOT.glob("caddy/**/*"), *ROOT.glob("docs/**/*.md"), README]
    texts = {path: path.read_bytes().decode(errors="replace") for path in files if path.is_file()}
    assert [str(path) for path, text in texts.items() if places.search(text)] == []


def test_the_readme_has_a_row_for_every_command() -> None:
    rows = [line.split("|")[1] for line in README.read_text().splitlines() if line.startswith("| `router")]
    assert {name for row in rows for name in re.findall(r"`router ([a-z]+)", row)} == commands()

"""How the code is cut: layers, sizes, one importer for each outside thing."""

import ast
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
MODULES = sorted(path for path in (ROOT / "router").rglob("*.py") if path.stat().st_size)
LONGEST = 40
ONLY_IMPORTERS = {
    "dataclasses": {"values"},
    "subprocess": {"proc"},
    "watchdog": {"watcher.events"},
    "dotenv": {"observe.dotenv"},
    "pg8000": {"data.postgres.server"},
    "sqlite3": {"data.sqlite"},
    "pymysql": {"data.mysql.server"},
    "redis": {"data.redis"},
    "jinja2": {"caddy.caddyfile", "env.templates"},
    "pydantic": {
        "setting_types",
        "settings_model",
        "repository_settings",
        "resource_settings",
        "service_settings",
        "sleep_settings",
    },
    "pydantic_settings": {"settings_model"},
    "platformdirs": {"places"},
    "tomllib": {"settings_model", "toml_reader"},
    "yaml": {"tools.compose.document"},
    "tomlkit": {"tools.toml_edit"},
    "mcp": {"tools.agent_server"},
}
CORE = {
    "amounts", "blocks", "caddy.caddyfile", "caddy.callback_rules", "caddy.explain", "caddy.sign_in", "data.lives",
    "doctor.findings",
    "doctor.fixed_ports",
    "doctor.redirect_uris", "env.formats", "env.leaks", "env.templates", "env.values", "env.worktrunk_filters",
    "errors", "from_json", "jsonc", "launch.command", "launch.commands", "launch.config_ports", "launch.launch",
    "launch.preload", "launch.script_calls", "launch.servers", "launch.shell_line", "launch.single", "launch.wrappers",
    "masked", "memory_text", "model", "naming", "paths", "ports", "processes.asked", "processes.belonging",
    "processes.ending", "processes.roles", "processes.words", "remembered", "status", "toml_reader",
    "tools.agent_apps", "tools.brief", "tools.compose.document", "tools.edits", "tools.preview", "tools.proposal",
    "tools.json_edit", "tools.texts", "tools.toml_edit", "trust.statements", "values", "watcher.changes",
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


def name(module: Path) -> str:
    """Return a module's name below `router`, as `routes.plan`."""
    return ".".join(module.relative_to(ROOT / "router").with_suffix("").parts)


def imported(module: Path) -> Iterator[str]:
    """Yield the outer name of everything that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_a_module_imports_only_from_layers_below_its_own() -> None:
    linter = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_a_module_opens_with_a_sentence(module: Path) -> None:
    docstring = ast.get_docstring(ast.parse(module.read_text()))
    assert docstring
    assert docstring.splitlines()[0].endswith(".")


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_no_function_is_longer_than_forty_lines(module: Path) -> None:
    functions = [n for n in ast.walk(ast.parse(module.read_text())) if isinstance(n, ast.FunctionDef)]
    long = {
        f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno and f.end_lineno - f.lineno >= LONGEST
    }
    assert long == {}


@pytest.mark.parametrize(
    "module", [m for m in MODULES if name(m) in CORE or name(m).startswith(("routes.", "doctor.frameworks."))], ids=name
)
def test_the_core_does_nothing_but_think(module: Path) -> None:
    assert INPUT_AND_OUTPUT & set(imported(module)) == set()


@pytest.mark.parametrize("library", ONLY_IMPORTERS)
def test_an_outside_thing_has_one_importer(library: str) -> None:
    users = {name(module) for module in MODULES if library in imported(module)}
    assert {user for user in users if not user.startswith("demo.")} == ONLY_IMPORTERS[library]


def test_no_file_of_the_project_names_a_place_of_its_makers() -> None:
    places = re.compile(r"/work\b|\.\./shared\b")
    files = [*MODULES, *ROOT.glob("caddy/**/*"), *ROOT.glob("docs/**/*.md"), README]
    texts = {path: path.read_bytes().decode(errors="replace") for path in files if path.is_file()}
    assert [str(path) for path, text in texts.items() if places.search(text)] == []

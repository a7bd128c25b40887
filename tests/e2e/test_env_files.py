"""What is read of env and mise files, against python-dotenv, npm's dotenv, Vite, Next and mise themselves."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from router.model import ServiceSpec
from router.observe.envfiles import DOTENV, declarations
from tests.e2e.browsers import missing

HERE = Path(__file__).parent
CORPUS = HERE.parent / "corpus" / "env"
CASES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(CORPUS.glob("*.yaml"))}
WEB = (ServiceSpec("web", ("PORT",)),)


def reader(case: dict[str, Any]) -> str:
    """Return which program reads the files of a case in a project like that."""
    if any("mise" in name for name in case["files"]):
        return "mise"
    packages = case["files"].get("package.json", "")
    return "next" if '"next"' in packages else "vite" if '"vite"' in packages else "dotenv"


def port(root: Path, program: str) -> str | None:
    """Return the value of PORT as a program reads it."""
    modules = HERE / "node_modules"
    if not (modules / "dotenv").exists() or shutil.which("node") is None:
        missing("Node with what tests/e2e/package.json names")
    command = ["node", HERE / "env_readers.cjs", program, root]
    if program == "mise":
        command = [modules / ".bin" / "mise", "env", "--json"]
    place = {
        "PATH": os.environ["PATH"],
        "HOME": str(root.parent / "home"),
        "MISE_TRUSTED_CONFIG_PATHS": str(root),
        "MISE_CEILING_PATHS": str(root.parent),
    }
    done = subprocess.run(command, cwd=root, env=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout)).get("PORT")


@pytest.mark.node
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.get("oracle", True)])
def test_the_strongest_value_is_the_one_that_programs_see(name: str, tmp_path: Path) -> None:
    root = tmp_path / "shop"
    for file, text in CASES[name]["files"].items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)
    found, _ = declarations(root, WEB)
    assert (found[0].text if found else None) == port(root, reader(CASES[name]))


@pytest.mark.parametrize("text", ["PORT=${BASE}12\nBASE=30", "BASE=30\nPORT=${BASE}12", "PORT=${A:-3000}", "PORT=${A}",
                                  "export PORT='3000'", "A=\nPORT=${A}1"])  # fmt: skip
def test_python_dotenv_reads_the_forms_in_braces_alike(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BASE", raising=False)
    monkeypatch.delenv("A", raising=False)
    (tmp_path / DOTENV[-1]).write_text(text)
    [found] = declarations(tmp_path, WEB)[0]
    assert found.text == dotenv_values(tmp_path / ".env")["PORT"]

"""What is installed for a test of the matrix: the current versions, from npm, PyPI or Debian."""

import datetime
import json
import os
import pwd
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.browsers import missing
from tests.e2e.frameworks import Installed
from tests.matrix.projects import Kind

HOME = pwd.getpwuid(os.getuid()).pw_dir  # npm is set up there


def install(kind: Kind, packages: Sequence[str], place: Path) -> tuple[str, Installed]:
    """Install packages; return the version of the first one, and where they are."""
    return {Kind.NODE: _from_npm, Kind.PYTHON: _from_pip, Kind.RUBY: _from_debian}[kind](packages, place)


def _from_npm(packages: Sequence[str], place: Path) -> tuple[str, Installed]:
    (place / "package.json").write_text('{"private": true}')
    subprocess.run(
        ["npm", "install", "--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel=error", *packages],
        cwd=place, check=True, capture_output=True, env={**os.environ, "HOME": HOME},
    )  # fmt: skip
    name = packages[0][0] + packages[0][1:].partition("@")[0]
    version = json.loads((place / "node_modules" / name / "package.json").read_text())["version"]
    return version, Installed(modules=place)


def _from_pip(packages: Sequence[str], place: Path) -> tuple[str, Installed]:
    subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
    subprocess.run([place / "venv/bin/pip", "install", "-q", *packages], check=True, capture_output=True)
    name = packages[0].partition("[")[0]
    script = f"from importlib.metadata import version; print(version('{name}'))"
    version = subprocess.check_output([place / "venv/bin/python", "-c", script], text=True).strip()
    return version, Installed(programs=place / "venv/bin")


def _from_debian(packages: Sequence[str], place: Path) -> tuple[str, Installed]:
    states = dict(_in_debian(package) for package in packages)
    if not all(states.values()):
        missing(f"apt-get install --no-install-recommends {' '.join(states)}")
    return states[packages[0]].rpartition(":")[2].partition("+")[0], Installed()


def _in_debian(package: str) -> tuple[str, str]:
    """Return the name of a package and its version, which is empty where it is not installed."""
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package]
    state, _, version = subprocess.run(query, capture_output=True, text=True, check=False).stdout.partition(" ")
    return package, version if state == "installed" else ""


def today() -> str:
    """Return the date of a row."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"

"""Every framework that `router run` knows, installed and started in two worktrees at once, whatever port it fixes.

`pytest -m matrix -s tests/matrix` prints a line for each: they are the last column of docs/reference/frameworks.md.
"""

import contextlib
import datetime
import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.routers import Router, fresh, wait_until
from tests.e2e.test_run import port, run
from tests.e2e.test_servers import of
from tests.matrix.projects import PROJECTS, Project

pytestmark = pytest.mark.matrix
QUIET = {
    "BROWSER": "none", "npm_config_update_notifier": "false", "NG_CLI_ANALYTICS": "false",
    "NEXT_TELEMETRY_DISABLED": "1",
    "STORYBOOK_DISABLE_TELEMETRY": "1", "ASTRO_TELEMETRY_DISABLED": "1", "NUXT_TELEMETRY_DISABLED": "1",
    "WRANGLER_SEND_METRICS": "false",
}  # fmt: skip
HOME = pwd.getpwuid(os.getuid()).pw_dir  # npm is set up there
SLOW = 120.0  # seconds to compile a first page


def install(project: Project, place: Path) -> str:
    """Install a project's packages, and return the version of the first one."""
    if project.python:
        subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
        subprocess.run([place / "venv/bin/pip", "install", "-q", *project.packages], check=True, capture_output=True)
        script = f"from importlib.metadata import version; print(version('{project.packages[0]}'))"
        return subprocess.check_output([place / "venv/bin/python", "-c", script], text=True).strip()
    (place / "package.json").write_text('{"private": true}')
    subprocess.run(
        ["npm", "install", "--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel=error", *project.packages],
        cwd=place, check=True, capture_output=True, env={**os.environ, "HOME": HOME},
    )  # fmt: skip
    name = project.packages[0][0] + project.packages[0][1:].partition("@")[0]
    return str(json.loads((place / "node_modules" / name / "package.json").read_text())["version"])


def add(router: Router, project: Project, installed: Path) -> Path:
    """Add a worktree with the project; what is installed is copied, as frameworks resolve links."""
    path = router.add(fresh("matrix"))
    for name, text in project.files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    if not project.python:
        package = {"private": True, "type": "module", "scripts": {"dev": project.script}}
        names = {each[0] + each[1:].partition("@")[0]: "*" for each in project.packages}
        (path / "package.json").write_text(json.dumps({**package, "dependencies": names}))
        subprocess.run(["cp", "-al", installed / "node_modules", path / "node_modules"], check=True)
    return path


@pytest.mark.parametrize("name", PROJECTS)
def test_it_takes_its_worktrees_port(shared: Router, tmp_path: Path, name: str) -> None:
    project = PROJECTS[name]
    version = install(project, tmp_path)
    command: tuple[str, ...] = ("npm", "run", "dev")
    environ = {**QUIET, "PATH": f"{tmp_path}/venv/bin:{os.environ['PATH']}"}
    if project.python:
        command = tuple(project.script.split())
    if not shutil.which("npm"):
        pytest.skip("npm is missing")
    paths = [add(shared, project, tmp_path) for _ in range(2)]
    with contextlib.ExitStack() as stack:
        for path in paths:
            stack.enter_context(run(shared, path, "--", *command, **environ))
        for path in paths:
            expected = port(shared, path)
            wait_until(
                lambda p=path, n=expected: of(shared, p).get("up") and of(shared, p)["port"] == n,  # type: ignore[misc]
                limit=SLOW, what=f"{name} on {expected}: {shared.directory}/servers.log",
            )  # fmt: skip
    print(f"\n| {name} | {version}, {datetime.datetime.now(datetime.UTC):%Y-%m-%d} |")

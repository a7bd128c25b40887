"""Runners of several servers from npm, each server on the port of its own service, in two worktrees at once."""

import contextlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.frameworks import QUIET, SLOW
from tests.e2e.routers import Router, fresh, listens, wait_until
from tests.e2e.test_run import port, run
from tests.matrix.packages import HOME

pytestmark = pytest.mark.matrix

SCRIPTS = {
    "turbo": "turbo dev",
    "concurrently": "concurrently npm:web npm:api",
    "names": "concurrently -n web,api 'vite apps/web' 'node apps/api/server.mjs'",
    "npm-run-all": "npm-run-all -p web api",
    "run-p": "run-p web api",
    "background": "node apps/api/server.mjs & vite apps/web",
    "web": "vite apps/web --port 5173",
    "api": "node apps/api/server.mjs",
}
FILES = {
    "turbo.json": json.dumps({"tasks": {"dev": {"persistent": True, "cache": False}}}),
    "pnpm-workspace.yaml": "packages: ['apps/*']\n",
    "apps/web/package.json": json.dumps({"name": "web", "scripts": {"dev": "vite --port 5173"}}),
    "apps/web/vite.config.mjs": "export default {server: {port: 5173, strictPort: true}}",
    "apps/web/index.html": "<title>web</title>",
    "apps/api/package.json": json.dumps({"name": "api", "scripts": {"dev": "PORT=3000 node server.mjs"}}),
    "apps/api/server.mjs": "import {createServer as s} from 'http'; s((_, a) => a.end('x')).listen(process.env.PORT)",
}
RUNS = {name: ("npm", "run", name) for name in SCRIPTS if name not in {"web", "api"}}
RUNS |= {"npx-turbo": ("npx", "turbo", "dev"), "pnpm": ("pnpm", "-r", "--parallel", "run", "dev")}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the runners and Vite in it."""
    place = tmp_path_factory.mktemp("runners")
    (place / "package.json").write_text('{"private": true}')
    packages = ("turbo", "concurrently", "npm-run-all", "vite", "pnpm")
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *packages]
    subprocess.run(command, cwd=place, check=True, capture_output=True, env={**os.environ, "HOME": HOME})
    return place


@pytest.mark.parametrize("name", RUNS)
def test_each_server_takes_the_port_of_its_service(shared: Router, installed: Path, name: str) -> None:
    paths = [_add(shared, installed, pinned=name != "pnpm") for _ in range(2)]
    environ = {**QUIET, "PATH": f"{installed}/node_modules/.bin:{os.environ['PATH']}"}
    with contextlib.ExitStack() as stack:
        for path in paths:
            stack.enter_context(run(shared, path, "--", *RUNS[name], **environ))
        for path in paths:
            for variable in ("PORT", "BACKEND_PORT"):
                number = port(shared, path, variable)
                wait_until(
                    lambda n=number: listens(n) or listens(n, "::1"),  # type: ignore[misc]
                    limit=SLOW, what=f"{variable}={number}: {shared.directory}/servers.log",
                )  # fmt: skip


def _add(router: Router, installed: Path, *, pinned: bool) -> Path:
    """Add a worktree with the packages; turbo wants to know the package manager, which pnpm takes for an order."""
    path = router.add(fresh("several"))
    for name, text in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    root = {"name": "root", "private": True, "type": "module", "workspaces": ["apps/*"], "scripts": SCRIPTS}
    (path / "package.json").write_text(json.dumps(root | ({"packageManager": "npm@11.0.0"} if pinned else {})))
    locked = {f"apps/{each}": {"name": each} for each in ("web", "api")}
    links = {f"node_modules/{each}": {"resolved": f"apps/{each}", "link": True} for each in ("web", "api")}
    lock = {"name": "root", "lockfileVersion": 3, "packages": {"": {"workspaces": ["apps/*"]}, **locked, **links}}
    (path / "package-lock.json").write_text(json.dumps(lock))
    subprocess.run(["cp", "-al", installed / "node_modules", path / "node_modules"], check=True)
    for each in ("web", "api"):
        (path / "node_modules" / each).symlink_to(f"../apps/{each}")
    return path

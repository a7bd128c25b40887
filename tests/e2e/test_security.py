"""Who may reach what: other machines, sites, worktrees and programs, and whoever writes a branch name."""

import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from router.caddy.embedded import binary
from router.store import Store
from tests.e2e.routers import Router, Upstream, fresh, listens, wait_until

pytestmark = pytest.mark.e2e

SECRET = "s3cr3t-of-a-sign-in"


@pytest.fixture(scope="module")
def app(shared: Router) -> Iterator[str]:
    """The label of a worktree whose server answers `app`."""
    with Upstream("app") as upstream:
        branch = fresh("app")
        path = shared.add(branch, port=upstream.port)
        wait_until(lambda: shared.web(path).get("up"), what="up")
        yield branch


def _own_address() -> str | None:
    """Return an address of this machine that is not a loopback one."""
    found = (a.address for name, all_ in psutil.net_if_addrs().items() for a in all_ if a.family == socket.AF_INET)
    return next((address for address in found if not address.startswith("127.")), None)


# Who can connect


def test_nothing_listens_but_the_two_loopback_addresses(shared: Router, app: str) -> None:
    bound = {
        tuple(connection.laddr)
        for process in shared.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert bound <= {("127.0.0.1", shared.port), ("::1", shared.port)}
    assert ("127.0.0.1", shared.port) in bound


def test_an_address_of_the_network_is_refused(shared: Router, app: str) -> None:
    address = _own_address()
    if address is None:
        pytest.skip("this machine has no address but the loopback ones")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, shared.port), timeout=5)


def test_the_admin_socket_is_for_its_owner_alone(shared: Router) -> None:
    path = Path(shared.seen()["caddy"]["admin"].removeprefix("unix/"))
    for private in (path.parent, shared.state, shared.state / "site", shared.state / "logs"):
        assert private.stat().st_mode & 0o077 == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert not listens(2019) or 2019 not in {c.laddr.port for p in shared.processes() for c in p.net_connections()}


FOREIGN = ["evil.example", "app.evil.example", "localhost.evil.example", "10.0.0.1", "169.254.169.254", "xlocalhost"]


@pytest.mark.parametrize("host", FOREIGN)
def test_another_name_for_this_machine_gets_nothing(shared: Router, app: str, host: str) -> None:
    for target in ("/", "/.router/status.json", f"/{app}/", f"/auth/callback?state={app}"):
        answer = shared.get(f"{host}:{shared.port}", target)
        assert answer.status_code == 421
        assert app not in answer.text


def test_a_worktree_host_with_a_foreign_end_gets_nothing(shared: Router, app: str) -> None:
    assert shared.get(f"{app}.localhost.evil.example").status_code == 421
    assert shared.get(f"{app}.localhost.evil.example").text != "app"


# Who can read what the watcher knows


def test_the_status_is_for_localhost_and_the_same_origin_alone(shared: Router, app: str) -> None:
    answer = shared.get("localhost", "/.router/status.json")
    assert {w["name"] for w in answer.json()["worktrees"]} >= {app, shared.trunk}
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in answer.headers

    for target in (
        "/.router/status.json",
        "/.router/x/../status.json",
        "/.ROUTER/status.json",
        "//.router/status.json",
    ):
        for site in ("cross-site", "same-site"):
            answer = shared.get("localhost", target, headers={"Sec-Fetch-Site": site})
            assert answer.status_code == 403 or app not in answer.text
    answer = shared.get(
        "localhost", "/.router/status.json", headers={"Origin": f"http://{app}.localhost:{shared.port}"}
    )
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("target", ["/.router/status.json", "/.router/heartbeat", "/.router/../.router/status.json"])
def test_a_worktree_host_does_not_serve_the_status(shared: Router, app: str, target: str) -> None:
    for host in (app, f"tenant.{app}.localhost", shared.trunk, "nobody"):
        assert str(shared.directory) not in shared.page(host, target)


@pytest.mark.parametrize(
    "target",
    [
        "/.router/../memory.json",
        "/.router/..%2fmemory.json",
        "/.router/%2e%2e/caddy.json",
        "/.router//etc/passwd",
        "/.router/pages/../../Caddyfile.j2",
        "/.router/Caddyfile",
    ],
)
def test_no_path_leads_to_another_file(shared: Router, app: str, target: str) -> None:
    for host in ("localhost", app):
        answer = shared.get(host, target)
        assert answer.status_code in {301, 302, 307, 308, 400, 404} or answer.text == "app"
        assert str(shared.directory) not in answer.text
        assert "root:" not in answer.text


def test_a_page_of_a_worktree_that_is_down_names_no_path(shared: Router, app: str) -> None:
    for accept in ("text/html", "*/*"):
        for host in (shared.trunk, "nobody"):
            answer = shared.get(host, headers={"Accept": accept})
            assert answer.status_code in {404, 502}
            assert str(shared.directory) not in answer.text


# What a sign-in leaves behind


def test_no_log_has_the_code_of_a_callback(shared: Router, app: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    down, query = shared.trunk, f"code={SECRET}&id_token={SECRET}"
    for state in (app, down, f"{app}.{SECRET}", f"WT1.{app}.{SECRET}", SECRET, "nobody"):
        target = f"/auth/callback?{query}&state={state}"
        for host in ("localhost", app, down, "127.0.0.1", "evil.example", "nobody"):
            shared.get(host if "." not in host else f"{host}:{shared.port}", target)
            shared.get(host if "." not in host else f"{host}:{shared.port}", "/auth/callback", method="POST",
                       headers=form, body=f"{query}&state={state}".encode())  # fmt: skip
            shared.get(
                host if "." not in host else f"{host}:{shared.port}", "/", headers={"Referer": f"http://x{target}"}
            )
    shared.get(down, f"/page?{query}", headers={"Cookie": SECRET, "Authorization": f"Bearer {SECRET}"})

    assert "logs" in {path.name for path in shared.state.iterdir()}
    assert not [path for path in shared.state.rglob("*") if path.is_file() and _holds(path, SECRET)]
    assert SECRET not in shared.run("logs").out


def _holds(path: Path, text: str) -> bool:
    """Tell whether a file has a text; the watcher may have put another one in its place meanwhile."""
    try:
        return text in path.read_text(errors="replace")
    except FileNotFoundError:
        return False


def test_requests_are_not_logged(shared: Router, app: str) -> None:
    log = Store(shared.state).caddy_log
    assert shared.page(app, "/private-page") == "app"
    assert "/private-page" not in log.read_text()


def test_a_programs_arguments_are_not_shown(shared: Router) -> None:
    path = shared.add(fresh("token"))
    port = int(shared.url("--direct", cwd=path).partition(":")[2])
    shared.serve(path, "page", port)
    wait_until(lambda: shared.web(path).get("up"), what="up")
    assert shared.web(path)["program"] == "http.server"
    assert "--bind" not in json.dumps(shared.status())


# What is run, and where


def test_a_caddy_that_is_merely_found_on_path_is_not_run(router: Router, tmp_path: Path) -> None:
    hostile, proof = tmp_path / "bin", tmp_path / "was-run"
    hostile.mkdir()
    for name in ("caddy", "python", "python3", "docker", "mise"):
        (hostile / name).write_text(f"#!/bin/sh\ntouch '{proof}'\nexit 1\n")
        (hostile / name).chmod(0o755)
    router.up(env={"PATH": f"{hostile}:{os.environ['PATH']}"})
    assert Path(psutil.Process(router.caddy_pid).exe()) == binary()
    assert not proof.exists()


def test_nothing_of_the_shell_reaches_caddy(router: Router) -> None:
    router.up(env={"MY_TOKEN": SECRET, "CADDY_ADMIN": "0.0.0.0:2019", "XDG_CONFIG_HOME": str(router.directory)})
    environ = psutil.Process(router.caddy_pid).environ()
    assert SECRET not in environ.values()
    assert environ.keys() <= {"GOGC", "GOMEMLIMIT", "HOME", "PATH", "XDG_CONFIG_HOME", "XDG_DATA_HOME"}


def test_a_worktrees_files_are_read_and_never_run(shared: Router) -> None:
    proof = shared.directory / fresh("was-run")
    path = shared.add(fresh("hostile"))
    (path / ".mise.toml").write_text(
        f'[env]\n_.source = "evil.sh"\nPORT = "{{{{ exec(command=\'touch {proof}\') }}}}"\n'
    )
    (path / "evil.sh").write_text(f"touch '{proof}'\n")
    (path / ".env").write_text(f"API_PORT=$(touch '{proof}')\n")
    hook = path / ".githooks"
    hook.mkdir()
    shared.git("config", "extensions.worktreeConfig", "true")
    shared.git("config", "--worktree", "core.fsmonitor", f"touch '{proof}'; false", cwd=path)
    wait_until(lambda: shared.kinds(path) >= {"bad-port"}, what="bad-port")
    assert shared.url(cwd=path).startswith("http://hostile-")
    assert not proof.exists()


@pytest.mark.parametrize("name", ["state", "a" * 60 + "/" + "b" * 60])
def test_a_link_in_the_place_of_the_state_directory_is_refused(tmp_path: Path, name: str) -> None:
    with Router(tmp_path, state=tmp_path / name) as router:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        router.state.parent.mkdir(exist_ok=True)
        router.state.symlink_to(elsewhere)
        said = router.run("up")
        assert said.code == 1
        assert "ROUTER_STATE_DIR" in said.err
        assert not router.processes()
        assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("planted", ["link", "open", "file"])
def test_what_is_planted_in_the_place_of_the_sockets_directory_is_refused_or_closed(
    tmp_path: Path, planted: str
) -> None:
    with Router(tmp_path, state=tmp_path / ("a" * 60) / ("b" * 60)) as router:
        place = Store(router.state).socket.parent
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        try:
            if planted == "link":
                place.symlink_to(elsewhere)
            elif planted == "open":
                place.mkdir()
                place.chmod(0o777)
            else:
                place.write_text("planted")
            said = router.run("up", "--detach")
            if planted == "open":
                assert said.code == 0
                assert place.stat().st_mode & 0o777 == 0o700
            else:
                assert said.code == 1
                assert str(place) in said.err
            assert not list(elsewhere.iterdir())
            router.down()
        finally:
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            place.unlink(missing_ok=True)


def test_a_state_directory_open_to_others_is_closed(router: Router) -> None:
    router.state.mkdir()
    router.state.chmod(0o777)
    router.detach()
    assert router.state.stat().st_mode & 0o777 == 0o700


# One worktree and another


def test_a_worktree_cannot_take_the_port_of_another(shared: Router, app: str) -> None:
    port = next(w for w in shared.seen()["worktrees"] if w["name"] == app)["services"]["web"]["port"]
    branch = fresh("thief")
    path = shared.add(branch, port=port)
    wait_until(lambda: "port-conflict" in shared.kinds(path), what="port-conflict")
    assert shared.page(app) == "app"
    assert shared.page(branch) != "app"
    assert shared.kinds(Path(shared.worktrees()[app]["path"])) == {"stranger-on-port"}  # its server is this process


@pytest.mark.parametrize("port", ["router", "admin"])
def test_a_worktree_cannot_be_routed_to_the_router_itself(shared: Router, port: str) -> None:
    path = shared.add(fresh("loop"))
    shared.declare(path, shared.port if port == "router" else 2019)
    wait_until(lambda: "bad-port" in shared.kinds(path), what="bad-port")
    assert shared.web(path)["port"] not in {shared.port, 2019}


def test_a_worktree_cannot_take_the_label_of_another(shared: Router, app: str) -> None:
    shared.git("branch", f"x/{app}")
    shared.git("branch", f"x.{app}")
    first, second = shared.directory / fresh("one"), shared.directory / fresh("two")
    shared.git("worktree", "add", "--quiet", first, f"x/{app}")
    shared.label(first, f"x-{app}")
    shared.git("worktree", "add", "--quiet", second, f"x.{app}")
    assert shared.routed(second)["name"].startswith(f"x-{app}-")
    assert shared.kinds(second) == {"name-collision"}
    assert shared.routed(first)["name"] == f"x-{app}"


def test_hostile_names_put_nothing_but_labels_and_ports_into_the_caddyfile(shared: Router) -> None:
    marker = "pwned"
    branch = f'{marker}"}}\n:80 {{'.replace("\n", "").replace(" ", "").replace(":", "")
    path = shared.directory / f'{marker}"}} respond {{env.HOME}}' / "it`s"
    path.parent.mkdir()
    shared.add(branch, path)
    (path / ".env").write_text(f'PORT="1234}} respond {marker}"\n')
    name = shared.routed(path)["name"]
    wait_until(lambda: shared.kinds(path), what="bad-port")
    loaded = shared.run("render", "--loaded").out
    assert f'{marker}"' not in loaded
    assert f"respond {marker}" not in loaded
    assert "env.HOME" not in loaded
    assert f'{name}" 127.0.0.1:' in loaded

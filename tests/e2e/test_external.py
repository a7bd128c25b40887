"""A Caddy that somebody else runs: waited for, asked before it is taken, never harmed."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from router.caddy.embedded import binary
from router.errors import RouterError
from router.store import Store
from router.watcher import launch, patience
from tests.e2e.routers import LIMIT, Client, Router, Stream, free_port, fresh, listens, plain_caddy, wait_until

pytestmark = pytest.mark.e2e


class Other:
    """Somebody's Caddy with an admin port of its own, and what it served before."""

    def __init__(self, directory: Path) -> None:
        self.admin, self.port = free_port(), free_port()
        self.caddyfile = directory / "Caddyfile"
        self.empty = f"{{\n\tadmin 127.0.0.1:{self.admin}\n}}\n"
        self.site = f"{self.empty}\nhttp://127.0.0.1:{self.port} {{\n\trespond mine\n}}\n"

    @contextmanager
    def serving(self, text: str) -> Iterator[None]:
        """Run it."""
        self.caddyfile.parent.mkdir(exist_ok=True)
        self.caddyfile.write_text(text)
        with plain_caddy(self.caddyfile, self.admin):
            yield

    def load(self, text: str) -> None:
        """Hand it a Caddyfile, as its owner would."""
        url, headers = f"http://127.0.0.1:{self.admin}/load", {"Content-Type": "text/caddyfile"}
        assert httpx.post(url, content=text, headers=headers, timeout=LIMIT).is_success

    @property
    def page(self) -> str:
        """What its own site answers, empty where it has none."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/", timeout=LIMIT).text
        except httpx.HTTPError:
            return ""


@pytest.fixture
def other(router: Router, tmp_path: Path) -> Other:
    """Such a Caddy, not yet started; the router is set to use it."""
    made = Other(tmp_path / "other")
    router.env |= {
        "ROUTER_CADDY": "external",
        "ROUTER_ADMIN": f"127.0.0.1:{made.admin}",
        "ROUTER_UPSTREAM_HOST": "127.0.0.1",
    }
    return made


def shows(router: Router, label: str, text: str) -> None:
    """Wait until a worktree's host answers with this text."""
    wait_until(lambda: router.page(label) == text, what=f"{label} answers {text}")


def test_it_is_waited_for_and_goes_on_serving_when_the_router_has_gone(router: Router, app: str, other: Other) -> None:
    up = router.start("up")
    wait_until(lambda: f"waiting for Caddy at 127.0.0.1:{other.admin}: start it" in up.out.read_text(), what="waiting")
    with other.serving(other.empty):
        shows(router, app, "app")
        wait_until(lambda: router.seen().get("caddy", {}).get("in_sync"), what="in sync")  # told a moment later
        caddy = router.status()["caddy"]
        assert (caddy["mode"], caddy["running"], caddy["in_sync"], caddy["pid"]) == ("external", True, True, None)
        assert up.end() == 0
        assert router.page(app) == "app"
        left = router.status()["caddy"]
        assert left.keys() == caddy.keys()
        assert {key: value for key, value in left.items() if value is not None} == {
            "running": True, "mode": "external", "admin": f"127.0.0.1:{other.admin}",
        }  # fmt: skip


def test_a_wait_in_the_background_ends_with_what_it_waited_for(
    router: Router, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LIMIT", 5.0)
    for name, value in (router.env | {"ROUTER_ADMIN": f"unix/{router.directory}/nothing.sock"}).items():
        monkeypatch.setenv(name, value)
    (store := Store(router.state)).prepare()
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        wait_until(lambda: any(told in log.read_text() for log in store.logs.glob("up.*.log")), what=told)

    told = f"waiting for Caddy at unix/{router.directory}/nothing.sock"
    with pytest.raises(RouterError, match=told):  # patience ends after `say`, whatever the machine does meanwhile
        launch.detach(store, [str(router.repository)], say=say)
    [line] = said
    assert line.startswith(("waiting for Caddy at ", "waiting for the watcher "))  # it may not have told by then
    wait_until(lambda: not router.processes(), what="no watcher left")


def test_its_admin_block_stays_with_origins(router: Router, app: str, other: Other) -> None:
    own = f"{{\n\tadmin 127.0.0.1:{other.admin} {{\n\t\torigins 127.0.0.1:{other.admin} mine.test\n\t}}\n}}\n"
    with other.serving(own):
        router.up()
        shows(router, app, "app")
        block = httpx.get(f"http://127.0.0.1:{other.admin}/config/admin", timeout=LIMIT).json()
        assert block == {"listen": f"127.0.0.1:{other.admin}", "origins": [f"127.0.0.1:{other.admin}", "mine.test"]}


def test_what_it_serves_of_somebody_else_is_left_alone_until_it_is_taken_over(
    router: Router, app: str, other: Other
) -> None:
    with other.serving(other.site):
        said = router.run("up", "--detach")
        assert said.code == 1
        assert "serves something that the router did not put there; it was left alone" in said.err
        assert other.page == "mine"
        wait_until(lambda: not router.processes(), what="no watcher left")

        up = router.up("--take-over")
        shows(router, app, "app")
        wait_until(lambda: other.page == "", what="the end of its own site")  # Caddy closes that after the load
        saved = next(router.state.glob("taken-over-*.json"))
        restore = up.out.read_text().split("\n  ")[1].splitlines()[0]
        assert str(saved) in restore
        assert up.end() == 0

        done = subprocess.run(shlex.split(restore), capture_output=True, check=True)
        assert done.stdout == b""
        assert other.page == "mine"
        assert json.loads(saved.read_bytes())["apps"]


def test_one_that_becomes_somebody_elses_is_left_to_them_and_taken_back_when_it_is_free(
    router: Router, app: str, other: Other
) -> None:
    with other.serving(other.empty):
        router.up()
        shows(router, app, "app")
        other.load(other.site)
        wait_until(lambda: "foreign-caddy" in router.kinds(), what="foreign-caddy")
        branch = fresh("later")
        router.add(branch)
        assert router.run("status", "--check").code == 1
        told = router.run("up", "--take-over")
        assert told.code == 1
        assert "run `router down`, then `router up --take-over`" in told.err
        with pytest.raises(AssertionError):  # several passes
            wait_until(lambda: other.page != "mine", limit=2)

        other.load(other.empty)
        shows(router, app, "app")
        wait_until(lambda: router.page(branch).startswith(branch), what="the newer worktree as well")
        wait_until(lambda: not router.kinds(), what="no problem left")


def test_after_a_restart_it_serves_the_last_routes_or_gets_them_again(router: Router, app: str, other: Other) -> None:
    with other.serving(other.empty):
        router.up()
        shows(router, app, "app")
    wait_until(lambda: "caddy-down" in router.kinds(), what="caddy-down")
    assert not router.seen()["caddy"]["running"]
    with other.serving(other.empty):
        shows(router, app, "app")
        wait_until(lambda: router.seen()["caddy"]["in_sync"] and not router.kinds(), what="in sync")


def test_it_saves_what_it_is_given_to_begin_with_it(router: Router, app: str, other: Other) -> None:
    saved = other.caddyfile.parent / ".config/caddy/autosave.json"
    with other.serving(other.empty):
        router.up()
        shows(router, app, "app")
        wait_until(lambda: app in saved.read_text(), what="autosave")


def test_websockets_and_requests_outlive_loads_and_a_new_watcher(router: Router, app: str, other: Other) -> None:
    with other.serving(other.empty):
        up = router.up()
        shows(router, app, "app")
        before = router.loads
        with Stream.websocket(router.port, app) as stream, Client(router, app, keep=True) as client:
            for number in range(3):
                branch = fresh(f"more{number}")
                path = router.add(branch)
                wait_until(lambda label=branch: router.page(label).startswith(label), what=branch)  # type: ignore[misc]
                router.routed(path)  # told a moment later
            loads = router.loads - before
            up.end()
            router.up()
            client.more()
            assert stream.echo("still") == "still"
        assert len(client.failures) <= loads + router.loads  # one a load, which a browser asks again


def test_there_is_nothing_to_take_over_of_a_caddy_of_ones_own(router: Router) -> None:
    said = router.run("up", "--take-over")
    assert said.code == 2
    assert "--take-over is for a Caddy that somebody else runs" in said.err


@pytest.mark.parametrize("admin", ["unix//nowhere/caddy.sock", "127.0.0.1:2019"])
def test_a_container_in_the_hosts_network_has_its_admin_api_at_the_private_socket(router: Router, admin: str) -> None:
    env = {"ROUTER_ADMIN": admin, "ROUTER_UPSTREAM_HOST": "127.0.0.1"}
    said = router.run("up", "--caddy", "compose", env=env)
    assert said.code == 1
    assert f"{admin} cannot be the admin API of this container" in said.err


def test_another_mode_than_the_running_one_is_told(router: Router, other: Other) -> None:
    with other.serving(other.empty):
        router.up()
        said = router.run("up", "--caddy", "embedded")
        assert said.code == 1
        assert "runs with mode external, not embedded" in said.err


def test_the_sites_alone_are_imported_into_a_caddyfile_with_sites_of_its_own(router: Router, app: str) -> None:
    own, sites = free_port(), router.directory / "router.caddy"
    said = router.run("render", "--sites")
    assert said.code == 0, said.err
    sites.write_text(said.out)
    folder = router.directory / "owner"
    folder.mkdir()
    text = f"{{\n\tadmin off\n}}\n\nimport {sites}\n\nhttp://127.0.0.1:{own} {{\n\trespond mine\n}}\n"
    (folder / "Caddyfile").write_text(text)
    with plain_caddy(folder / "Caddyfile", router.port):
        assert router.page(app) == "app"
        assert router.page("no-such-worktree").startswith("no worktree is called")
        wait_until(lambda: listens(own), what="the other site")  # Caddy opens one port after the other
        assert httpx.get(f"http://127.0.0.1:{own}/", timeout=LIMIT).text == "mine"


def test_the_adapted_text_is_clean(router: Router, app: str) -> None:
    text = router.run("render", "--sites").out
    done = subprocess.run([binary(), "fmt", "-"], input=text.encode(), capture_output=True, check=True)
    assert done.stdout.decode() == text


def test_access_logs_hold_no_query_and_no_header(router: Router, app: str) -> None:
    router.up(env={"ROUTER_ACCESS_LOG": "true"})
    secret = {"Referer": "http://x/?code=SECRET", "Cookie": "SECRET", "Authorization": "SECRET"}
    assert router.get("localhost", f"/auth/callback?code=SECRET&state={app}", headers=secret).status_code == 302
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert router.get(app, "/auth/callback", method="POST", headers=form, body=b"code=SECRET").status_code
    log = router.state / "logs/access.log"
    wait_until(lambda: log.exists() and log.read_text().count("/auth/callback") >= 2, what="two entries")
    for path in (router.state / "logs").iterdir():
        assert "SECRET" not in path.read_text(), path
    assert log.stat().st_mode & 0o777 == 0o600
    assert "access: " in router.run("logs").out


def test_no_access_is_logged_unless_asked(router: Router, app: str) -> None:
    router.up()
    shows(router, app, "app")
    assert not (router.state / "logs/access.log").exists()
    assert app not in (router.state / "logs/caddy.log").read_text()


def test_an_admin_port_beyond_the_loopback_is_warned_of(router: Router, app: str, other: Other) -> None:
    with other.serving(other.empty.replace("127.0.0.1", "0.0.0.0")), closing(router.up().out.open()) as out:
        shows(router, app, "app")
        assert f"0.0.0.0:{other.admin}" in out.read()
        assert listens(other.admin)

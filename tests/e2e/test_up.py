"""The command as a developer types it: up, down, status, url, render, explain, logs, and the hosts they promise."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.ports import service_port
from router.store import Store
from tests.e2e.routers import Router, Upstream, free_port, fresh, listens, plain_caddy, remove, wait_until

pytestmark = pytest.mark.e2e


def test_five_worktrees_answer_on_their_own_hosts_until_down(router: Router) -> None:
    slash, nested, plain = fresh("feature/x"), fresh("worktree-agent"), fresh("plain")
    detached = router.directory / fresh("detached")
    router.git("worktree", "add", "--quiet", "--detach", detached)
    places = {
        router.trunk: router.repository,
        slash.replace("/", "-"): router.add(slash),
        nested: router.add(nested, router.repository / ".claude" / "worktrees" / nested),
        detached.name: detached,
        plain: router.add(plain),
    }

    assert router.run("up", "--detach").code == 0
    for label, path in places.items():
        address, _, port = router.url("--direct", cwd=path).partition(":")
        assert address == "127.0.0.1"
        router.serve(path, f"page of {label}", int(port))

    wait_until(lambda: all(router.web(path).get("up") for path in places.values()), what="all up")
    assert {label: router.page(label) for label in places} == {label: f"page of {label}" for label in places}
    found = {w["name"]: w for w in router.status()["worktrees"]}
    assert found.keys() == places.keys()
    assert {w["services"]["web"]["program"] for w in found.values()} == {"http.server"}
    assert found[router.trunk]["main"]
    assert found[detached.name]["detached"]

    table = router.run("status").out.splitlines()
    assert len([line for line in table if " up http.server" in line]) == len(places)

    router.git("switch", "--quiet", "-c", fresh("other"), cwd=places[plain])
    router.gone(plain)
    assert router.page(router.routed(places[plain])["name"]) == router.page(plain) == f"page of {plain}"

    assert router.down().code == 0
    assert not router.processes()
    assert not listens(router.port)
    assert not router.seen()
    assert not list(router.state.rglob("*.sock"))


def test_a_second_up_shows_the_table_and_says_that_it_runs(shared: Router) -> None:
    said = shared.run("up")
    assert said.code == 0
    assert shared.trunk in said.out
    assert f"pid {shared.watcher_pid}" in said.err


def test_another_repository_joins_and_is_let_go(running: Router) -> None:
    branch = fresh("second")
    other = running.make_repository(running.directory / "second", branch)

    said = running.run("up", "--detach", cwd=other)
    assert said.code == 0, said.err
    assert branch in said.out
    assert {w["repository"] for w in running.worktrees().values()} == {"shop", "second"}
    assert running.get("second").status_code == running.get(f"second-{branch}").status_code == 502

    assert running.down(other).code == 0
    assert "second" not in running.worktrees()
    assert running.get("second").status_code == 404
    assert running.get(running.trunk).status_code == 502


def test_repositories_can_be_named(router: Router) -> None:
    branch = fresh("second")
    other = router.make_repository(router.directory / "second", branch)
    router.up(router.repository, other)
    wait_until(lambda: router.worktrees().keys() == {router.trunk, "second"}, what="both")  # one may need longer


def test_two_repositories_that_both_have_one_branch_checked_out_are_no_problem(running: Router) -> None:
    other = running.make_repository(running.directory / "blog", running.trunk)
    said = running.run("up", "--detach", cwd=other)
    assert said.code == 0
    routed = [running.routed(path) for path in (running.repository, other)]
    assert [each["name"] for each in routed] == [running.trunk, "blog"]
    assert [each["aliases"] for each in routed] == [["shop"], [f"blog-{running.trunk}"]]
    assert not running.all_kinds()
    assert "warning" not in said.err


def test_router_up_gives_a_worktree_the_label_of_its_branch_once_nobody_else_has_it(running: Router) -> None:
    name = fresh("twin")
    first, second = running.add(f"x/{name}"), running.add(f"x.{name}")
    running.label(first, f"x-{name}")
    suffixed = running.routed(second)["name"]
    with Upstream("second") as server:
        running.declare(second, server.port)
        wait_until(lambda: running.page(suffixed) == "second", what="the second server")
        running.git("worktree", "remove", "--force", first)
        wait_until(lambda: running.get(f"x-{name}").status_code == 404, what="the name is free")
        assert running.routed(second)["name"] == suffixed

        assert running.run("up").code == 0
        running.label(second, f"x-{name}")
        assert running.page(f"x-{name}") == running.page(suffixed) == "second"
        assert running.kinds(second) == {"stranger-on-port"}  # its server is this process
        assert running.run("env", "--check", cwd=second, env={"WORKTREE_NAME": suffixed}).code == 0


def test_prefixes_of_branches_are_left_out_of_labels(running: Router) -> None:
    (running.repository / "router.toml").write_text('[names]\nstrip = ["worktree-", "agent/"]\n')
    name = fresh("foo")
    path, other = running.add(f"worktree-{name}"), running.add(f"agent/{name}-2")
    running.label(path, name)
    running.label(other, f"{name}-2")
    assert running.url("--direct", cwd=path) == f"127.0.0.1:{service_port('web', f'worktree-{name}')}"


def test_up_with_another_port_is_refused_with_a_hint(shared: Router) -> None:
    said = shared.run("up", "--port", str(free_port()))
    assert said.code == 1
    assert f"port {shared.port}" in said.err
    assert "router down" in said.err


def test_a_taken_port_is_told_with_its_process_and_nothing_starts(router: Router) -> None:
    pid = router.serve(router.repository, "mine", router.port)
    for options in ((), ("--detach",)):
        said = router.run("up", *options)
        assert said.code == 1
        assert f"port {router.port} is taken by http.server (pid {pid})" in said.err
        assert "ROUTER_PORT" in said.err
        assert "Traceback" not in said.err
        assert not router.processes()
        assert not Store(router.state).memory().repositories, "the next `up` would serve what never started"
    assert router.page("localhost") == "mine"


def test_up_outside_of_a_repository_says_so(router: Router, tmp_path: Path) -> None:
    for options in ((), ("--detach",)):
        said = router.run("up", *options, cwd=tmp_path)
        assert said.code == 1
        assert "not inside a git repository" in said.err
    assert not router.processes()


def test_detach_returns_when_the_first_configuration_is_loaded(router: Router) -> None:
    branch = fresh("ready")
    router.add(branch)
    assert router.run("up", "--detach").code == 0
    assert router.get(branch).status_code == 502
    assert router.seen()["caddy"]["loads"] == 1
    assert router.seen()["caddy"]["in_sync"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_prints_the_table_then_a_line_for_each_change(router: Router, number: signal.Signals) -> None:
    up = router.up()
    wait_until(lambda: len(up.lines) >= 2, what="the table")
    assert up.lines[0].split() == ["NAME", "URL", "BRANCH", "PORT", "SOURCE"]
    assert up.lines[1].split()[0] == router.trunk

    branch, port = fresh("new"), free_port()
    path, url = router.add(branch), f"http://{branch}.localhost:{router.port}"
    wait_until(lambda: any(line.startswith(f"+ {url} → 127.0.0.1:") for line in up.lines), what="+")
    router.declare(path, port)
    wait_until(lambda: any(line.startswith(f"~ {url} → 127.0.0.1:{port}") for line in up.lines), what="~")
    remove(path)  # in one step: git removes file by file, and without its env file the worktree has another port
    router.git("worktree", "prune")
    wait_until(lambda: up.lines[-1] == f"- {url}", what="-")
    assert len(up.lines) == 5

    assert up.end(number) == 0
    assert not router.processes()
    assert not listens(router.port)


def test_check_tells_an_error_by_its_exit_code_alone(router: Router) -> None:
    quiet = router.run("status", "--check")
    assert (quiet.code, quiet.out) == (1, "")

    router.up()
    fine = router.run("status", "--check")
    assert (fine.code, fine.out, fine.err) == (0, "", "")

    port = free_port()
    router.add(fresh("one"), port=port)
    second = router.add(fresh("two"), port=port)
    wait_until(lambda: "port-conflict" in router.kinds(second), what="port-conflict")
    assert router.run("status", "--check").code == 1


def test_status_without_a_watcher_shows_what_would_be_routed(router: Router) -> None:
    branch = fresh("feature/x")
    router.add(branch)
    status = router.status()
    assert {w["branch"] for w in status["worktrees"]} == {router.trunk, branch}
    assert not status["watcher"]["running"]
    assert not status["caddy"]["running"]
    assert [p["kind"] for p in status["problems"]] == ["watcher-down"]

    said = router.run("status")
    assert said.code == 0
    assert branch in said.out
    assert "router up" in said.err
    assert not router.processes()


def test_status_json_has_the_fields_of_schema_1(shared: Router) -> None:
    status = shared.status()
    assert status["schema"] == 1
    assert status["origin"] == f"http://localhost:{shared.port}"
    assert status["oauth"] == {"redirect_uris": [f"http://localhost:{shared.port}/auth/callback"]}
    assert status["caddy"]["mode"] == "embedded"
    pids = {w["pid"] for w in (status["watcher"], status["caddy"])}
    wait_until(lambda: pids == {p.pid for p in shared.processes()}, what="no other")  # a git looks like it until exec
    service = shared.worktrees()[shared.trunk]["services"]["web"]
    assert service["source"] == "hash"
    assert service.keys() == {
        "url", "port", "address", "source", "up", "state", "since", "pid", "program", "seen", "path",
    }  # fmt: skip


def test_watch_into_a_pipe_prints_the_table_again_when_it_changes(shared: Router) -> None:
    watch = shared.start("status", "--watch")
    wait_until(lambda: any(shared.trunk in line for line in watch.lines), what="the table")
    branch = fresh("seen")
    shared.add(branch)
    wait_until(lambda: any(branch in line for line in watch.lines), what="the new table")
    assert watch.end(signal.SIGINT) == 130
    assert "Traceback" not in watch.errors


def test_url_names_what_is_asked_for(shared: Router) -> None:
    branch, port = fresh("feature/url"), free_port()
    path, label = shared.add(branch, port=port), branch.replace("/", "-")
    wait_until(lambda: shared.web(path).get("port") == port)
    home = f"http://{label}.localhost:{shared.port}"

    assert shared.url(cwd=path) == home
    assert [shared.url(name) for name in (label, branch, path.name.replace(".", "-"))] == [home] * 3
    assert shared.url(label, "--direct") == f"127.0.0.1:{port}"
    assert shared.url(label, "--service", "api") == home.replace("//", "//api.")
    assert shared.url("--oauth") == f"http://localhost:{shared.port}/auth/callback"


def test_url_of_an_unknown_name_lists_those_there_are(shared: Router) -> None:
    said = shared.run("url", "nobody")
    assert (said.code, said.out) == (1, "")
    assert "nobody" in said.err
    assert shared.trunk in said.err

    said = shared.run("url", shared.trunk, "--service", "docs")
    assert said.code == 1
    assert "web, api" in said.err


def test_url_outside_of_every_worktree_asks_for_a_name(shared: Router, tmp_path: Path) -> None:
    said = shared.run("url", cwd=tmp_path)
    assert (said.code, said.out) == (2, "")
    assert "router status" in said.err


def test_a_rendered_caddyfile_is_served_by_a_plain_caddy(router: Router) -> None:
    with Upstream("from the plain one") as app:
        branch = fresh("plain")
        router.add(branch, port=app.port)
        said = router.run("render")
        assert said.code == 0
        caddyfile = router.directory / "Caddyfile"
        caddyfile.write_text(said.out)
        with plain_caddy(caddyfile, router.port):
            assert router.page(branch) == "from the plain one"
            assert router.get(router.trunk).status_code == 502
            assert router.get("nobody").status_code == 404
    assert router.run("render").out == said.out


def test_render_loaded_prints_the_text_that_caddy_took(router: Router) -> None:
    said = router.run("render", "--loaded")
    assert said.code == 1
    assert "router up" in said.err

    router.up()
    branch = fresh("loaded")
    router.routed(router.add(branch))
    wait_until(lambda: branch in router.run("render", "--loaded").out)
    assert "bind fd/" in router.run("render", "--loaded").out
    assert "fd/" not in router.run("render").out


def test_explain_names_the_worktree_and_never_the_code(shared: Router) -> None:
    said = shared.run("explain", f"http://localhost:{shared.port}/auth/callback?code=SECRET&state={shared.trunk}.n0")
    assert said.code == 0
    assert f"{shared.trunk}.localhost:{shared.port}" in said.out
    assert "SECRET" not in said.out + said.err
    assert shared.run("explain", "state-of-nobody").code == 1


def test_logs_has_the_lines_of_the_watcher_and_of_caddy(shared: Router) -> None:
    lines = shared.run("logs").out.splitlines()
    assert any(line.startswith("watcher: ") and f"{shared.trunk}.localhost" in line for line in lines)
    assert any(line.startswith("caddy: ") for line in lines)


def test_logs_follow_goes_on_with_what_is_written(shared: Router) -> None:
    logs = shared.start("logs", "--follow")
    branch = fresh("followed")
    shared.add(branch)
    wait_until(lambda: any(branch in line for line in logs.lines), what="the line")
    assert logs.end(signal.SIGINT) == 130


@pytest.mark.parametrize("arguments", [("nonsense",), ("up", "--nonsense"), ("status", "extra"), ("up", "--port", "x")])
def test_wrong_usage_exits_2(router: Router, arguments: tuple[str, ...]) -> None:
    said = router.run(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err


def test_a_bad_setting_is_named(router: Router) -> None:
    said = router.run("up", env={"ROUTER_PORT": "70000"})
    assert said.code == 1
    assert "70000" in said.err
    assert "ROUTER_PORT" in said.err


def test_down_where_nothing_runs_says_so(router: Router) -> None:
    said = router.down()
    assert (said.code, said.out, said.err) == (0, "", "no router is running\n")


@pytest.mark.parametrize("name", ["state of 'mine'", "a" * 60 + "/" + "b" * 60])
def test_any_state_directory_does(tmp_path: Path, name: str) -> None:
    with Router(tmp_path, state=tmp_path / name) as router:
        router.detach()
        socket = Path(router.seen()["caddy"]["admin"].removeprefix("unix/"))
        assert router.get(router.trunk).status_code == 502
        assert len(bytes(socket)) < 104
        assert oct(socket.stat().st_mode)[-4:] == "0600"
        assert oct(socket.parent.stat().st_mode)[-4:] == "0700"

        assert router.down().code == 0
        assert not socket.exists()
        assert socket.parent in {router.state, *router.state.parents} or not socket.parent.exists()


def test_a_state_directory_that_caddy_could_not_be_told_is_refused(tmp_path: Path) -> None:
    with Router(tmp_path, state=tmp_path / 'a"b{c}') as router:
        said = router.run("up")
        assert said.code == 1
        assert "ROUTER_STATE_DIR" in said.err
        assert not router.processes()
        assert not listens(router.port)


# Hosts


@pytest.fixture(scope="module")
def site(shared: Router) -> Iterator[tuple[Router, str]]:
    """A running router with a worktree whose `web` and `api` answer; its label."""
    with Upstream("web") as web, Upstream("api") as api:
        branch = fresh("site")
        path = shared.add(branch)
        (path / ".env.local").write_text(f"PORT={web.port}\nAPI_PORT={api.port}\n")
        wait_until(lambda: shared.web(path).get("up"), what="up")
        yield shared, branch


@pytest.mark.parametrize(
    ("host", "page"),
    [
        ("{}", "web"),
        ("api.{}.localhost", "api"),
        ("{}--api", "api"),
        ("tenant1.{}.localhost", "web"),
        ("a.b.c.{}.localhost", "web"),
        ("shop-{}", "web"),
        ("{}.LOCALHOST", "web"),
    ],
)
def test_every_form_of_a_host_leads_to_its_service(site: tuple[Router, str], host: str, page: str) -> None:
    router, label = site
    assert router.page(host.format(label)) == page


def test_the_host_is_passed_on_as_it_came(site: tuple[Router, str]) -> None:
    router, label = site
    for host in (f"{label}.localhost:{router.port}", f"tenant1.{label}.localhost:{router.port}"):
        assert json.loads(router.page(host, "/headers"))["Host"] == host


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_an_address_leads_to_localhost(site: tuple[Router, str], host: str) -> None:
    router, _ = site
    answer = router.get(f"{host}:{router.port}", "/a/b?c=d&e=%2F")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"http://localhost:{router.port}/a/b?c=d&e=%2F"


@pytest.mark.parametrize("rest", ["/", "/deep/er?a=1&b=%2Fx&a=2", "/?q=%C3%BC", "/%2e%2e/x", "//x", "?a=b"])
def test_a_path_on_localhost_leads_to_the_worktree(site: tuple[Router, str], rest: str) -> None:
    router, label = site
    answer = router.get("localhost", f"/{label}{rest}")
    assert answer.status_code == 307
    wanted = rest if rest.startswith("/") else f"/{rest}"
    assert answer.headers["location"] == f"http://{label}.localhost:{router.port}{wanted}"


def test_an_unknown_label_is_404_and_lists_the_live_ones(site: tuple[Router, str]) -> None:
    router, label = site
    for answer in (router.get("nobody"), router.get("localhost", "/nobody/x")):
        assert answer.status_code == 404
        assert label in answer.text


def test_a_server_that_is_down_is_told_with_port_and_source(site: tuple[Router, str]) -> None:
    router, _ = site
    web = router.worktrees()[router.trunk]["services"]["web"]
    answer = router.get(router.trunk)
    assert answer.status_code == 502
    assert answer.headers["retry-after"] == "1"
    assert f"127.0.0.1:{web['port']} (port source: default)" in answer.text


def test_the_command_is_the_module_too(router: Router) -> None:
    script = Path(sys.executable).with_name("router")
    assert script.exists()
    assert router.run("--version").out.strip() == router.status()["version"]

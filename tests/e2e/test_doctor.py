"""`router doctor` and `router hosts` as they are typed, beside a running router and without one."""

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from router.blocks import END
from tests.e2e.routers import Router, free_port, fresh, listens, wait_until

pytestmark = pytest.mark.e2e
Json = dict[str, Any]


def findings(router: Router, *, code: int = 0, **env: str) -> list[Json]:
    said = router.run("doctor", "--json", env=env)
    assert said.code == code, said.out + said.err
    document = json.loads(said.out)
    assert document["schema"] == 1
    return list(document["findings"])


def of(found: list[Json], check: str) -> list[Json]:
    return [finding for finding in found if finding["check"] == check]


def levels(found: list[Json], check: str) -> list[str]:
    return [finding["level"] for finding in of(found, check)]


def test_a_running_router_has_nothing_wrong(shared: Router) -> None:
    path = shared.add(fresh("well"))
    shared.routed(path)
    found = findings(shared)
    for check in ("watcher", "port", "admin", "sync", "caddy", "git", "ipv6", "sign-in"):
        assert levels(found, check) == ["ok"], of(found, check)
    assert not [f for f in found if f["level"] != "ok" and f["check"] not in {"resolve", "inotify"}]
    assert len(of(found, "resolve")) >= 2


def test_people_get_a_line_for_each_finding(shared: Router) -> None:
    said = shared.run("doctor")
    assert said.code == 0
    first, *_, counts = said.out.splitlines()
    assert first.startswith(f"ok    watcher     the watcher runs, pid {shared.watcher_pid}")
    assert counts.endswith(" 0 failed")
    assert "\033" not in said.out
    assert said.err == ""


def test_a_problem_of_a_worktree_and_what_its_framework_lacks_are_findings(shared: Router) -> None:
    one, two, port = fresh("one"), fresh("two"), free_port()
    for branch in (one, two):
        path = shared.add(branch, port=port)
        (path / "manage.py").write_text('os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")')
        (path / "shop").mkdir()
        (path / "shop/settings.py").write_text("ALLOWED_HOSTS = ['shop.test']")
        os.mkfifo(path / "Gemfile")
    wait_until(lambda: any("port-conflict" in shared.kinds(Path(w["path"])) for w in shared.worktrees().values()))
    found = findings(shared, code=1)
    [conflict] = [finding for finding in of(found, "worktree") if finding["level"] == "fail"]
    assert conflict["of"] in {one, two}
    assert "port-conflict" in conflict["message"]
    lacking = [finding for finding in of(found, "framework") if finding["level"] == "warn"]
    assert {finding["of"] for finding in lacking} == {one, two}
    assert {finding["hint"] for finding in lacking} == {'ALLOWED_HOSTS = [*ALLOWED_HOSTS, ".localhost"]'}
    lines = [line for line in shared.run("doctor").out.splitlines() if "django" in line]
    assert len(lines) == 1, "what both lack is one line"
    for branch in (one, two):
        shared.git("worktree", "remove", "--force", shared.directory / f"shop.{branch}")
        shared.gone(branch)


def test_without_a_watcher_it_says_so_and_looks_all_the_same(router: Router) -> None:
    (router.repository / "package.json").write_text('{"dependencies": {"vite": "^7"}}')
    found = findings(router)
    assert levels(found, "watcher") == ["warn"]
    assert levels(found, "port") == levels(found, "framework") == ["ok"]
    assert not of(found, "sync")
    assert of(found, "framework")[0]["of"] == router.trunk


def test_a_port_that_is_taken_is_named_with_who_has_it(router: Router) -> None:
    with socket.create_server(("127.0.0.1", router.port)):
        [taken] = of(findings(router, code=1), "port")
    assert str(os.getpid()) in taken["message"]
    proposed = int(taken["hint"].split("ROUTER_PORT=")[1].split(" ")[0])
    assert not listens(proposed)


def test_a_killed_watcher_with_its_caddy_is_another_finding_than_none(running: Router) -> None:
    os.kill(running.watcher_pid, signal.SIGKILL)
    caddy = running.caddy_pid
    wait_until(lambda: running.run("status", "--check").code)
    found = findings(running)
    [watcher] = of(found, "watcher")
    assert watcher["level"] == "warn"
    assert f"its Caddy (pid {caddy})" in watcher["message"]
    assert levels(found, "port") == levels(found, "admin") == ["ok"]


def test_a_caddy_that_hangs_is_a_failure_within_seconds(running: Router) -> None:
    both = [psutil.Process(pid) for pid in (running.watcher_pid, running.caddy_pid)]  # the watcher would wake it
    for process in both:
        process.suspend()
    try:
        found = findings(running, code=1)
    finally:
        for process in both:
            process.resume()
    assert levels(found, "admin") == ["fail"]
    assert of(found, "caddy")[0]["level"] == "ok"


def test_settings_that_cannot_be_read_are_a_finding(router: Router) -> None:
    found = findings(router, code=1, ROUTER_PORT="many")
    assert levels(found, "settings") == ["fail"]
    assert levels(found, "git") == ["ok"]


def test_a_repository_that_the_watcher_does_not_serve_is_named(shared: Router) -> None:
    other = shared.make_repository(shared.directory / fresh("other"), fresh("trunk"))
    said = shared.run("doctor", cwd=other)
    assert said.code == 0
    assert f"{other}/.git, is not served" in said.out


def test_hosts_are_printed_written_and_removed(shared: Router, tmp_path: Path) -> None:
    label = fresh("named")
    path = shared.add(label, port=free_port())
    with (path / ".env.local").open("a") as file:
        file.write(f"API_PORT={free_port()}\n")
    wait_until(lambda: (shared.at(path) or {"services": {"api": {}}})["services"]["api"].get("seen"))
    printed = shared.run("hosts")
    assert printed.code == 0
    lines = printed.out.splitlines()
    assert lines[-1] == END
    assert {f"127.0.0.1 {label}.localhost", f"::1 {label}.localhost", f"::1 api.{label}.localhost",
            f"127.0.0.1 {label}--api.localhost"} <= set(lines)  # fmt: skip

    file = tmp_path / "hosts"
    file.write_bytes(b"127.0.0.1 localhost\r\n\xff")
    assert shared.run("hosts", "sync", "--file", file).code == 0
    written = file.read_bytes()
    assert written == printed.out.encode() + b"127.0.0.1 localhost\r\n\xff"
    again = shared.run("hosts", "sync", "--file", file)
    assert (again.code, again.out) == (0, "")
    assert "nothing to change" in again.err
    assert file.read_bytes() == written
    assert (tmp_path / "hosts.before-router").read_bytes() == b"127.0.0.1 localhost\r\n\xff"
    assert shared.run("hosts", "clean", "--file", file).code == 0
    assert file.read_bytes() == b"127.0.0.1 localhost\r\n\xff"


def test_without_a_watcher_hosts_are_printed_but_not_written(router: Router, tmp_path: Path) -> None:
    assert f"127.0.0.1 {router.trunk}.localhost" in router.run("hosts").out
    said = router.run("hosts", "sync", "--file", tmp_path / "hosts")
    assert said.code == 1
    assert "no watcher is running" in said.err
    assert not (tmp_path / "hosts").exists()


def test_a_file_that_may_not_be_written_gets_the_command_that_may(shared: Router, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("root may write everywhere")
    said = shared.run("hosts", "sync", "--file", locked / "hosts")
    assert said.code == 1
    assert f"→ run `sudo ROUTER_STATE_DIR={shared.state}" in said.err

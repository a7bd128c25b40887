"""Whose server a host shows: never another user's, never one of two that share a port; and whose a name is."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.naming import hash3
from router.ports import service_port
from tests.e2e.routers import LIMIT, Router, Upstream, free_port, fresh, listens, wait_until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="sockets of others are seen on Linux"),
]
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root has a second user")
OTHER_USER = 65_534
BAD_GATEWAY = 502
SERVER = """
import http.server, os, sys
port, text, user = int(sys.argv[1]), sys.argv[2].encode(), int(sys.argv[3])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    allow_reuse_port = True
"".encode("idna")  # what is imported later may lie where that user cannot read
if user:
    os.setuid(user)
Server(("127.0.0.1", port), Handler).serve_forever()
"""


@contextlib.contextmanager
def server(place: Path, port: int, text: str, *, user: int = 0) -> Iterator[int]:
    """Run a server that shares its port in a directory, as another user where one is given; give its pid."""
    command = [sys.executable, "-c", SERVER, str(port), text, str(user)]
    shared = listens(port)
    with subprocess.Popen(command, cwd=place, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: shared or listens(port) or process.poll() is not None, what="a server")
            assert process.poll() is None
            yield process.pid
        finally:
            process.kill()
            process.wait(LIMIT)


def problem(router: Router, path: Path, kind: str) -> str:
    """Wait until a worktree has a problem of this kind, and return its message."""

    def message() -> str:
        found = (router.at(path) or {}).get("problems", ())
        return next((each["message"] for each in found if each["kind"] == kind), "")

    return wait_until(message, what=kind)


@needs_root
@pytest.mark.parametrize("named", [True, False], ids=["declared", "assigned"])
def test_another_users_server_gets_no_request(shared: Router, tmp_path: Path, named: bool) -> None:
    branch = fresh("bobs")
    path = shared.add(branch, port=free_port() if named else None)
    source = "env:.env.local" if named else "hash"
    port = wait_until(lambda: (web := shared.web(path)).get("source") == source and web["port"], what="its port")
    with server(tmp_path, port, "stolen", user=OTHER_USER) as pid:
        message = problem(shared, path, "stranger-on-port")
        assert str(OTHER_USER) in message
        assert str(port) in message
        assert str(pid) in message  # root sees the process
        wait_until(lambda: shared.get(branch).status_code == BAD_GATEWAY, what="no route")
        for _ in range(20):
            assert shared.page(branch) != "stolen"
        assert (shared.web(path)["port"], shared.web(path)["up"]) == (port, False)
    shared.serve(path, "own", port)
    wait_until(lambda: shared.page(branch) == "own", what="its own server")
    wait_until(lambda: "stranger-on-port" not in shared.kinds(path), what="no problem left")


@needs_root
def test_its_own_server_elsewhere_is_routed_while_another_user_has_the_port(shared: Router, tmp_path: Path) -> None:
    branch, port = fresh("moved"), free_port()
    path = shared.add(branch, port=port)
    with server(tmp_path, port, "stolen", user=OTHER_USER):
        problem(shared, path, "stranger-on-port")
        shared.serve(path, "own", free_port())
        wait_until(lambda: shared.page(branch) == "own", what="its own server")
        wait_until(lambda: shared.kinds(path) == {"moved-port"}, what="moved-port")


@needs_root
def test_a_new_worktree_is_not_assigned_the_port_of_another_user(shared: Router, tmp_path: Path) -> None:
    branch = fresh("squatted")
    port = service_port("web", branch)
    with server(tmp_path, port, "stolen", user=OTHER_USER):
        path = shared.add(branch)
        assert shared.routed(path)["services"]["web"]["port"] == port + 1
        wait_until(lambda: "hash-collision" in shared.kinds(path), what="hash-collision")
        assert shared.get(branch).status_code == BAD_GATEWAY


def test_a_stranger_of_this_user_is_routed_and_reported_with_pid_program_and_directory(shared: Router) -> None:
    branch = fresh("stranger")
    with Upstream("mine all the same") as upstream:
        path = shared.add(branch, port=upstream.port)
        message = problem(shared, path, "stranger-on-port")
        for known in (str(os.getpid()), str(Path.cwd()), str(upstream.port)):
            assert known in message
        wait_until(lambda: shared.page(branch) == "mine all the same", what="the route")
        assert shared.run("status", "--check").code == 1


def test_a_port_that_two_worktrees_share_is_routed_for_neither(shared: Router) -> None:
    port, one, other = free_port(), fresh("one"), fresh("other")
    first, second = shared.add(one, port=port), shared.add(other)
    with server(first, port, one):
        wait_until(lambda: shared.page(one) == one, what="the first server")
        with server(second, port, other):
            for path in (first, second):
                message = problem(shared, path, "shared-port")
                assert str(first) in message
                assert str(second) in message
            wait_until(lambda: {shared.get(n).status_code for n in (one, other)} == {BAD_GATEWAY}, what="no route")
            for _ in range(20):
                assert other not in shared.page(one)
        wait_until(lambda: shared.page(one) == one, what="the first server alone")
        wait_until(lambda: "shared-port" not in shared.kinds(first), what="no problem left")


def test_a_renamed_branch_takes_over_no_alias_and_no_sign_in(shared: Router) -> None:
    owner, evil = fresh("owner"), fresh("evil")
    path = shared.add(owner)
    alias = f"shop-{owner}"
    shared.serve(path, "owner", free_port())
    wait_until(lambda: shared.page(alias) == "owner", what="the alias")
    thief = shared.add(evil)
    shared.routed(thief)
    shared.git("branch", "--move", evil, alias)
    shared.label(thief, f"{alias}-{hash3(alias)}")
    assert shared.page(alias) == "owner"
    answer = shared.get("localhost", f"/auth/callback?code=c&state=WT1.{alias}.s")
    assert answer.headers["Location"].startswith(f"http://{alias}.localhost:{shared.port}/")
    wait_until(lambda: shared.kinds(thief) == {"name-collision"}, what="name-collision")


def test_the_name_of_a_removed_worktree_goes_to_its_branch_at_once_and_to_no_other(shared: Router) -> None:
    left = fresh("left")
    path = shared.add(f"x/{left}")
    shared.routed(path)
    shared.git("worktree", "remove", "--force", path)
    shared.gone(f"x-{left}")
    other = shared.add(f"x.{left}")
    assert shared.routed(other)["name"] == f"x-{left}-{hash3(f'x.{left}')}"
    again = shared.directory / fresh("again")
    shared.git("worktree", "add", "--quiet", again, f"x/{left}")
    assert shared.routed(again)["name"] == f"x-{left}"


def test_a_server_outside_at_a_port_that_was_handed_out_with_no_watcher_running_is_the_worktrees(
    router: Router, tmp_path: Path
) -> None:
    branch = fresh("wrapped")
    path = router.add(branch)
    port = int(router.url("--direct", cwd=path).rpartition(":")[2])
    with server(tmp_path, port, "wrapped") as pid:
        router.up()
        wait_until(lambda: router.page(branch) == "wrapped", what="the server outside")
        web = wait_until(lambda: found if (found := router.web(path)).get("up") else None, what="up")
        assert (web["port"], web["pid"]) == (port, pid)
        assert not router.kinds(path)


def test_a_server_outside_at_the_port_of_router_env_is_the_worktrees(shared: Router, tmp_path: Path) -> None:
    branch = fresh("wrapped")
    path = shared.add(branch)
    shared.routed(path)
    said = shared.run("env", "--format", "dotenv", cwd=path)
    port = next(int(line.removeprefix("PORT=")) for line in said.out.splitlines() if line.startswith("PORT="))
    with server(tmp_path, port, "wrapped"):
        wait_until(lambda: shared.page(branch) == "wrapped", what="the server outside")
        wait_until(lambda: shared.web(path)["up"], what="up")
        assert not shared.kinds(path)


def test_a_port_on_which_a_stranger_listens_already_is_not_made_the_strangers_by_asking(
    shared: Router, tmp_path: Path
) -> None:
    branch = fresh("squatted")
    path = shared.add(branch)
    port = shared.routed(path)["services"]["web"]["port"]
    with server(tmp_path, port, "a stranger"):
        problem(shared, path, "stranger-on-port")
        assert shared.url("--direct", cwd=path).endswith(f":{port}")
        shared.run("env", cwd=path)
        shared.routed(shared.add(fresh("look")))  # the next pass
        message = problem(shared, path, "stranger-on-port")
        assert str(tmp_path) in message

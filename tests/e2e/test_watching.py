"""What happens to worktrees while the router runs, and what each of that does to the route table."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import sleep

import pytest

from router.naming import label
from router.ports import service_port
from router.store import Store
from tests.e2e.routers import Router, Stream, Upstream, free_port, fresh, wait_until

pytestmark = pytest.mark.e2e

MISSED = 20.0  # seconds: what was missed is found after 25 all the same


def test_a_new_worktree_is_routed(shared: Router) -> None:
    branch = fresh("feature/new")
    path = shared.routed(shared.add(branch))
    assert path["name"] == label(branch)
    assert shared.get(label(branch)).status_code == 502


def test_a_worktree_that_git_is_held_up_in_making_is_routed(shared: Router) -> None:
    branch = fresh("slow")
    path, admin = shared.directory / branch, shared.repository / ".git" / "worktrees" / branch
    shared.git("branch", branch)
    admin.mkdir(parents=True)
    sleep(0.5)  # for a look that finds a worktree git does not list yet
    path.mkdir()
    for file, text in ((path / ".git", f"gitdir: {admin}"), (admin / "gitdir", f"{path}/.git"),
                       (admin / "HEAD", f"ref: refs/heads/{branch}"), (admin / "commondir", "../..")):  # fmt: skip
        file.write_text(f"{text}\n")
    shared.label(path, branch)


def test_a_switched_branch_changes_the_host_and_not_the_hash_port(shared: Router) -> None:
    before, after = fresh("before"), fresh("after")
    path = shared.add(before)
    port = shared.routed(path)["services"]["web"]["port"]
    assert port == service_port("web", before)

    shared.git("switch", "--quiet", "-c", after, cwd=path)
    shared.label(path, after)
    assert shared.web(path)["port"] == port
    assert shared.get(after).status_code == shared.get(before).status_code == 502


def test_a_renamed_branch_changes_the_host(shared: Router) -> None:
    before, after = fresh("before"), fresh("after")
    path = shared.add(before)
    shared.label(path, before)
    shared.git("branch", "-m", before, after)
    shared.label(path, after)


@pytest.mark.parametrize("how", ["git", "rm"])
def test_a_removed_worktree_is_no_longer_routed(shared: Router, how: str) -> None:
    branch = fresh("removed")
    path = shared.add(branch)
    shared.label(path, branch)
    if how == "git":
        shared.git("worktree", "remove", "--force", path)
    else:
        shutil.rmtree(path)
    shared.gone(branch)
    assert shared.get(branch).status_code == 404
    # git removes the directory before its own files: a look in between finds it missing
    wait_until(lambda: ("missing-directory" in shared.kinds()) == (how == "rm"), what="what is left")
    shared.git("worktree", "prune")
    wait_until(lambda: not shared.kinds(), what="no problem left")


def test_a_directory_moved_by_hand_is_routed_again_after_a_repair(shared: Router) -> None:
    branch = fresh("moved")
    path = shared.add(branch)
    port = shared.routed(path)["services"]["web"]["port"]
    there = path.rename(shared.directory / f"{branch}.there")
    shared.gone(branch)
    shared.git("worktree", "repair", there)
    shared.label(there, branch)
    assert shared.web(there)["port"] == port


def test_a_moved_worktree_keeps_its_host_and_port(shared: Router) -> None:
    branch = fresh("moved")
    path, there = shared.add(branch), shared.directory / f"{branch}.there"
    port = shared.routed(path)["services"]["web"]["port"]
    shared.git("worktree", "move", path, there)
    shared.label(there, branch)
    assert shared.web(there)["port"] == port
    assert f"{branch}-there" in shared.routed(there)["aliases"]


def test_a_worktree_made_again_at_the_same_path_is_another_one(shared: Router) -> None:
    first, second = fresh("first"), fresh("second")
    path = shared.add(first)
    shared.label(path, first)
    shared.git("worktree", "remove", "--force", path)
    shared.add(second, path)
    shared.label(path, second)
    assert shared.web(path)["port"] == service_port("web", second)


def test_a_rebase_in_progress_keeps_the_host(shared: Router) -> None:
    branch, other = fresh("rebased"), fresh("other")
    path = shared.add(branch)
    shared.git("branch", other)
    (path / "page.txt").write_text("mine\n")
    shared.git("commit", "--quiet", "--all", "--message=mine", cwd=path)
    there = shared.directory / other
    shared.git("worktree", "add", "--quiet", there, other)
    (there / "page.txt").write_text("theirs\n")
    shared.git("commit", "--quiet", "--all", "--message=theirs", cwd=there)
    shared.label(path, branch)

    with pytest.raises(AssertionError, match="onflict"):
        shared.git("rebase", "--quiet", other, cwd=path)
    wait_until(lambda: (shared.at(path) or {}).get("detached"), what="detached")
    assert shared.routed(path)["name"] == branch
    assert shared.get(branch).status_code == 502

    shared.git("rebase", "--abort", cwd=path)
    wait_until(lambda: not shared.routed(path)["detached"], what="no longer detached")
    assert shared.routed(path)["name"] == branch


def test_an_edited_env_file_moves_the_route(shared: Router) -> None:
    with Upstream("one") as one, Upstream("two") as two:
        branch = fresh("edited")
        path = shared.add(branch, port=one.port)
        wait_until(lambda: shared.page(branch) == "one", what="one")
        shared.declare(path, two.port)
        wait_until(lambda: shared.page(branch) == "two", what="two")
        assert shared.web(path)["source"] == "env:.env.local"
        (path / ".env.local").unlink()
        wait_until(lambda: shared.web(path)["source"] == "hash", what="hash")


def test_a_change_made_while_the_one_before_is_loaded_is_not_missed(running: Router) -> None:
    one, two = running.add(fresh("one")), running.add(fresh("two"))
    wait_until(lambda: running.at(one) and running.at(two), what="both")
    log = Store(running.state).caddy_log
    for _ in range(3):
        ports, size = (free_port(), free_port()), log.stat().st_size
        running.declare(one, ports[0])
        wait_until(lambda: log.stat().st_size > size, pause=0.001, what="a load")  # noqa: B023
        running.declare(two, ports[1])
        wait_until(lambda: (running.web(one)["port"], running.web(two)["port"]) == ports, limit=MISSED)  # noqa: B023


def test_a_change_made_while_git_is_asked_is_not_missed(router: Router) -> None:
    before, after = fresh("before"), fresh("after")
    path, hold, held = router.add(before), router.directory / "hold", router.directory / "held"
    slow = router.directory / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text(
        f"#!/bin/sh\n'{shutil.which('git')}' \"$@\"; code=$?\n"
        f"case \"$*\" in *'worktree list'*) while [ -e '{hold}' ]; do : >'{held}'; sleep 0.02; done;; esac\n"
        "exit $code\n"
    )
    slow.chmod(0o755)
    router.up(env={"PATH": f"{slow.parent}:{os.environ['PATH']}"})
    router.label(path, before)
    hold.touch()
    router.declare(path, free_port())  # makes it look
    wait_until(held.exists, what="git asked")
    router.git("switch", "--quiet", "-c", after, cwd=path)
    hold.unlink()
    wait_until(lambda: (router.at(path) or {}).get("name") == after, limit=MISSED, what="the new name")


def test_a_server_started_anywhere_in_the_worktree_is_found(shared: Router) -> None:
    branch, port = fresh("found"), free_port()
    path = shared.add(branch)
    below = path / "apps" / "web"
    below.mkdir(parents=True)
    pid = shared.serve(below, "found", port)
    wait_until(lambda: shared.web(path).get("pid") == pid, what="found")
    assert (shared.web(path)["source"], shared.web(path)["program"]) == ("listener", "http.server")
    assert shared.page(branch) == "found"


def test_two_worktrees_that_declare_one_port_are_reported_and_the_first_keeps_it(shared: Router) -> None:
    with Upstream("first") as app:
        first, second = fresh("first"), fresh("second")
        path = shared.add(first, port=app.port)
        wait_until(lambda: shared.page(first) == "first", what="first")
        rival = shared.add(second, port=app.port)
        wait_until(lambda: "port-conflict" in shared.kinds(rival), what="port-conflict")
        assert shared.page(first) == "first"
        assert shared.get(second).status_code == 502
        assert shared.kinds(path) == {"stranger-on-port"}  # its server is this process
        assert shared.web(rival)["source"] == "hash"


def test_router_toml_names_services_worktrees_and_ports(running: Router) -> None:
    branch, port = fresh("named"), free_port()
    path = running.add(branch)
    (running.repository / "router.toml").write_text(
        f'services.docs.env = ["DOCS_PORT"]\n[worktrees."{branch}"]\nname = "Other Name"\nports.web = {port}\n'
    )
    running.label(path, "other-name")
    assert running.web(path)["port"] == port
    assert running.web(path)["source"] == "settings"
    assert running.get("docs.other-name.localhost").text.startswith("other-name (docs) does not listen")


# What is no change


@contextmanager
def no_load(router: Router, path: Path) -> Iterator[None]:
    """Check that the block causes no load: only the one change that is made after it does."""
    before, port = router.loads, free_port()
    yield
    router.declare(path, port)
    wait_until(lambda: router.web(path)["port"] == port, what="the change")
    assert router.loads == before + 1


def test_commits_status_fetches_and_editors_cause_no_load(shared: Router) -> None:
    path = shared.add(fresh("busy"))
    shared.declare(path, free_port())
    wait_until(lambda: shared.web(path).get("source") == "env:.env.local")
    with no_load(shared, path):
        for number in range(5):
            (path / "page.txt").write_text(f"{number}\n")
            (path / f"new-{number}.txt").write_text("new\n")
            shared.git("add", ".", cwd=path)
            shared.git("status", cwd=path)
            shared.git("commit", "--quiet", "--message=more", cwd=path)
        shared.git("fetch", "--quiet", shared.repository, shared.trunk, cwd=path)
        shared.git("gc", "--quiet", cwd=path)
        shared.git("tag", "--force", fresh("tag"), cwd=path)
        (path / ".page.txt.swp").write_text("")
        (path / "page.txt~").write_text("")
        os.utime(path / ".env.local")


def test_a_server_that_starts_and_stops_causes_no_load(shared: Router) -> None:
    port = free_port()
    path = shared.add(fresh("health"), port=port)
    wait_until(lambda: shared.web(path).get("port") == port, what="routed")
    with no_load(shared, path):
        for _ in range(2):
            with Upstream("up", port):
                wait_until(lambda: shared.web(path)["up"], what="up")
            wait_until(lambda: not shared.web(path)["up"], what="down")


def test_a_burst_of_worktrees_ends_in_the_exact_table_with_fewer_loads(running: Router) -> None:
    branches = [fresh(f"burst-{number}") for number in range(30)]
    before = running.loads
    for branch in branches[:10]:
        running.add(branch)
    with _held_up(running.watcher_pid):  # where git takes its time, each would be seen by itself
        for branch in branches[10:]:
            running.add(branch)
    wait_until(lambda: running.worktrees().keys() == {running.trunk, *branches}, limit=60, what="all routed")
    assert running.loads - before < len(branches)
    assert {running.get(branch).status_code for branch in branches} == {502}
    assert not running.seen()["problems"]


@contextmanager
def _held_up(watcher: int) -> Iterator[None]:
    """Let a watcher that this process started do nothing until the block ends."""
    os.kill(watcher, signal.SIGSTOP)
    os.waitid(os.P_PID, watcher, os.WSTOPPED | os.WNOWAIT)
    try:
        yield
    finally:
        os.kill(watcher, signal.SIGCONT)


def test_a_websocket_and_an_event_stream_outlive_ten_reloads(shared: Router) -> None:
    with Upstream("streams") as app, ExitStack() as opened:
        branch = fresh("streams")
        path = shared.add(branch, port=app.port)
        wait_until(lambda: shared.page(branch) == "streams", what="routed")
        websocket = opened.enter_context(Stream.websocket(shared.port, branch))
        events = opened.enter_context(Stream.events(shared.port, branch))
        assert (websocket.status, events.status) == (101, 200)
        assert websocket.echo("before") == "before"

        other, before = shared.add(fresh("reloads")), shared.loads
        for number in range(10):
            port = free_port()
            shared.declare(other, port)
            wait_until(lambda: shared.web(other).get("port") == port, what="reloaded")  # noqa: B023
            assert websocket.echo(f"after {number}") == f"after {number}"
            assert events.event().startswith("data: ")
        assert shared.loads >= before + 10
        assert shared.web(path)["up"]


# One bad worktree never takes another down


def _directory(path: Path) -> None:
    (path / ".env").mkdir()


def _toml(path: Path) -> None:
    (path / ".mise.local.toml").write_text("[env\nPORT = ")


def _fifo(path: Path) -> None:
    os.mkfifo(path / ".env.local")


def _bytes(path: Path) -> None:
    (path / ".env").write_bytes(b"PORT=\xff\xfe\x00\n")


def _loop(path: Path) -> None:
    (path / ".env").symlink_to(".env")


@pytest.mark.parametrize("spoil", [_directory, _toml, _fifo, _bytes, _loop])
def test_a_file_that_cannot_be_read_is_reported_and_takes_nobody_down(shared: Router, spoil) -> None:  # type: ignore[no-untyped-def]
    with Upstream("neighbour") as app:
        good, bad = fresh("good"), fresh("bad")
        shared.add(good, port=app.port)
        wait_until(lambda: shared.page(good) == "neighbour", what="the neighbour")
        path = shared.add(bad)
        spoil(path)
        wait_until(lambda: "unreadable-file" in shared.kinds(path), what="unreadable-file")
        assert shared.web(path)["source"] == "hash"
        assert shared.get(bad).status_code == 502
        assert shared.page(good) == "neighbour"


@pytest.mark.parametrize("value", ["80", "99999", "8080x", "{{ get_env(name='X') }}", "$(touch pwned)", "2019"])
def test_a_value_that_is_no_port_is_reported_and_never_run(shared: Router, value: str) -> None:
    path = shared.add(fresh("value"))
    shared.declare(path, value)
    wait_until(lambda: "bad-port" in shared.kinds(path), what="bad-port")
    assert shared.web(path)["source"] == "hash"
    assert not (path / "pwned").exists()


def test_a_router_toml_with_a_wrong_type_is_reported_and_keeps_the_routes(running: Router) -> None:
    settings = running.repository / "router.toml"
    for text, said in (("[services.docs]\nenv = 5\n", "services.docs.env"), ("[services", "not TOML")):
        settings.write_text(text)
        wait_until(lambda: any(said in p["message"] for p in running.seen()["problems"]), what=said)  # noqa: B023
        assert running.get(running.trunk).status_code == 502
    settings.unlink()
    wait_until(lambda: not running.kinds(), what="no problem left")


@pytest.mark.parametrize(
    "text", ['a"b{c}', "${{x}}", "分支", "b" * 200, "Ünï/Çødé", "a`b;c|d&e", "WT1.x", "-dash", "xn--x"]
)
def test_any_branch_name_gets_a_label(shared: Router, text: str) -> None:
    branch = f"x/{text}"
    path = shared.directory / fresh("any")
    shared.git("update-ref", f"refs/heads/{branch}", "HEAD")
    shared.git("worktree", "add", "--quiet", path, branch)
    name = shared.routed(path)["name"]
    assert name == label(branch)
    assert shared.get(name).status_code == 502
    assert shared.seen()["caddy"]["last_error"] is None


PATHS = ["with spaces", 'it\'s "quoted"', "new\nline", "tab\t{x}", "${HOME}", "ütf"]
BYTES = [os.fsdecode(b"\xff\xfe")] if sys.platform == "linux" else []  # macOS takes UTF-8 alone


@pytest.mark.parametrize("name", PATHS + BYTES)
def test_any_path_is_routed(shared: Router, name: str) -> None:
    branch = fresh("path")
    with Upstream("any path") as app:
        path = shared.add(branch, shared.directory / branch / name, port=app.port)
        wait_until(lambda: shared.page(branch) == "any path", what="routed")
        assert shared.run("status").code == 0
        assert shared.url(cwd=path) == f"http://{branch}.localhost:{shared.port}"

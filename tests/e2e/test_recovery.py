"""What is lost is made again, what is stopped is noticed, and no clock, disk or race leaves a wrong answer behind."""

import contextlib
import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from router.store import Store
from tests.e2e.routers import Router, Upstream, fresh, listens, remove, wait_until
from tests.e2e.test_faults import caddy_is_back, kill
from tests.needs import needs

pytestmark = pytest.mark.e2e

LOSSES: dict[str, Callable[[Path], object]] = {
    "caddy.sock": lambda state: (state / "caddy.sock").unlink(),
    "caddy.json": lambda state: (state / "caddy.json").unlink(),
    "a spoiled caddy.json": lambda state: (state / "caddy.json").write_text("{"),
    "status.json": lambda state: (state / "site" / "status.json").unlink(),
    "heartbeat": lambda state: (state / "site" / "heartbeat").unlink(),
    "memory.json": lambda state: (state / "memory.json").unlink(),
    "site": lambda state: remove(state / "site"),
    "logs": lambda state: remove(state / "logs"),
    "the state directory": remove,
}
FILES = ("caddy.json", "caddy.sock", "memory.json", "site/status.json", "site/heartbeat")


def caddies(router: Router) -> list[psutil.Process]:
    """Return every Caddy of this router that runs."""
    return [process for process in router.processes() if _is_caddy(process)]


def _is_caddy(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
        return process.name() == "caddy"
    return False


def is_whole(router: Router, app: str) -> bool:
    """Tell whether everything is there and true: one Caddy, its record, the files, and an answer."""
    seen = router.seen()
    there = all((router.state / name).exists() for name in FILES)
    true = bool(seen) and [process.pid for process in caddies(router)] == [seen["caddy"]["pid"]]
    return there and true and seen["caddy"]["in_sync"] and router.page(app) == "app"


def leaves_nothing(router: Router) -> None:
    """Stop the router, and expect that nothing of it is left."""
    said = router.down()
    assert said.code == 0, said.err
    wait_until(lambda: not router.processes(), what="nothing left")
    assert not listens(router.port)


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_lost_beside_a_running_watcher_is_made_again(router: Router, app: str, loss: str) -> None:
    router.up()
    LOSSES[loss](router.state)
    wait_until(lambda: is_whole(router, app), what=f"{loss} back")
    branch = fresh("later")
    router.add(branch)
    wait_until(lambda: router.page(branch).startswith(branch), what="a new worktree is routed")
    assert router.run("up").code == 0
    leaves_nothing(router)


@pytest.mark.parametrize("loss", LOSSES)
def test_up_serves_whatever_a_killed_watcher_and_a_loss_left(router: Router, app: str, loss: str) -> None:
    router.detach()
    kill(router.watcher_pid)
    LOSSES[loss](router.state)
    router.detach()
    wait_until(lambda: is_whole(router, app), what="whole again")
    leaves_nothing(router)


@pytest.mark.parametrize("loss", LOSSES)
def test_down_ends_whatever_a_killed_watcher_and_a_loss_left(router: Router, app: str, loss: str) -> None:
    router.detach()
    assert router.page(app) == "app"
    kill(router.watcher_pid)
    LOSSES[loss](router.state)
    leaves_nothing(router)


# Stopped processes


def test_a_stopped_caddy_is_continued(router: Router, app: str) -> None:
    router.up()
    pid = router.caddy_pid
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: router.page(app) == "app", what="an answer")
    assert router.caddy_pid == pid


@pytest.mark.parametrize("then", ["up", "down"])
def test_a_stopped_caddy_that_a_killed_watcher_left_is_no_dead_end(router: Router, app: str, then: str) -> None:
    router.detach()
    pid = router.caddy_pid
    kill(router.watcher_pid)
    os.kill(pid, signal.SIGSTOP)
    if then == "up":
        router.detach()
        wait_until(lambda: is_whole(router, app), what="whole again")
    leaves_nothing(router)


def test_a_hung_watcher_is_reported_until_it_goes_on(router: Router, app: str) -> None:
    router.detach()
    watcher = router.watcher_pid
    os.kill(watcher, signal.SIGSTOP)

    def kinds() -> list[str]:
        return [problem["kind"] for problem in router.status()["problems"]]

    wait_until(lambda: kinds() == ["watcher-hung"], limit=60, what="watcher-hung")
    assert router.run("status", "--check").code == 1
    assert f"kill -CONT {watcher}" in router.run("status").err
    assert router.url(app) == f"http://{app}.localhost:{router.port}"
    assert router.page(app) == "app"
    os.kill(watcher, signal.SIGCONT)
    wait_until(lambda: kinds() == [], what="well again")


def test_down_ends_a_stopped_watcher_and_its_caddy(router: Router, app: str) -> None:
    router.detach()
    assert router.page(app) == "app"
    os.kill(router.watcher_pid, signal.SIGSTOP)
    leaves_nothing(router)


# The clock


@needs("unshare", root=True)
@pytest.mark.parametrize("step", [1, -1, 3600])
def test_a_step_of_the_clock_starts_no_second_caddy(router: Router, app: str, tmp_path: Path, step: int) -> None:
    stat = tmp_path / "stat"
    text = Path("/proc/stat").read_text()
    stat.write_text(text)
    inside = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /proc/stat && exec "$@"', str(stat)]
    router.up(inside=inside)
    pid, loads = router.caddy_pid, router.loads
    boot = next(line for line in text.splitlines() if line.startswith("btime "))
    with stat.open("r+") as file:  # in place: what is mounted is this very file
        file.write(text.replace(boot, f"btime {int(boot.split()[1]) + step}"))
    branch = fresh("later")
    router.add(branch)
    wait_until(lambda: router.page(branch).startswith(branch), what="a new worktree is routed")
    router.git("worktree", "remove", router.directory / f"shop.{branch}")
    router.gone(branch)
    assert [process.pid for process in caddies(router)] == [pid]
    wait_until(lambda: router.loads >= loads + 2, what="what was loaded is published")
    assert router.loads == loads + 2
    leaves_nothing(router)


# The disk


@pytest.fixture
def disk(router: Router) -> Iterator[Path]:
    """A file system of 2 MB for the state directory."""
    router.state.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", router.state], check=True)
    try:
        yield router.state
    finally:
        router._stop()
        while router.state.is_mount():  # a test may have put another one over it
            subprocess.run(["umount", "--lazy", router.state], check=True)


def fill(disk: Path) -> Path:
    """Leave no room on a disk."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return ballast


@needs("mount", root=True)
def test_a_full_disk_stops_no_route_and_is_reported_until_there_is_room(router: Router, app: str, disk: Path) -> None:
    up = router.up()
    ballast = fill(disk)
    branch = fresh("later")
    router.add(branch)
    wait_until(lambda: router.page(branch).startswith(branch), what="routed with a full disk")
    wait_until(lambda: "No space left" in up.out.read_text(), what="the message")
    pid = router.caddy_pid
    kill(pid)
    wait_until(lambda: router.page(app) == "app", what="Caddy back")
    assert router.page(branch).startswith(branch)
    ballast.unlink()
    wait_until(lambda: branch in router.worktrees() and is_whole(router, app), what="whole again")
    wait_until(lambda: branch in {w.label for w in Store(router.state).memory().worktrees}, what="remembered")
    leaves_nothing(router)


@needs("mount", root=True)
@pytest.mark.parametrize("then", ["up", "down"])
def test_a_full_disk_and_a_kill_leave_nothing_torn(router: Router, app: str, disk: Path, then: str) -> None:
    router.detach()
    names = {w.label for w in Store(router.state).memory().worktrees}
    ballast = fill(disk)
    router.add(fresh("later"))
    kill(router.watcher_pid)
    kill(router.caddy_pid)
    if then == "down":
        assert router.down().code == 0
        ballast.unlink()
    else:
        said = router.run("up", "--detach")
        assert said.code == 0 or "No space left" in said.err
        ballast.unlink()
        router.detach()
        wait_until(lambda: is_whole(router, app), what="whole again")
    assert {w.label for w in Store(router.state).memory().worktrees} >= names
    leaves_nothing(router)


@needs("mount", root=True)
def test_a_read_only_state_directory_stops_no_route(router: Router, app: str, disk: Path) -> None:
    up = router.up()
    subprocess.run(["mount", "--bind", disk, disk], check=True)  # over it, as open files keep it from becoming so
    subprocess.run(["mount", "-o", "remount,bind,ro", disk], check=True)
    branch = fresh("later")
    router.add(branch)
    wait_until(lambda: "Read-only file system" in up.out.read_text(), what="the message")
    assert router.page(app) == "app"  # Caddy itself refuses a load then: it sets the mode of its admin socket
    subprocess.run(["umount", "--lazy", disk], check=True)
    wait_until(lambda: branch in router.worktrees() and is_whole(router, app), what="whole again")


# The terminal


def test_a_terminal_that_is_gone_does_not_end_the_watcher(router: Router, app: str) -> None:
    master, slave = pty.openpty()
    ignoring = 'trap "" HUP; exec "$@" >"$0" 2>&1 <"$0"'  # as nohup(1) does
    up = router.start("up", inside=["sh", "-c", ignoring, os.ttyname(slave)])
    wait_until(lambda: up.ended or router.seen().get("watcher", {}).get("pid") == up.pid, what="up")
    os.close(slave)
    os.close(master)
    branch = fresh("later")
    router.add(branch)
    wait_until(lambda: router.page(branch).startswith(branch), what="routed")
    assert not up.ended
    leaves_nothing(router)


# File events


@needs("unshare", root=True)
def test_without_one_inotify_instance_changes_are_found_by_looking(router: Router, app: str) -> None:
    limit = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"'
    router.up(inside=["unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh"])
    assert router.page(app) == "app"
    branch = fresh("later")
    router.add(branch)
    wait_until(lambda: router.page(branch).startswith(branch), what="routed")


def test_a_file_that_flips_all_the_time_does_not_keep_caddy_loading(running: Router) -> None:
    with Upstream("one") as one, Upstream("two") as two:
        path = running.add(fresh("flips"), port=one.port)
        wait_until(lambda: running.page(path.name.removeprefix("shop.")) == "one", what="the first load, at once")
        before, began = running.loads, os.times().elapsed
        for turn in range(300):
            running.declare(path, (two, one)[turn % 2].port)
            wait_until(lambda: True, pause=0.0)
        running.declare(path, two.port)
        wait_until(lambda: running.page(path.name.removeprefix("shop.")) == "two", what="the last state")
        allowed = 20 + 4 * (os.times().elapsed - began) + 2
        assert running.loads - before <= allowed


# Several commands at once


def test_six_ups_at_once_are_one_router_that_all_of_them_joined(router: Router, app: str) -> None:
    with ThreadPoolExecutor(6) as several:
        said = list(several.map(lambda _: router.run("up", "--detach"), range(6)))
    assert [(each.code, each.err) for each in said if each.code] == []
    assert len(caddies(router)) == 1
    assert router.page(app) == "app"
    leaves_nothing(router)


def test_up_against_down_ends_in_one_of_the_two_states_and_says_which(router: Router, app: str) -> None:
    for _ in range(5):
        with ThreadPoolExecutor(4) as several:
            ups = [several.submit(router.run, "up", "--detach") for _ in range(2)]
            downs = [several.submit(router.down) for _ in range(2)]
            said = [each.result() for each in (*ups, *downs)]
        assert [(each.code, each.err) for each in said if each.code] == []
        if router.status()["watcher"]["running"]:
            wait_until(lambda: is_whole(router, app), what="whole")
        else:
            assert not router.processes()
    router.down()
    assert not router.processes()


def test_a_caddy_that_lost_its_socket_again_and_again_is_kept_with_its_routes(router: Router, app: str) -> None:
    router.up()
    for _ in range(2):
        pid = router.caddy_pid
        (router.state / "caddy.sock").unlink()
        caddy_is_back(router, pid)
    assert router.page(app) == "app"

"""`start`, `restart`, `logs NAME`, `down --servers` as commands: what they print, where, and with which exit code."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from router import ps
from router.errors import StoreError
from router.servers import records
from router.sleep import kept
from router.store import Store
from tests.cli.conftest import Said, Workplace
from tests.e2e.routers import fresh
from tests.processes.scenes import started, wait_until
from tests.processes.servers import DAEMON
from tests.servers.shops import LISTEN, WAIT, end_started

Command = Callable[..., Said]


@pytest.fixture
def linked(workplace: Workplace) -> Iterator[Path]:
    """A linked worktree on a branch of its own; the servers that were started in it are ended."""
    branch = fresh("fix")
    place = workplace.repository.parent / f"shop.{branch}"
    subprocess.run(["git", "worktree", "add", "-q", "-b", branch, place], cwd=workplace.repository, check=True)
    yield place
    end_started(Store(workplace.state))


def settle(command: Command, workplace: Workplace, linked: Path, **codes: str) -> str:
    """Have services started by Python with these codes, and allow it; return the label of the worktree."""
    lines = []
    for service, code in codes.items():
        (linked / f"{service}.py").write_text(code)
        lines.append(f"[services.{service}]\nrun = '{sys.executable} -S {service}.py'\n")
    (workplace.repository / "router.toml").write_text("".join(lines))
    assert command("allow").code == 0
    return linked.name.removeprefix("shop.")


def service(command: Command, label: str, name: str = "web") -> dict[str, object]:
    status = json.loads(command("status", "--json").out)
    [tree] = [each for each in status["worktrees"] if each["name"] == label]
    return dict(tree["services"][name])


def test_start_prints_the_urls_of_what_is_up_and_starts_nothing_twice(
    command: Command, workplace: Workplace, linked: Path
) -> None:
    label = settle(command, workplace, linked, web=LISTEN + WAIT, api=LISTEN + WAIT)
    said = command("start", label)
    assert (said.code, said.out) == (0, f"http://{label}.localhost:8080\nhttp://api.{label}.localhost:8080\n")
    assert f"{label}: starting web (router.toml): {sys.executable} -S web.py\n" in said.err
    pids = {each.record.service: each.record.server.pid for each in records.every(Store(workplace.state))}
    assert f"{label}: web is up (pid {pids['web']})\n" in said.err
    web = service(command, label)
    assert (web["state"], web["up"], web["pid"]) == ("up", True, pids["web"])
    assert str(web["since"]).endswith("Z")
    again = command("start", label, "--service", "web")
    assert (again.code, again.out) == (0, f"http://{label}.localhost:8080\n")
    assert again.err == f"{label}: web is up already: web.py (pid {pids['web']}) on {web['port']}\n"


def test_start_as_json_says_which_service_is_up(command: Command, workplace: Workplace, linked: Path) -> None:
    label = settle(command, workplace, linked, web=LISTEN + WAIT, api="raise SystemExit(3)")
    said = command("start", label, "--json")
    assert (said.code, json.loads(said.out)) == (1, {"schema": 1, "name": label, "services": {
        "web": {"url": f"http://{label}.localhost:8080", "up": True},
        "api": {"url": f"http://api.{label}.localhost:8080", "up": False},
    }})  # fmt: skip


def test_what_runs_already_by_hand_is_not_started(command: Command, workplace: Workplace, linked: Path) -> None:
    label = settle(command, workplace, linked, web=LISTEN + WAIT)
    port = service(command, label)["port"]
    with started() as real:
        child = real.run(linked, sys.executable, "-S", "-m", "http.server", "--bind", "127.0.0.1", str(port))
        wait_until(lambda: service(command, label)["up"])
        said = command("start", label)
        assert (said.code, records.every(Store(workplace.state))) == (0, ())
        assert f"web is up already: http.server (pid {child.pid}) on {port}" in said.err


def test_a_server_that_fails_is_said_with_its_last_lines_and_is_failed_until_it_is_stopped(
    command: Command, workplace: Workplace, linked: Path
) -> None:
    label = settle(command, workplace, linked, web="print('no database'); raise SystemExit(3)\n")
    said = command("start", label)
    assert (said.code, said.out) == (1, "")
    lines = said.err.splitlines()[-3:]
    assert lines[0].startswith(f"error: {label}: web ended with exit code 3, ")
    assert lines[1:] == ["  no database", f"  → see `router logs {label} --service web`"]
    assert service(command, label)["state"] == "failed"
    table = command("status")
    assert [line.split()[-1] for line in table.out.splitlines() if line.startswith(label)] == ["failed"]
    assert "after its start: no database [start-failed]" in table.err
    assert command("status", "--check").code == 1
    command("stop", label, "--service", "web")
    assert service(command, label)["state"] == "down"
    assert "start-failed" not in command("status").err


def test_without_a_command_the_line_to_write_is_said(command: Command, workplace: Workplace, linked: Path) -> None:
    (linked / "package.json").write_text('{"scripts": {"dev": "vite"}}')
    label = linked.name.removeprefix("shop.")
    said = command("start", label)
    assert said.code == 1
    assert said.err == (
        f"error: nothing says how a server of {label} is started\n"
        f'  → write [services.web] with run = "npm run dev" into the router.toml of {workplace.repository} '
        "(`router init` proposes one), then run `router allow`\n"
    )
    assert "choose one of: web, api" in command("start", label, "--service", "nope").err


def test_nothing_starts_before_it_is_allowed(command: Command, workplace: Workplace, linked: Path) -> None:
    (workplace.repository / "router.toml").write_text('[services.web]\nrun = "touch ran"\n')
    said = command("start", linked.name.removeprefix("shop."))
    assert (said.code, (linked / "ran").exists()) == (1, False)
    assert "is not allowed yet (services.web.run: start web with touch ran)" in said.err
    assert "`router allow`" in said.err


def test_restart_ends_a_server_and_starts_it_again(command: Command, workplace: Workplace, linked: Path) -> None:
    label = settle(command, workplace, linked, web=LISTEN + WAIT)
    command("start", label)
    [before] = records.every(Store(workplace.state))
    said = command("restart", label)
    assert (said.code, said.out) == (0, f"http://{label}.localhost:8080\n")
    assert f"{label}: ended web.py (pid {before.record.server.pid}) on " in said.err
    [after] = records.every(Store(workplace.state))
    assert after.runs
    assert after.record.server != before.record.server


def test_restart_as_json_says_what_ended_and_what_is_up(command: Command, workplace: Workplace, linked: Path) -> None:
    label = settle(command, workplace, linked, web=LISTEN + WAIT)
    command("start", label)
    [before] = records.every(Store(workplace.state))
    said = command("restart", label, "--json")
    found = json.loads(said.out)
    stopped = found.pop("stopped")
    services = {"web": {"url": f"http://{label}.localhost:8080", "up": True}}
    assert (said.code, found) == (0, {"schema": 1, "name": label, "services": services})
    [ended] = stopped["ended"]
    assert (ended["pid"], ended["killed"]) == (before.record.server.pid, False)
    assert (stopped["left"], stopped["failed"]) == ([], [])


def test_put_to_sleep_by_hand_it_sleeps_with_what_ran_until_it_is_started(
    command: Command, workplace: Workplace, linked: Path
) -> None:
    label = settle(command, workplace, linked, web=LISTEN + WAIT, api=LISTEN + WAIT)
    command("start", label)
    said = command("stop", label, "--sleep")
    assert (said.code, said.err.splitlines()[-1]) == (
        0, f"{label}: sleeps until it is started, or visited where a visit wakes it")  # fmt: skip
    assert [service(command, label, each)["state"] for each in ("web", "api")] == ["asleep", "asleep"]
    found = json.loads(command("status", "--json").out)["worktrees"]
    [told] = [each["sleep"]["asleep"] for each in found if each["name"] == label]
    assert (told["services"], told["why"], told["memory"] > 0) == (["web", "api"], "somebody put it to sleep", True)
    assert command("start", label).code == 0
    assert [service(command, label, each)["state"] for each in ("web", "api")] == ["up", "up"]
    assert kept.notes(Store(workplace.state)) == ()
    as_json = json.loads(command("stop", label, "--sleep", "--json").out)
    assert [each["asleep"] for each in as_json["worktrees"]] == [True]
    assert command("stop", label).code == 0
    assert service(command, label)["state"] == "down"
    assert [each["asleep"] for each in json.loads(command("stop", label, "--sleep", "--json").out)["worktrees"]] == [
        False
    ]
    assert command("stop", label, "--sleep", "--service", "web").code == 2


def test_restart_leaves_another_worktree_alone(
    command: Command, workplace: Workplace, linked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(command, workplace, linked, web=LISTEN + WAIT)
    monkeypatch.chdir(linked)
    said = command("restart", "main")
    assert (said.code, "another worktree" in said.err) == (1, True)
    assert json.loads(command("restart", "main", "--json").err)["code"] == "other-worktree"


def test_logs_of_a_worktree_are_those_of_its_servers(
    command: Command, workplace: Workplace, linked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = settle(command, workplace, linked, web=f"print('hello')\n{LISTEN}{WAIT}", api="print('bye')\n")
    assert command("logs", label).err.startswith(f"error: the router has started no server of {label}\n")
    command("start", label)
    wait_until(lambda: command("logs", label).out == "api: bye\nweb: hello\nweb: up\n")
    assert command("logs", label, "--service", "api").out == "api: bye\n"
    as_json = {"schema": 1, "lines": [{"log": "api", "line": "bye"}]}
    assert json.loads(command("logs", label, "--service", "api", "--json").out) == as_json
    monkeypatch.chdir(linked)
    assert command("logs", ".", "--service", "web").out == "web: hello\nweb: up\n"
    assert command("logs", "--service", "web").code == 2
    command("restart", "--service", "api")
    assert command("logs", ".", "--service", "api").out == "api: bye\napi: bye\n"
    assert command("logs", "nobody").code == 1


def test_logs_follow_what_is_printed_from_now_on_through_a_new_log(
    command: Command, workplace: Workplace, linked: Path
) -> None:
    go = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
    much = "for n in range(30000): print('x' * 60, n)\nprint('done', flush=True)\n"
    label = settle(command, workplace, linked, web=LISTEN + go + much + WAIT)
    command("start", label)
    follow = workplace.start("logs", label, "--follow", stdout=subprocess.PIPE)
    objects = workplace.start("logs", label, "--follow", "--json", stdout=subprocess.PIPE)
    assert follow.stdout
    assert objects.stdout
    assert follow.stdout.readline() == b"web: up\n"
    assert json.loads(objects.stdout.readline()) == {"schema": 1, "log": "web", "line": "up"}
    objects.terminate()
    objects.communicate()
    (linked / "go").touch()
    last = b""
    while last != b"web: done\n":
        last = follow.stdout.readline()
        assert last
    follow.terminate()
    follow.communicate()


def test_down_says_what_runs_on_and_ends_it_when_asked(command: Command, workplace: Workplace, linked: Path) -> None:
    label = settle(command, workplace, linked, web=LISTEN + WAIT)
    command("start", label)
    [server] = records.every(Store(workplace.state))
    pid = server.record.server.pid
    said = command("down")
    assert said.code == 0
    assert said.err.splitlines() == [
        "no router is running",
        f"{label}: web runs on (pid {pid})",
        "`router down --servers` ends what the router has started",
    ]
    assert ps.alive(server.record.server)
    ended = command("down", "--servers")
    assert (ended.code, ended.err.splitlines()[0].startswith(f"{label}: ended web.py (pid {pid}) on ")) == (0, True)
    assert not ps.alive(server.record.server)
    assert command("down", "--servers").err.splitlines() == ["no server was running", "no router is running"]
    assert service(command, label)["state"] == "down"


def test_a_server_that_was_started_by_hand_is_started_again_by_what_was_learnt(
    command: Command, workplace: Workplace, linked: Path
) -> None:
    label = linked.name.removeprefix("shop.")
    port = service(command, label)["port"]
    (linked / "web.py").write_text(LISTEN.replace("int(os.environ['PORT'])", str(port)) + WAIT)
    with started() as real:
        child = real.run(linked, sys.executable, "-S", "web.py", "--token=hunter2")
        wait_until(lambda: service(command, label)["up"])
        said = command("restart", label)
        assert said.code == 0, said.err
        child.wait(60)
    assert said.out == f"http://{label}.localhost:8080\n"
    assert f"{label}: starting web (learnt): {sys.executable} -S web.py --token=hunter2\n" in said.err
    shown = command("allow", "--show")
    assert "hunter2" not in shown.out
    assert f"learnt in {linked}: web is started with {sys.executable} -S web.py --token=hunter2; " in shown.err
    assert "hunter2" not in json.dumps(json.loads(command("status", "--json").out))
    [kept] = Store(workplace.state).directory.glob("servers/*/learnt.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    command("stop", label)
    again = command("start", label)
    assert (again.code, "starting web (learnt)" in again.err) == (0, True)


def test_what_router_toml_says_counts_before_what_was_learnt(
    command: Command, workplace: Workplace, linked: Path
) -> None:
    label = settle(command, workplace, linked, web=LISTEN + WAIT)
    with started() as real:
        port = service(command, label)["port"]
        child = real.run(linked, sys.executable, "-S", "-m", "http.server", "--bind", "127.0.0.1", str(port))
        wait_until(lambda: service(command, label)["up"])
        said = command("restart", label)
        child.wait(60)
    assert f"{label}: starting web (router.toml): {sys.executable} -S web.py\n" in said.err


def test_a_command_that_leaves_a_daemon_has_started_it(command: Command, workplace: Workplace, linked: Path) -> None:
    said_pid = "open('pid', 'w').write(str(os.getpid()))\n"
    label = settle(command, workplace, linked, web=f"{DAEMON}{LISTEN}{said_pid}{WAIT}")
    with started() as real:
        said = command("start", label)
        real.knows(int(wait_until(lambda: (linked / "pid").exists() and (linked / "pid").read_text())))
        assert (said.code, said.out) == (0, f"http://{label}.localhost:8080\n"), said.err
        assert f"{label}: web is up" in said.err
        assert service(command, label)["state"] == "up"
        assert command("stop", label).code == 0
        assert service(command, label)["state"] == "down"


def test_what_cannot_be_written_down_is_ended_all_the_same(
    command: Command, workplace: Workplace, linked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = settle(command, workplace, linked, web=LISTEN + WAIT)
    command("start", label)
    [server] = records.every(Store(workplace.state))

    def full(*_: object, **__: object) -> None:
        raise StoreError("no room", hint="")

    monkeypatch.setattr(Store, "write", full)
    assert command("stop", label).code == 0
    assert not ps.alive(server.record.server)

"""`stop` ends the servers of one worktree, and leaves whatever else works there."""

import os
import pwd
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from router import ps
from router.processes.containers import Container
from router.processes.stop import Stopped, stop
from tests.e2e.free_ports import free_port
from tests.processes.scenes import STUBBORN, WAIT, Started, first_line, gone, wait_until
from tests.processes.servers import KINDS, SERVE, beside_an_agent


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The worktree to stop."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """Another worktree."""
    (tmp_path / "there").mkdir()
    return tmp_path / "there"


def stopped(here: Path, *others: Path, ports: list[int] | None = None, patience: float = 5.0,
            composed: tuple[Container, ...] = (), routers: tuple[int, ...] = ()) -> Stopped:  # fmt: skip
    roots = list(map(str, (here, *others)))
    return stop(str(here), roots=roots, routers=routers, ports=ports, composed=lambda: composed, patience=patience)


def left(done: Stopped) -> dict[int, str]:
    return {each.process.pid: each.why for each in (*done.ended.left, *done.bystanders)}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_a_server_of_any_kind_is_ended_whole(
    here: Path, real: Started, kind: Callable[[Started, Path], list[int]]
) -> None:
    planted = kind(real, here)
    done = stopped(here, patience=1.0)
    assert {each.pid for each in done.ended.processes} == set(planted)
    assert gone(*planted)
    assert all(ps.identify(pid) for pid in left(done))


def test_only_what_does_not_hear_the_first_signal_is_killed(here: Path, real: Started) -> None:
    stubborn, willing = real.server(here, STUBBORN)[0], real.server(here)[0]
    done = stopped(here, patience=3.0)
    assert [each.pid for each in done.ended.killed] == [stubborn]
    assert {each.pid for each in done.ended.processes} == {stubborn, willing}


def test_what_only_has_its_directory_there_stays(here: Path, there: Path, real: Started) -> None:
    server, elsewhere = real.server(here)[0], real.server(there)[0]
    shell, editor, agent = real.shell(here), real.idle(here, name="nvim"), real.idle(here, name="claude")
    tail = real.run(here, "tail", "-f", "/dev/null").pid
    wait_until(lambda: Path(f"/proc/{tail}/comm").read_text() == "tail\n")
    done = stopped(here, there)
    assert [each.pid for each in done.ended.processes] == [server]
    assert left(done) == {shell: "a shell", editor: "an editor", agent: "an agent", tail: "does not listen"}
    assert all(map(ps.identify, (shell, editor, agent, tail, elsewhere)))


def test_an_agent_survives_the_server_that_shares_its_group(here: Path, real: Started) -> None:
    agent, server, port = beside_an_agent(real, here)
    done = stopped(here)
    assert [each.pid for each in done.ended.processes] == [server]
    assert done.ports[server] == (port,)
    assert ps.identify(agent)


def test_an_editors_server_is_left_and_said_so(here: Path, real: Started) -> None:
    editor = real.server(here, name="code")[0]
    assert left(stopped(here)) == {editor: "an editor"}
    assert ps.identify(editor)


def test_the_processes_that_run_this_command_stay(here: Path, real: Started) -> None:
    caller = f"""
import os, socket, sys
sys.path[:0] = {[str(Path(__file__).parents[2]), *sys.path]!r}
from router.processes.stop import stop
server = socket.create_server(('127.0.0.1', 0))
done = stop({str(here)!r}, roots=[{str(here)!r}], routers=(), composed=tuple)
print(os.getpid(), *[each.why.replace(' ', '-') for each in done.ended.left], flush=True)
"""
    child = real.run(here, sys.executable, "-c", f"{caller}{WAIT}")
    assert first_line(child) == f"{child.pid} this-command-itself"
    assert ps.identify(child.pid)


def test_one_port_alone_can_be_stopped(here: Path, real: Started) -> None:
    (web, port), (api, _) = real.server(here), real.server(here)
    done = stopped(here, ports=[port])
    assert [each.pid for each in done.ended.processes] == [web]
    assert left(done) == {api: "another server"}


def test_a_server_that_was_started_here_and_works_elsewhere_is_routed_here_and_stopped_here(
    here: Path, real: Started
) -> None:
    child = real.run(here, "bash", "--noprofile", "--norc")
    assert child.stdin
    away = here.parent / "away"
    away.mkdir()
    (away / "serve.py").write_text(SERVE + WAIT)
    child.stdin.write(f"cd {away}; {sys.executable} -S serve.py & cd {here}; echo done >&2\n")
    child.stdin.flush()
    server = int(first_line(child).split()[0])
    real.knows(server)
    wait_until(lambda: Path(f"/proc/{child.pid}/cwd").readlink() == here)
    done = stopped(here)
    assert [each.pid for each in done.ended.processes] == [server]
    assert left(done) == {child.pid: "a shell"}


def test_a_stopped_process_is_woken_to_end(here: Path, real: Started) -> None:
    pid = real.server(here)[0]
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: ") T " in Path(f"/proc/{pid}/stat").read_text())
    done = stopped(here, patience=10.0)
    assert ([each.pid for each in done.ended.processes], done.ended.killed) == ([pid], ())


def test_what_a_server_starts_while_it_ends_goes_too(here: Path, real: Started) -> None:
    code = f"""
import os, signal, subprocess, sys
def again(*_):
    subprocess.Popen([sys.executable, '-S', '-c', {STUBBORN + WAIT!r}])
    os._exit(0)
signal.signal(signal.SIGTERM, again)
"""
    supervisor = real.server(here, code)[0]
    slow = real.run(here, sys.executable, "-S", "-c", f"{STUBBORN}{SERVE}{WAIT}")
    first_line(slow)
    done = stopped(here, patience=3.0)
    assert supervisor in {each.pid for each in done.ended.processes}
    assert len(done.ended.killed) == 2
    assert gone(*(each.pid for each in done.ended.processes))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_users_server_is_left(here: Path, real: Started) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    theirs = real.server(here, f"import os; os.setgroups([]); os.setuid({nobody})\n")[0]
    wait_until(lambda: f"Uid:\t{nobody}" in Path(f"/proc/{theirs}/status").read_text())
    assert left(stopped(here)) == {theirs: "of another user"}
    assert ps.identify(theirs)


def test_where_nothing_listens_nothing_ends(here: Path, real: Started) -> None:
    idle = real.idle(here)
    done = stopped(here)
    assert done.ended.processes == ()
    assert left(done) == {idle: "does not listen"}


def test_the_watcher_and_its_caddy_stay_wherever_they_were_started(here: Path, real: Started) -> None:
    watcher = real.server(here)[0]
    assert left(stopped(here, routers=(watcher,))) == {watcher: "the router itself"}


def test_containers_that_another_worktree_shares_are_left(here: Path, there: Path) -> None:
    mine = Container("/no/engine", "1", "shop-db-1", "shop", "db", str(here), ())
    theirs = Container("/no/engine", "2", "shop-db-2", "shop", "db", str(there), ())
    done = stopped(here, there, composed=(mine, theirs))
    assert done.containers == ()
    [failed] = done.failed
    assert (failed.message, failed.hint) == (
        f"the Compose project shop also runs in {there}: shop-db-1 is left",
        "run `docker stop shop-db-1`",
    )


def test_a_stop_by_port_leaves_containers_of_other_ports(here: Path) -> None:
    mine = Container("/no/engine", "1", "shop-db-1", "shop", "db", str(here), (5432,))
    done = stopped(here, ports=[free_port()], composed=(mine,))
    assert (done.containers, done.failed) == ((), ())


def test_without_docker_the_containers_run_on_and_it_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Container("/no/engine", "1", "shop-db-1", "shop", "db", str(here), ())
    monkeypatch.setenv("PATH", str(here))
    [failed] = stopped(here, composed=(mine,)).failed
    assert "docker" in failed.message

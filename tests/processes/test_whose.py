"""`whose` names the worktree behind a port, a URL, a pid, a path or a container: real sockets, processes and git."""

import os
import pwd
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.errors import NobodyKnowsError
from router.model import Listener, WorktreeId
from router.observe.listeners import Listeners
from router.processes import answers, whose
from router.processes.answers import Answer
from router.processes.containers import Container
from router.processes.whose import Sources
from router.remembered import GoneWorktree, Memory
from tests.e2e.free_ports import free_port
from tests.processes.scenes import WAIT, Started, first_line, process
from tests.processes.servers import SERVE, beside_an_agent

OWN = 8080


def git(place: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=place, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A worktree that is routed as `x`."""
    made = tmp_path / "shop"
    git(tmp_path, "init", "--quiet", "--initial-branch=feature/x", str(made))
    git(made, "commit", "--quiet", "--allow-empty", "-m", "first")
    return made


def unlike_a_port(start: Callable[[], Sequence[int]]) -> Sequence[int]:
    """Start processes until the first pid is no port that somebody listens on: a number is a port before it is a pid.

    Return the pids and ports of the last.
    """
    while (found := start())[0] in {each.port for each in Listeners().scan([])}:
        pass
    return found


def entry(tree: Path, name: str = "x", **ports: int) -> dict[str, Any]:
    """Return a worktree of the status document with these services, which are up."""
    services = {n: {"port": port, "up": True, "source": "listener"} for n, port in ports.items()}
    return {"name": name, "aliases": ["shop-x"], "branch": "feature/x", "repository": "shop", "path": str(tree),
            "services": {"web": {"port": 1, "up": False, "source": "env:.env.local"}, **services}}  # fmt: skip


def known(tree: Path, *, lost: tuple[GoneWorktree, ...] = (), composed: tuple[Container, ...] = (),
          **ports: int) -> Sources:  # fmt: skip
    status = {"origin": f"http://localhost:{OWN}", "worktrees": [entry(tree, **ports)]}
    return replace(whose.sources(status, Memory(gone=lost), now=0.0), composed=lambda: composed)


def lines(answer: Answer) -> str:
    return "\n".join(answers.lines(answers.facts(answer, now=answer.process.started + 65 if answer.process else 0)))


def test_a_port_is_of_the_worktree_that_its_server_works_in(tree: Path, real: Started) -> None:
    pid, port = real.server(tree)
    answer = whose.whose(str(port), known(tree, web=port))
    commit = git(tree, "rev-parse", "--short", "HEAD")
    found = answers.facts(answer, now=0)
    assert found == {
        "worktree": "x", "repository": "shop", "branch": "feature/x", "path": str(tree), "gone": False,
        "commit": commit, "dirty": False, "service": "web", "port": port, "container": None,
        "known_by": "working directory", "process": {**found["process"], "pid": pid},
    }  # fmt: skip
    assert found["process"]["user"] == pwd.getpwuid(os.getuid()).pw_name
    (tree / "new.txt").write_text("work")
    assert lines(answer).splitlines()[0] == f"x of shop, branch feature/x, at {commit}, dirty"
    assert f"(pid {pid})" in lines(answer)
    assert "runs for 1 min" in lines(answer)


def test_who_started_a_server_is_told_up_to_the_agent(tree: Path, real: Started) -> None:
    agent, server, port = unlike_a_port(lambda: beside_an_agent(real, tree))
    answer = whose.whose(f":{port}", known(tree, web=port))
    assert answer.started_by == ("claude",)
    assert (answer.process.pid if answer.process else 0) == server
    assert whose.whose(str(agent), known(tree, web=port)).service == "web"  # something it started answers there


def test_who_started_a_server_is_told_through_scripts_up_to_the_shell(tree: Path, real: Started) -> None:
    (tree.parent / "serve.py").write_text(SERVE + WAIT)

    def server() -> Sequence[int]:
        shell = real.run(tree, "bash", "--noprofile", "--norc")
        assert shell.stdin
        shell.stdin.write(f"sh -c 'python3 -S {tree.parent}/serve.py; true'\n")
        shell.stdin.flush()
        return [*map(int, first_line(shell).split())]

    pid = unlike_a_port(server)[0]
    real.knows(pid)
    answer = whose.whose(str(pid), known(tree))
    assert answer.started_by == ("sh", "bash")


def test_a_server_that_went_elsewhere_is_known_by_what_started_it(tree: Path, real: Started) -> None:
    (tree.parent / "serve.py").write_text(f"import os; os.chdir('/tmp')\n{SERVE}{WAIT}")
    child = real.run(tree, "sh", "-c", f"python3 -S {tree.parent}/serve.py; true")
    pid, port = map(int, first_line(child).split())
    real.knows(pid)
    answer = whose.whose(str(port), known(tree, web=port))
    assert (answer.tree.name, answer.known_by, answer.service) == ("x", "job", "web")


@pytest.mark.parametrize(
    "host", ["api.x.localhost:8080", "http://x--api.localhost:8080/p", "http://api.shop-x.localhost"]
)
def test_a_host_is_of_the_service_it_leads_to(tree: Path, host: str) -> None:
    answer = whose.whose(host, known(tree, api=4000))
    assert (answer.tree.name, answer.service, answer.port, answer.known_by) == ("x", "api", 4000, "host")


def test_a_host_without_a_service_is_webs_and_a_name_in_front_of_it_too(tree: Path) -> None:
    for host in ("http://x.localhost:8080/", "tenant1.x.localhost"):
        assert whose.whose(host, known(tree, api=4000)).service == "web"


def test_a_path_on_the_worktrees_own_host_may_be_a_services(tree: Path) -> None:
    sources = known(tree, api=4000)
    for each in sources.living.values():
        each["services"]["api"]["path"] = "/api"
    assert whose.whose("http://x.localhost:8080/api/me", sources).service == "api"
    assert whose.whose("http://x.localhost:8080/apis", sources).service == "web"


def test_a_declared_port_is_known_though_nothing_listens(tree: Path) -> None:
    port = free_port()
    answer = whose.whose(str(port), known(tree, web=port))
    assert (answer.tree.name, answer.service, answer.known_by, answer.process) == ("x", "web", "declared", None)


def test_a_number_is_a_port_where_somebody_listens_else_a_pid_else_an_idle_port(tree: Path, real: Started) -> None:
    [pid] = unlike_a_port(lambda: [real.idle(tree)])
    assert whose.whose(str(pid), known(tree, api=pid)).known_by == "working directory"
    assert whose.whose(f":{pid}", known(tree, api=pid)).known_by == "declared"


def test_a_path_and_a_label_are_of_their_worktree(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "src").mkdir()
    for what in (str(tree / "src"), str(tree / "not-there/yet"), "x", "shop-x"):
        assert whose.whose(what, known(tree)).tree.name == "x"
    monkeypatch.chdir(tree)
    assert whose.whose("src", known(tree)).known_by == "path"


def test_a_label_is_of_its_worktree_though_another_ones_branch_is_called_so(tree: Path, tmp_path: Path) -> None:
    sources = known(tree)
    other = {**entry(tmp_path, "y"), "aliases": [], "branch": "x"}
    assert whose.whose("x", replace(sources, living={str(tmp_path): other, **sources.living})).tree.name == "x"


def test_a_worktree_that_the_router_does_not_serve_is_known_by_git(tree: Path, tmp_path: Path, real: Started) -> None:
    other = tmp_path / "other"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(other))
    git(other, "commit", "--quiet", "--allow-empty", "-m", "first")
    pid, port = unlike_a_port(lambda: real.server(other))
    answer = whose.whose(str(port), known(tree))
    assert (answer.tree.name, answer.tree.repository, answer.tree.branch) == (None, "other", "main")
    assert lines(answer).startswith("(not served) of other, branch main, at ")
    assert whose.whose(str(pid), known(tree)).tree.path == str(other)


def test_what_is_left_over_is_said_to_be_of_a_worktree_that_is_gone(tree: Path, tmp_path: Path, real: Started) -> None:
    place = tmp_path / "shop.y"
    place.mkdir()
    pid, port = unlike_a_port(lambda: real.server(place))
    place.rmdir()
    lost = GoneWorktree(WorktreeId(str(tree / ".git"), "y", 1), str(place), "shop", "y", ("y",), 0.0)
    answer = whose.whose(str(port), known(tree, lost=(lost,)))
    assert (answer.tree.name, answer.tree.gone, answer.known_by) == ("y", True, "working directory")
    assert lines(answer).startswith("y of shop, branch y, gone\n")
    assert whose.whose(str(place / "src"), known(tree, lost=(lost,))).tree.gone
    with pytest.raises(NobodyKnowsError, match=f"process {pid} .* works in .*shop.y, which was deleted"):
        whose.whose(str(pid), known(tree))


def test_a_container_is_of_the_worktree_its_project_is_in(tree: Path) -> None:
    port = free_port()
    box = Container("/no/engine", "1", "shop-web-1", "shop", "web", str(tree), (port,))
    sources = known(tree, composed=(box,))
    for each in sources.living.values():
        each["services"]["web"] |= {"source": "container:shop-web-1", "port": port}
    for what in ("shop-web-1", str(port)):
        answer = whose.whose(what, sources)
        assert (answer.tree.name, answer.service, answer.container, answer.known_by) == (
            "x", "web", "shop-web-1", "container",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (str(OWN), "port 8080 is the router's own"),
        ("4194399", "nothing listens on port 4194399, and no process has that pid"),
        ("nobody.localhost", "no worktree is called 'nobody'"),
        ("x--nothing.localhost", "x has no service 'nothing'"),
        ("no-such-container", "no container of Compose, worktree or file is called 'no-such-container'"),
        ("/", "/ is in no worktree"),
    ],
)
def test_what_nobody_knows_is_said_with_what_to_do(tree: Path, what: str, why: str) -> None:
    with pytest.raises(NobodyKnowsError, match=why) as caught:
        whose.whose(what, known(tree))
    assert caught.value.hint


def test_a_process_of_no_worktree_is_named_all_the_same(tree: Path, tmp_path: Path, real: Started) -> None:
    (tmp_path / "plain").mkdir()
    pid, port = real.server(tmp_path / "plain")
    with pytest.raises(NobodyKnowsError, match=rf"process {pid} \(.+\) of .+: {tmp_path}/plain is in no worktree"):
        whose.whose(str(port), known(tree))


def test_what_cannot_be_seen_is_said_with_the_command_that_shows_it() -> None:
    unseen = answers.unseen(Listener(5432, "127.0.0.1", uid=pwd.getpwnam("nobody").pw_uid))
    assert unseen.message == "port 5432 is nobody's, in a process that cannot be seen"
    assert unseen.hint == "run `sudo ss -ltnp 'sport = :5432'`"
    with pytest.raises(NobodyKnowsError, match=r"the directory of process 7 \(node\) of root cannot be seen") as caught:
        answers.around(process(7, cwd="", uid=0))
    assert caught.value.hint == "run `sudo ls -l /proc/7/cwd`"

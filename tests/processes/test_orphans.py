"""What is left of worktrees that are gone: every planted process is found and ended, and nobody else."""

import os
import pwd
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from router import ps
from router.model import WorktreeId
from router.processes import orphans
from router.processes.memory import Kind, of
from router.processes.orphans import Orphan
from router.remembered import GoneWorktree, Memory, RememberedWorktree
from tests.processes.scenes import Started, git, gone, wait_until
from tests.processes.servers import KINDS, beside_an_agent
from tests.processes.test_usage import near

MUCH = 1 << 40
WAYS = ("worktree remove --force", "rm", "rm and prune", "a killed removal", "seen by a watcher")


class Shop:
    """A repository with worktrees, and what is remembered of them."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "shop"
        git(directory, "init", "--quiet", str(self.path))
        git(self.path, "commit", "--quiet", "--allow-empty", "-m", "first")
        self.kept: dict[str, RememberedWorktree] = {}
        self.lost: list[GoneWorktree] = []

    def add(self, name: str) -> Path:
        """Add a worktree."""
        place = self.path.parent / f"shop.{name}"
        git(self.path, "worktree", "add", "-q", "-B", name, str(place))
        created = (self.admin(place) / "commondir").stat().st_mtime_ns
        identity = WorktreeId(str(self.path / ".git"), place.name, created)
        self.kept[name] = RememberedWorktree(identity, name, name, name, repository="shop", path=str(place))
        return place

    def admin(self, place: Path) -> Path:
        """Return git's own directory of a worktree."""
        return self.path / ".git/worktrees" / place.name

    def remove(self, name: str, way: str = WAYS[0]) -> None:
        """Remove a worktree."""
        place = Path(self.kept[name].path)
        if way.startswith("rm"):
            shutil.rmtree(place)
        else:
            git(self.path, "worktree", "remove", "--force", str(place))
        if way == "rm and prune":
            git(self.path, "worktree", "prune", "--expire=now")
        if way == "seen by a watcher":
            kept = self.kept.pop(name)
            self.lost.append(GoneWorktree(kept.id, kept.path, kept.repository, kept.branch, (kept.label,), 1.0))

    @property
    def memory(self) -> Memory:
        """What is remembered."""
        return Memory(worktrees=tuple(self.kept.values()), gone=tuple(self.lost))

    def orphans(self, least: int = MUCH) -> list[Orphan]:
        """Return the orphans of these worktrees."""
        return list(orphans.find(self.memory, least=least))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def pids(found: list[Orphan]) -> set[int]:
    return {each.process.pid for each in found}


def reap(shop: Shop, patience: float = 5.0) -> orphans.Ended:
    return orphans.reap(shop.orphans(), shop.memory, routers=(), patience=patience)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_a_server_of_any_kind_is_found_and_ended_whole(
    shop: Shop, real: Started, kind: Callable[[Started, Path], list[int]]
) -> None:
    planted = kind(real, shop.add("x"))
    assert shop.orphans() == []
    shop.remove("x")
    found = shop.orphans()
    assert pids(found) <= set(planted)
    assert [each.name for each in found] == ["x"]
    reap(shop, patience=1.0)
    wait_until(lambda: gone(*planted))
    assert shop.orphans() == []


def test_every_orphan_of_five_worktrees_is_ended_and_nobody_else(shop: Shop, real: Started) -> None:
    planted: set[int] = set()
    bystanders: set[int] = set()
    for number, way in enumerate(WAYS):
        place = shop.add(f"x{number}")
        planted |= {real.server(place)[0], *KINDS["daemon"](real, place), *KINDS["setsid"](real, place)}
        agent, server, _ = beside_an_agent(real, place)
        planted.add(server)
        bystanders |= {agent, real.shell(place), real.server(place, name="code")[0], real.idle(place)}
        shop.remove(f"x{number}", way)
    there = shop.add("there")
    (there / "dist").mkdir()
    for place in (there, there / "dist", shop.path, shop.path.parent):
        bystanders |= {real.server(place)[0], real.idle(place), real.shell(place), real.idle(place, name="nvim")}
        bystanders |= {*beside_an_agent(real, place)[:2]}
    (there / "dist").rmdir()
    other = shop.path.parent / "other"
    other.mkdir()
    bystanders |= {real.server(other)[0] for _ in range(6)}
    other.rmdir()  # a directory that was no worktree
    assert len(bystanders) >= 50

    found = shop.orphans()
    assert pids([each for each in found if each.process.role is None]) == planted
    assert len(pids(found) - planted) == len(WAYS)  # the editors that listen are shown
    ended = reap(shop)
    assert {each.pid for each in ended.processes} == planted
    assert gone(*planted)
    assert all(ps.identify(pid) for pid in bystanders)


def test_a_worktree_made_again_at_the_same_path_keeps_its_processes(shop: Shop, real: Started) -> None:
    old = real.server(shop.add("x"))[0]
    shop.remove("x", "seen by a watcher")
    new, work = real.server(shop.add("x"))[0], Path(shop.kept["x"].path)
    (work / "dist").mkdir()
    below = real.server(work / "dist")[0]
    (work / "dist").rmdir()
    assert pids(shop.orphans()) == {old}
    reap(shop)
    assert gone(old)
    assert all(map(ps.identify, (new, below)))


def test_what_is_locked_moved_or_of_no_remembered_worktree_is_nobodys_orphan(shop: Shop, real: Started) -> None:
    locked, moved, unknown = (shop.add(name) for name in ("locked", "moved", "unknown"))
    servers = [real.server(place)[0] for place in (locked, moved, unknown)]
    git(shop.path, "worktree", "lock", str(locked))
    shutil.rmtree(locked)
    git(shop.path, "worktree", "move", str(moved), f"{moved}-away")
    del shop.kept["unknown"]
    git(shop.path, "worktree", "remove", "--force", str(unknown))
    assert shop.orphans(least=0) == []
    assert all(map(ps.identify, servers))


def test_much_memory_makes_an_orphan_of_what_does_not_listen(shop: Shop, real: Started) -> None:
    place = shop.add("x")
    large, small = real.idle(place, code="held = b'x' * 60_000_000\n"), real.idle(place)
    shop.remove("x")
    [found] = shop.orphans(least=50_000_000)
    assert (found.process.pid, found.ports) == (large, ())
    assert found.memory.bytes > 60_000_000
    reaped = orphans.reap([found], shop.memory, routers=())
    assert [each.pid for each in reaped.processes] == [large]
    assert ps.identify(small)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_users_process_is_neither_shown_nor_ended(shop: Shop, real: Started) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    code = "import os, socket; s = socket.create_server(('127.0.0.1', 0)); os.setgroups([]); "
    theirs = real.idle(shop.add("x"), code=f"{code}os.setuid({nobody})\n")
    shop.remove("x")
    assert shop.orphans(least=0) == []
    assert ps.identify(theirs)


def test_a_pid_that_another_process_has_by_now_is_left_alone(shop: Shop, real: Started) -> None:
    server = real.server(shop.add("x"))[0]
    shop.remove("x")
    [found] = shop.orphans()
    assert found.process.pid == server
    earlier = replace(found, process=replace(found.process, id=replace(found.process.id, ticks=1)))
    assert orphans.reap([earlier], shop.memory, routers=()).processes == ()
    assert ps.identify(server)


def test_the_router_itself_stays_wherever_it_was_started(shop: Shop, real: Started) -> None:
    server = real.server(shop.add("x"))[0]
    shop.remove("x")
    ended = orphans.reap(shop.orphans(), shop.memory, routers=[server])
    assert [(left.process.pid, left.why) for left in ended.left] == [(server, "the router itself")]
    assert ps.identify(server)


def test_nothing_is_looked_at_where_nothing_is_gone(shop: Shop) -> None:
    shop.add("x")
    assert orphans.find(shop.memory, least=0) == ()


def test_an_orphan_in_the_document_and_its_problem_say_what_it_is_and_what_ends_it(shop: Shop, real: Started) -> None:
    pid, port = real.server(shop.add("x"))
    shop.remove("x")
    [found] = shop.orphans()
    entry = orphans.entry(found, now=found.process.started + 7300)
    assert entry == {
        "pid": pid, "program": found.process.program, "role": None, "port": port, "ports": [port],
        "memory": found.memory.bytes, "kind": Kind.PSS, "age_s": 7300, "worktree": "x", "repository": "shop",
        "path": str(shop.path.parent / "shop.x"), "project": None, "runs": True,
    }  # fmt: skip
    [problem] = orphans.problems([found], now=found.process.started + 7300)
    assert (problem.kind, problem.severity) == ("orphan-process", "warning")
    assert f"(pid {pid}) is left over from x of shop, which is gone: listens on {port}, " in problem.message
    assert problem.message.endswith("runs for 2 h")
    assert "router reap --yes" in problem.hint


def test_what_is_never_ended_is_no_problem(shop: Shop, real: Started) -> None:
    real.server(shop.add("x"), name="code")
    shop.remove("x")
    found = shop.orphans()
    assert [each.process.role for each in found] == ["editor"]
    assert orphans.problems(found, now=0) == ()


def test_memory_is_the_share_that_the_kernel_counts(real: Started, tmp_path: Path) -> None:
    pid = real.idle(tmp_path, code="held = b'x' * 20_000_000\n")
    assert of(pid).kind is Kind.PSS
    wait_until(lambda: near(of(pid).bytes, pid), what="what the kernel counts")
    assert of(2**22 + 1).bytes == 0


def test_a_socket_that_is_only_connected_is_no_port_held(shop: Shop, real: Started) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        real.idle(shop.add("x"), code=f"import socket; s = socket.create_connection({address!r})\n")
        shop.remove("x")
        assert shop.orphans() == []

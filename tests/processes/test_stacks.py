"""Which containers are left over from a worktree that is gone, and which of them may be taken down."""

import json
from pathlib import Path
from typing import Any

import pytest

from router.model import COPY, WorktreeId
from router.processes import containers, gone, stacks
from router.processes.containers import Container
from router.processes.stacks import Around, Stack
from router.remembered import GoneWorktree, Memory
from tests.observe.test_containers import engine

ROOT, MAIN = "/w/shop.x", "/w/shop"
LOST = GoneWorktree(WorktreeId("/w/shop/.git", "x", 1), ROOT, "shop", "x", ("x",), 100.0, "shop-x", "x")
AROUND = Around(frozenset({MAIN}), {"shop": MAIN})


def box(project: str = "shop-x", directory: str = ROOT, *, created: float = 50.0, engine: str = "/e") -> Container:
    name = f"{project}-web-1"
    return Container(engine, f"{engine}{directory}{name}", name, project, "web", directory, (), created)


def found(*boxes: Container, around: Around = AROUND) -> list[Stack]:
    return list(stacks.stacks(boxes, {ROOT: LOST}, around))


def test_the_containers_of_a_gone_worktree_are_a_stack_by_project_and_engine() -> None:
    mine = [box(), box(engine="/f"), box("shopx", f"{ROOT}/docker")]
    made = found(*mine, box("shop", MAIN), box("elsewhere", "/home/me"))
    assert [(each.engine, each.project, each.containers) for each in made] == [
        ("/e", "shop-x", (mine[0],)), ("/e", "shopx", (mine[2],)), ("/f", "shop-x", (mine[1],)),
    ]  # fmt: skip
    assert {each.stays for each in made} == {""}
    assert [each.has_own_name for each in made] == [True, False, True]


@pytest.mark.parametrize(
    ("boxes", "around", "why"),
    [
        ([box(), box(directory=MAIN)], AROUND, f"its project also runs in {MAIN}"),
        ([box(), box(directory="/home/me")], AROUND, "its project also runs in /home/me"),
        ([box(), box(directory="")], AROUND, "its project also runs in another directory"),
        ([box("shop")], AROUND, f"its project has the name of {MAIN}"),
        ([box("fixed")], AROUND, "its project is not the worktree's own"),
        ([box(created=101.0)], AROUND, "it was made after its worktree was gone"),
        ([box()], Around(frozenset({MAIN}), {}, frozenset({ROOT})), "git does not say that its worktree is gone"),
    ],
)
def test_what_may_be_anybody_elses_stays(boxes: list[Container], around: Around, why: str) -> None:
    [stack] = found(*boxes, around=around)
    assert (stack.containers, stack.stays) == ((boxes[0],), why)
    assert stacks.problem(stack, now=200.0) is None


def test_the_containers_of_a_worktree_inside_one_that_is_gone_are_not_its_own() -> None:
    assert found(box(directory=f"{ROOT}/inner"), around=Around(frozenset({f"{ROOT}/inner"}), {})) == []


def test_a_project_is_shared_with_a_worktree_that_may_have_been_moved() -> None:
    other = GoneWorktree(WorktreeId("/w/shop/.git", "y", 1), "/w/shop.y", "shop", "y", ("y",), 100.0, "shop-y", "y")
    around = Around(frozenset(), {}, frozenset({other.path}))
    made = stacks.stacks([box(), box(directory=other.path)], {ROOT: LOST, other.path: other}, around)
    assert [each.stays for each in made] == [
        "its project also runs in /w/shop.y", "git does not say that its worktree is gone",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("directory", "name"), [("/w/shop.x", "shopx"), ("/w/Fix_Auth-2", "fix_auth-2"), ("/w/_a.b", "ab"), ("/w/-ü", "")]
)
def test_the_name_that_compose_gives_to_a_directory(directory: str, name: str) -> None:
    assert stacks.default_name(directory) == name


def test_a_worktree_is_listed_no_more_only_where_its_repository_says_so(tmp_path: Path) -> None:
    common = tmp_path / "shop/.git"
    admin = common / "worktrees/x"
    admin.mkdir(parents=True)
    (admin / "commondir").write_text("../..\n")
    mine = WorktreeId(str(common), "x", (admin / "commondir").stat().st_mtime_ns)
    assert not gone.unlisted(mine)
    assert gone.unlisted(WorktreeId(str(common), "x", 1))  # another one has its name by now
    assert gone.unlisted(WorktreeId(str(common), "y", 1))
    assert not gone.unlisted(WorktreeId(str(tmp_path / "away/.git"), "x", 1))
    assert not gone.unlisted(WorktreeId(str(common), "", 1))
    assert not gone.unlisted(WorktreeId(str(common), f"{COPY}/w/copy", 1))


def listed(directory: str, **labels: str) -> dict[str, Any]:
    """Return a container as the engine lists it."""
    told = {"project": "shop-x", "service": "web", "project.working_dir": directory, **labels}
    return {
        "Id": "c0ffee", "Names": ["/shop-x-web-1"], "State": "exited", "Created": 50, "Ports": [],
        "Labels": {f"com.docker.compose.{key}": value for key, value in told.items()},
    }  # fmt: skip


@pytest.mark.parametrize("again", [False, True])
def test_what_an_engine_has_of_a_gone_worktree_where_nothing_else_is_by_now(tmp_path: Path, again: bool) -> None:
    (tmp_path / "shop/.git").mkdir(parents=True)
    place = tmp_path / "shop.x"
    identity = WorktreeId(str(tmp_path / "shop/.git"), "x", 1)
    lost = GoneWorktree(identity, str(place), "shop", "x", ("x",), 100.0, "shop-x", "x")
    if again:
        place.mkdir()
    with engine(json.dumps([listed(str(place))]).encode()) as (path, requests):
        made = stacks.find(Memory(gone=(lost,)), sockets=[path])
    assert [(each.stays, each.memory, each.containers[0].runs) for each in made] == (
        [] if again else [("", (0,), False)]
    )
    assert len(requests) == (0 if again else 1)
    assert all("all=true" in each for each in requests)


@pytest.mark.parametrize(
    "odd", [{"service": "../web"}, {"project.working_dir": "shop"}, {"project.working_dir": "/a\0"}]
)
def test_a_container_whose_labels_make_no_sense_is_somebodys(tmp_path: Path, odd: dict[str, str]) -> None:
    with engine(json.dumps([listed(ROOT), listed(ROOT, **odd), None, {"Labels": None}]).encode()) as (path, _):
        every = containers.every([path])
    assert {each.project for each in every} == {"shop-x"}
    [stack] = found(*every)
    assert (len(stack.containers), stack.stays) == (1, "its project also runs in another directory")

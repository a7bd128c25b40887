"""Worktrees that are gone: who may have their names, and when, and for how long they are remembered."""

from dataclasses import replace

import pytest

from router.model import Observed, Override
from router.naming import hash3
from router.remembered import Memory
from router.routes.gone import KEPT, MOST, RESERVED
from router.routes.memory import without
from router.routes.plan import plan
from tests.fakes import observed, repository, worktree
from tests.routes.looks import after, names, routes

LEFT = worktree("a/b", path="/w/t", admin="w", created=1)  # label a-b, alias t
NEXT = worktree("a-b", path="/n/t", created=2)
SUFFIXED = f"a-b-{hash3('a-b')}"
START = 1e9


def at(seconds: float, seen: Observed) -> Observed:
    """Return a look so long after the first one."""
    return replace(seen, now=START + seconds)


def gone() -> Memory:
    """Return what is remembered right after LEFT was removed."""
    return after(at(0, observed(LEFT)), at(1, observed(repository(worktree("main")))))


def test_a_worktree_that_is_gone_is_remembered_with_path_branch_and_names() -> None:
    memory = gone()
    assert [known.label for known in memory.worktrees] == ["main"]
    [left] = memory.gone
    assert (left.id, left.path, left.repository, left.branch) == (LEFT.id, "/w/t", "shop", "a/b")
    assert (left.names, left.since) == (("a-b", "t"), START + 1)


def test_its_names_go_to_no_other_branch_at_once() -> None:
    for memory in (gone(), after(at(0, observed(LEFT)))):  # seen to be gone before, or in the very same look
        assert routes(at(2, observed(NEXT)), memory)[NEXT.path].names == (SUFFIXED,)


def test_its_names_go_to_no_other_repository_at_once() -> None:
    same_branch = worktree("a/b", path="/n/t", common="/b/.git")
    seen = observed(repository(worktree("main")), repository(same_branch, name="blog"))
    assert routes(at(2, seen), gone())["/n/t"].names == ("blog-a-b",)


def test_its_names_go_to_a_new_worktree_of_the_same_branch_at_once() -> None:
    again = worktree("a/b", path="/n/t", admin="again", created=9)
    for memory in (gone(), after(at(0, observed(LEFT)))):
        planned = plan(at(2, observed(again)), memory)
        assert planned.table.routes[0].names == ("a-b", "t")
        assert planned.memory.gone[0].names == ()


def test_without_a_branch_only_a_worktree_at_the_same_place_has_its_names_at_once() -> None:
    left = worktree(None, path="/w/t", admin="w")
    memory = after(at(0, observed(left)), at(1, observed(worktree("main"))))
    for path, label in (("/w/t", "t"), ("/n/t", "n-t")):
        assert names(at(2, observed(worktree(None, path=path, admin="again", created=9))), memory) == {None: label}


def test_its_names_are_free_after_a_quarter_of_an_hour() -> None:
    assert RESERVED == 900
    found = routes(at(1 + 899, observed(NEXT)), gone())
    assert found[NEXT.path].names == (SUFFIXED,)
    assert routes(at(1 + 900, observed(NEXT)), gone())[NEXT.path].names == ("a-b", "t")


def test_an_alias_comes_by_itself_when_it_is_free() -> None:
    other = worktree("y", path="/n/t", created=2)
    memory = after(at(2, observed(other)), memory=gone())
    assert routes(at(3, observed(other)), memory)["/n/t"].names == ("y",)
    assert routes(at(1 + 900, observed(other)), memory)["/n/t"].names == ("y", "t")


def test_router_toml_gives_its_name_to_whom_it_names_at_once() -> None:
    seen = observed(repository(worktree("y"), overrides={"y": Override(name="A/B")}))
    assert names(at(2, seen), gone()) == {"y": "a-b"}


def test_router_toml_that_says_something_else_of_a_branch_gives_it_no_name() -> None:
    seen = observed(repository(NEXT, overrides={"a-b": Override(ports={"web": 4000})}))
    assert names(at(2, seen), gone()) == {"a-b": SUFFIXED}


def test_a_name_that_another_has_by_now_is_no_longer_the_gone_ones() -> None:
    named = observed(repository(worktree("y"), overrides={"y": Override(name="a/b")}))
    memory = after(at(2, named), at(3, observed(worktree("main"))), memory=gone())
    assert {left.branch: left.names for left in memory.gone} == {"a/b": ("t",), "y": ("a-b", "r-y")}
    same_branch_as_the_first = replace(LEFT, id=replace(LEFT.id, created=9))
    assert names(at(4, observed(same_branch_as_the_first)), memory) == {"a/b": f"a-b-{hash3('a/b')}"}


def test_one_that_is_back_is_gone_no_longer_and_has_its_names() -> None:
    main = worktree("main")
    planned = plan(at(2, observed(main, LEFT)), gone())
    assert planned.memory.gone == ()
    assert planned.table.routes[0].names == ("a-b", "t")
    hidden = observed(repository(main, LEFT, overrides={"a/b": Override(hide=True)}))
    assert plan(at(2, hidden), gone()).memory.gone == ()


def test_a_clock_that_was_set_back_keeps_a_name_no_longer_than_a_quarter_of_an_hour() -> None:
    memory = after(at(-86_400, observed(worktree("main"))), memory=gone())
    assert memory.gone[0].since == START - 86_400
    assert names(at(-86_400 + 900, observed(NEXT)), memory) == {"a-b": "a-b"}


@pytest.mark.parametrize(("seconds", "kept"), [(KEPT, 1), (KEPT + 1, 0)])
def test_a_gone_worktree_is_forgotten_after_a_week(seconds: float, kept: int) -> None:
    assert len(after(at(1 + seconds, observed(worktree("main"))), memory=gone()).gone) == kept


def test_the_newest_of_many_gone_worktrees_are_remembered() -> None:
    trees = [worktree(f"b{n}", created=n) for n in range(MOST)]
    memory = after(at(2, observed(*trees, worktree("main"))), at(3, observed(worktree("main"))), memory=gone())
    assert len(memory.gone) == MOST
    assert {left.since for left in memory.gone} == {START + 3}


def test_a_folder_copy_that_was_a_repository_before_is_not_gone() -> None:
    before = worktree("main", path="/w/shop-2", common="/w/shop-2/.git")
    copy = worktree(None, path="/w/shop-2", admin="copy:shop-2", common="/w/shop-1/.git")
    main = worktree("main", path="/w/shop-1", common="/w/shop-1/.git")
    planned = plan(observed(repository(main, copy, copies=True)), after(observed(before)))
    assert planned.memory.gone == ()
    assert {route.worktree.path: route.name for route in planned.table.routes}["/w/shop-2"] == "shop-2"


def test_what_went_while_nobody_looked_keeps_its_names_as_long() -> None:
    memory = without(after(observed(LEFT, worktree("main"))), {LEFT.id}, now=START)
    assert [known.label for known in memory.worktrees] == ["main"]
    assert names(at(899, observed(NEXT)), memory) == {"a-b": SUFFIXED}
    assert names(at(900, observed(NEXT)), memory) == {"a-b": "a-b"}

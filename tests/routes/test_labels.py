"""Who has which name: the collision, alias, detached and repository rules of the contract."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from router.model import Observed, Override, Problem
from router.naming import hash3
from router.remembered import Memory
from router.routes.plan import plan
from tests.fakes import observed, repository, worktree
from tests.routes.looks import NOTHING, after, names, routes

CONTRACT = json.loads((Path(__file__).parents[1] / "contract" / "naming.json").read_text())


def collisions(seen: Observed, memory: Memory = NOTHING) -> dict[str, list[Problem]]:
    return {
        route.name: [p for p in route.problems if p.kind == "name-collision"]
        for route in plan(seen, memory).table.routes
    }


@pytest.mark.parametrize("case", CONTRACT["collision_cases"], ids=lambda case: case["branches_oldest_first"][0])
def test_the_newer_worktree_of_a_collision_gets_the_suffix(case: dict[str, dict[str, str]]) -> None:
    aged = [worktree(b, created=n, admin=str(n)) for n, b in enumerate(case["branches_oldest_first"], 1)]
    assert names(observed(*reversed(aged))) == case["labels"]


def test_the_main_checkout_is_the_oldest() -> None:
    main = worktree("a/b", main=True, path="/z")
    other = worktree("a-b", created=1, path="/a")
    assert names(observed(other, main)) == {"a/b": "a-b", "a-b": f"a-b-{hash3('a-b')}"}


def test_among_equally_old_worktrees_the_path_decides() -> None:
    one, other = worktree("a/b", path="/2", admin="x"), worktree("a-b", path="/1", admin="y")
    assert names(observed(one, other))["a-b"] == "a-b"


def test_only_the_newer_worktree_shows_the_collision_with_both_paths() -> None:
    one, other = worktree("a/b", path="/1", created=1), worktree("a-b", path="/2", created=2, admin="y")
    shown = collisions(observed(one, other))
    assert shown["a-b"] == []
    [problem] = shown[f"a-b-{hash3('a-b')}"]
    assert "/1" in problem.message
    assert "/2" in problem.message
    assert problem.severity == "warning"


def test_a_collision_is_shown_for_as_long_as_the_suffix_is_there() -> None:
    seen = observed(worktree("a/b", created=1), worktree("a-b", created=2, admin="y"))
    memory = plan(seen, NOTHING).memory
    assert collisions(seen, memory) == collisions(seen)


def test_a_label_stays_after_a_restart_though_an_older_worktree_wants_it_now() -> None:
    young = worktree("a/b", created=9)
    memory = plan(observed(young), NOTHING).memory
    old = worktree("a-b", created=1, admin="old")
    assert names(observed(old, young), memory) == {"a/b": "a-b", "a-b": f"a-b-{hash3('a-b')}"}


def test_the_suffix_stays_after_the_owner_of_the_name_left() -> None:
    one, other = worktree("a/b", created=1), worktree("a-b", created=2, admin="y")
    memory = plan(observed(one, other), NOTHING).memory
    for now in (0.0, 1e6):  # while the name is kept from others, and after that
        assert names(observed(other, now=now), memory) == {"a-b": f"a-b-{hash3('a-b')}"}


def test_a_switch_of_branch_gives_a_new_label() -> None:
    before = worktree("a", path="/w", admin="w")
    memory = plan(observed(before), NOTHING).memory
    assert names(observed(worktree("b", path="/w", admin="w")), memory) == {"b": "b"}


def test_a_switch_to_another_branch_with_the_same_label_gives_the_suffix_of_that_branch() -> None:
    owner, before = worktree("a_b", created=1), worktree("a/b", path="/w", admin="w", created=2)
    memory = after(observed(owner, before))
    now = worktree("a-b", path="/w", admin="w", created=2)
    assert names(observed(owner, now), memory) == {"a_b": "a-b", "a-b": f"a-b-{hash3('a-b')}"}


def test_a_collision_of_suffixes_is_numbered() -> None:
    # the same branch checked out three times, as `git worktree add --force` allows
    trees = [worktree("a", path=f"/{n}", created=n, admin=str(n)) for n in (1, 2, 3)]
    suffix = hash3("a")
    assert sorted(r.name for r in routes(observed(*trees)).values()) == ["a", f"a-{suffix}", f"a-{suffix}-2"]


def test_the_directorys_name_is_an_alias() -> None:
    tree = worktree("worktree-foo", path="/r/.claude/worktrees/foo")
    assert routes(observed(tree))[tree.path].aliases == ("foo",)


def test_a_directory_named_like_the_label_needs_no_alias() -> None:
    tree = worktree("foo", path="/w/foo")
    assert routes(observed(tree))[tree.path].aliases == ()


def test_no_alias_where_another_worktree_has_it_as_label() -> None:
    one, other = worktree("a", path="/w/b", created=1), worktree("b", path="/w/c", created=2)
    found = routes(observed(one, other))
    assert found["/w/b"].aliases == ()
    assert found["/w/c"].aliases == ("c",)


def test_of_two_directories_of_one_name_the_older_has_the_alias() -> None:
    one, other = worktree("a", path="/1/shop", created=2), worktree("b", path="/2/shop", created=1)
    found = routes(observed(one, other))
    assert found["/2/shop"].aliases == ("shop",)
    assert found["/1/shop"].aliases == ()


# Names that stay with their worktree

OLD = worktree("feature/x", path="/w/shop-feature-x", created=5)  # label feature-x, alias shop-feature-x
EVIL = worktree("evil", path="/w/evil", admin="evil", created=1)
RENAMED = worktree("shop-feature-x", path="/w/evil", admin="evil", created=1)


def test_a_renamed_branch_takes_over_no_live_alias() -> None:
    memory = after(observed(OLD, EVIL))
    found = routes(observed(OLD, RENAMED), memory)
    assert found[OLD.path].names == ("feature-x", "shop-feature-x")
    assert found[EVIL.path].names == (f"shop-feature-x-{hash3('shop-feature-x')}", "evil")


def test_a_new_label_takes_no_live_alias_whoever_is_older() -> None:
    for created in (1, 9):
        new = worktree("shop-feature-x", path="/w/new", created=created)
        found = routes(observed(OLD, new), after(observed(OLD)))
        assert found[OLD.path].names == ("feature-x", "shop-feature-x")
        assert found["/w/new"].name == f"shop-feature-x-{hash3('shop-feature-x')}"


def test_a_collision_with_an_alias_shows_both_paths() -> None:
    memory = after(observed(OLD, EVIL))
    [problem] = collisions(observed(OLD, RENAMED), memory)[f"shop-feature-x-{hash3('shop-feature-x')}"]
    assert OLD.path in problem.message
    assert EVIL.path in problem.message


def test_a_name_in_router_toml_takes_over_no_live_name() -> None:
    memory = after(observed(OLD, EVIL))
    for name in ("feature-x", "shop-feature-x"):
        seen = observed(repository(OLD, EVIL, overrides={"evil": Override(name=name)}))
        assert routes(seen, memory)[OLD.path].names == ("feature-x", "shop-feature-x")


def test_a_new_alias_takes_over_no_live_alias() -> None:
    older = worktree("b", path="/other/shop-feature-x", created=1)
    found = routes(observed(older, OLD), after(observed(OLD)))
    assert found[OLD.path].aliases == ("shop-feature-x",)
    assert found[older.path].aliases == ()


def test_a_worktree_may_have_its_own_alias_as_its_label() -> None:
    switched = worktree("shop-feature-x", path=OLD.path, admin=OLD.id.admin, created=5)
    assert routes(observed(switched), after(observed(OLD)))[OLD.path].names == ("shop-feature-x",)


def test_what_was_a_label_stays_with_its_directory_as_an_alias() -> None:
    before = worktree("foo", path="/w/foo", admin="w", created=5)
    now = worktree("bar", path="/w/foo", admin="w", created=5)
    thief = worktree("foo", path="/w/thief", created=1)
    found = routes(observed(now, thief), after(observed(before)))
    assert found["/w/foo"].names == ("bar", "foo")
    assert found["/w/thief"].name == f"foo-{hash3('foo')}"


def test_an_alias_ends_when_the_directory_is_moved() -> None:
    moved = worktree("feature/x", path="/w/elsewhere", created=5)
    assert routes(observed(moved), after(observed(OLD)))["/w/elsewhere"].names == ("feature-x", "elsewhere")


def test_aliases_stay_after_a_restart_without_a_memory_of_them() -> None:
    known = after(observed(OLD))
    written_by_0_1_0 = Memory(worktrees=tuple(replace(each, aliases=(), path="") for each in known.worktrees))
    assert routes(observed(OLD), written_by_0_1_0)[OLD.path].names == ("feature-x", "shop-feature-x")


@pytest.mark.parametrize(
    "away",
    [
        observed(repository(OLD, EVIL, overrides={"feature/x": Override(hide=True)})),
        observed(replace(OLD, present=False), EVIL),
        observed(replace(OLD, same_as=EVIL.path), EVIL),
        observed(repository(EVIL, answered=False)),
        observed(repository()),
    ],
    ids=["hidden", "missing", "a-link", "git-did-not-answer", "git-never-answered"],
)
def test_the_names_of_a_worktree_that_is_there_unrouted_are_nobody_elses(away: Observed) -> None:
    memory = after(observed(OLD, EVIL))
    looks = [replace(seen, repositories=(*seen.repositories, repository(worktree("shop-feature-x", common="/c/.git"),
             worktree("feature-x", common="/c/.git")))) for seen in (away, replace(away, now=1e6))]  # fmt: skip
    for seen in looks:
        planned = plan(seen, memory)
        taken = {name for route in planned.table.routes for name in route.names}
        assert not taken & {"feature-x", "shop-feature-x"}
        assert planned.memory.gone == ()
        memory = planned.memory
    assert routes(observed(OLD, EVIL), memory)[OLD.path].names == ("feature-x", "shop-feature-x")


def test_the_names_of_a_repository_that_is_served_and_was_not_seen_yet_are_nobody_elses() -> None:
    other = observed(repository(worktree("feature-x", common="/b/.git"), name="blog"))
    memory = after(observed(OLD))
    assert names(other, memory) == {"feature-x": "feature-x"}
    assert names(other, replace(memory, repositories=("/b/.git", "/r/.git"))) == {"feature-x": "blog-feature-x"}


def test_a_name_that_was_given_away_while_nobody_looked_stays_with_who_has_it() -> None:
    first = repository(worktree("main"))
    second = repository(worktree("main", common="/b/.git"), name="blog")
    memory = after(observed(first), observed(second))
    found = routes(observed(first, second), memory)
    assert found["/b.main"].name == "main"
    assert found["/r.main"].name == "shop-main"


def test_a_detached_worktree_is_called_like_its_directory() -> None:
    tree = worktree(None, path="/w/Try 1")
    assert names(observed(tree)) == {None: "try-1"}
    assert collisions(observed(tree)) == {"try-1": []}


def test_detached_worktrees_in_directories_of_one_name_take_the_parents_name() -> None:
    trees = [worktree(None, path=f"/{n}/shop", created=n, admin=str(n)) for n in (1, 2)]
    found = routes(observed(*trees))
    assert found["/1/shop"].name == "shop"
    assert found["/2/shop"].name == "2-shop"


def test_a_worktree_of_another_repository_takes_the_repositorys_name_in_front() -> None:
    shop, blog = worktree("x"), worktree("x", common="/b/.git")
    found = routes(observed(repository(shop), repository(blog, name="blog")))
    assert found[shop.path].name == "x"
    assert found[blog.path].name == "blog-x"


def test_a_prefixed_name_can_be_taken_within_the_repository_too() -> None:
    shop = worktree("x")
    blog = [worktree("blog/x", common="/b/.git", created=1), worktree("x", common="/b/.git", created=2)]
    found = routes(observed(repository(shop), repository(*blog, name="blog")))
    assert found[blog[1].path].name == f"blog-x-{hash3('x')}"


def test_two_repositories_of_one_name_get_different_names() -> None:
    first, second = repository(worktree("x")), repository(worktree("y", common="/b/.git"))
    found = routes(observed(first, second))
    assert [route.repository for route in found.values()] == ["shop", "shop-2"]


def test_the_third_repository_does_not_take_the_seconds_number() -> None:
    found = [repository(worktree(n, common=f"/{n}/.git"), name=name) for n, name in
             zip("abc", ["shop", "shop", "shop-2"], strict=True)]  # fmt: skip
    assert [r.repository for r in routes(observed(*found)).values()] == ["shop", "shop-2", "shop-2-2"]


def test_router_toml_names_a_worktree() -> None:
    tree = worktree("feature/x")
    seen = observed(repository(tree, overrides={"feature/x": Override(name="The Shop")}))
    assert names(seen) == {"feature/x": "the-shop"}
    assert collisions(seen) == {"the-shop": []}


def test_a_name_from_router_toml_that_is_taken_is_a_collision_like_any_other() -> None:
    trees = worktree("a", created=1), worktree("b", created=2)
    seen = observed(repository(*trees, overrides={"b": Override(name="a")}))
    assert names(seen) == {"a": "a", "b": f"a-{hash3('b')}"}
    assert len(collisions(seen)[f"a-{hash3('b')}"]) == 1


def test_a_hidden_worktree_has_no_route_and_takes_no_name() -> None:
    trees = worktree("a/b", created=1), worktree("a-b", created=2, admin="y")
    seen = observed(repository(*trees, overrides={"a/b": Override(hide=True)}))
    assert names(seen) == {"a-b": "a-b"}


def test_a_hidden_worktree_is_remembered() -> None:
    tree = worktree("a/b")
    memory = plan(observed(tree), NOTHING).memory
    hidden = observed(repository(tree, overrides={"a/b": Override(hide=True)}))
    assert plan(hidden, memory).memory == memory

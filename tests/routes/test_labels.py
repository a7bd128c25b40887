"""Who has which name: the collision, alias, detached and repository rules of the contract."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from router.model import Observed, Override, Problem
from router.naming import hash3
from router.remembered import Memory, without_waits
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


# The label of its branch for a worktree that had another, once nobody has it any more

FIRST = worktree("a/b", created=1)
SECOND = worktree("a-b", path="/w/second", created=2, admin="y")
SUFFIXED = f"a-b-{hash3('a-b')}"


def second(seen: Observed, memory: Memory) -> tuple[str, ...]:
    return routes(seen, memory)[SECOND.path].names


def test_the_suffix_stays_for_a_quarter_of_an_hour_after_the_owner_of_the_name_left() -> None:
    memory = after(observed(FIRST, SECOND))
    for now in (1e6, 1e6 + 1, 1e6 + 899):
        seen = observed(SECOND, now=now)
        assert second(seen, memory) == (SUFFIXED, "second")
        memory = after(seen, memory=memory)


def test_the_label_of_the_branch_is_given_after_that_and_the_old_one_stays_as_an_alias() -> None:
    memory = after(observed(FIRST, SECOND), observed(SECOND, now=1e6))
    for now in (1e6 + 900, 1e6 + 901, 2e6):
        seen = observed(SECOND, now=now)
        assert second(seen, memory) == ("a-b", "second", SUFFIXED)
        assert collisions(seen, memory) == {"a-b": []}
        memory = after(seen, memory=memory)
    thief = worktree(SUFFIXED, path="/w/thief", created=1)
    assert second(observed(thief, SECOND), memory) == ("a-b", "second", SUFFIXED)


def test_router_up_gives_the_label_of_the_branch_at_once_where_nobody_has_it() -> None:
    memory = without_waits(after(observed(FIRST, SECOND)), ["/r/.git"])
    assert second(observed(FIRST, SECOND), memory) == (SUFFIXED, "second")
    assert second(observed(SECOND, now=1e9), memory) == ("a-b", "second", SUFFIXED)


def test_router_up_for_another_repository_gives_it_nothing() -> None:
    memory = without_waits(after(observed(FIRST, SECOND), observed(SECOND)), ["/other/.git"])
    assert second(observed(SECOND), memory) == (SUFFIXED, "second")


def test_the_wait_begins_again_where_somebody_had_the_name_meanwhile() -> None:
    memory = after(observed(FIRST, SECOND), observed(SECOND, now=100), observed(FIRST, SECOND, now=200))
    memory = after(observed(SECOND, now=300), memory=memory)
    assert second(observed(SECOND, now=1100), memory) == (SUFFIXED, "second")
    assert second(observed(SECOND, now=1200), memory)[0] == "a-b"


def test_a_clock_that_is_set_back_makes_no_wait_longer() -> None:
    memory = after(observed(FIRST, SECOND), observed(SECOND, now=1e9), observed(SECOND, now=0))
    assert second(observed(SECOND, now=900), memory)[0] == "a-b"


def test_the_owner_of_a_name_may_have_switched_its_branch_instead_of_leaving() -> None:
    switched = replace(FIRST, branch="c")
    memory = after(observed(FIRST, SECOND), observed(switched, SECOND))
    assert second(observed(switched, SECOND, now=899), memory)[0] == SUFFIXED
    assert second(observed(switched, SECOND, now=900), memory)[0] == "a-b"


def test_of_two_that_wait_for_a_name_the_older_gets_it() -> None:
    third = worktree("a.b", path="/w/third", created=3, admin="z")
    memory = after(observed(FIRST, SECOND, third), observed(third, SECOND))
    found = routes(observed(third, SECOND, now=900), memory)
    assert found[SECOND.path].name == "a-b"
    assert found[third.path].name == f"a-b-{hash3('a.b')}"


def test_a_switch_of_branch_ends_the_aliases_that_were_labels_a_quarter_of_an_hour_later() -> None:
    memory = after(observed(FIRST, SECOND), observed(SECOND), observed(SECOND, now=900))
    switched = replace(SECOND, branch="c")
    memory = after(observed(switched, now=901), memory=memory)
    assert second(observed(switched, now=901 + 899), memory) == ("c", "second", "a-b", SUFFIXED)
    assert second(observed(switched, now=901 + 900), memory) == ("c", "second")


@pytest.mark.parametrize(
    "away",
    [
        observed(repository(FIRST, SECOND, overrides={"a/b": Override(hide=True)})),
        observed(replace(FIRST, present=False), SECOND),
    ],
    ids=["hidden", "missing"],
)
def test_a_name_whose_owner_is_there_unrouted_is_not_waited_for(away: Observed) -> None:
    memory = without_waits(after(observed(FIRST, SECOND), away), ["/r/.git"])
    assert second(replace(away, now=901), memory)[0] == SUFFIXED


def test_a_repository_that_is_let_go_keeps_its_names_from_those_who_had_to_take_others() -> None:
    shop, blog = repository(worktree("x")), repository(worktree("x", common="/b/.git", path="/w/blog"), name="blog")
    memory = after(observed(shop, blog), observed(blog))
    for known in (memory, without_waits(memory, ["/b/.git"])):
        assert routes(observed(blog, now=901), known)["/w/blog"].name == "blog-x"
        assert routes(observed(shop, blog, now=901), known)["/r.x"].name == "x"


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
    memory = after(observed(OLD), observed(switched))
    assert routes(observed(switched, now=900), memory)[OLD.path].names == ("shop-feature-x",)


def test_what_was_a_label_stays_with_its_directory_as_an_alias() -> None:
    before = worktree("foo", path="/w/foo", admin="w", created=5)
    now = worktree("bar", path="/w/foo", admin="w", created=5)
    thief = worktree("foo", path="/w/thief", created=1)
    found = routes(observed(now, thief), after(observed(before)))
    assert found["/w/foo"].names == ("bar", "foo")
    assert found["/w/thief"].name == f"foo-{hash3('foo')}"


def test_an_alias_ends_a_quarter_of_an_hour_after_the_directory_was_moved() -> None:
    moved = worktree("feature/x", path="/w/elsewhere", created=5)
    memory = after(observed(OLD), observed(moved))
    assert routes(observed(moved), memory)["/w/elsewhere"].names == ("feature-x", "elsewhere", "shop-feature-x")
    assert routes(observed(moved, now=900), memory)["/w/elsewhere"].names == ("feature-x", "elsewhere")


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
    assert found["/r.main"].names == ("shop", "shop-main", "r-main")


def test_a_detached_worktree_is_called_like_its_directory() -> None:
    tree = worktree(None, path="/w/Try 1")
    assert names(observed(tree)) == {None: "try-1"}
    assert collisions(observed(tree)) == {"try-1": []}


def test_detached_worktrees_in_directories_of_one_name_take_the_parents_name() -> None:
    trees = [worktree(None, path=f"/{n}/shop", created=n, admin=str(n)) for n in (1, 2)]
    found = routes(observed(*trees))
    assert found["/1/shop"].name == "shop"
    assert found["/2/shop"].name == "2-shop"


# Several repositories; the corpus has more of them

SHOP, BLOG = repository(worktree("main")), repository(worktree("main", common="/b/.git", path="/w/blog"), name="blog")


def test_the_main_checkout_of_the_second_repository_is_called_by_it_and_that_is_no_problem() -> None:
    found = routes(observed(SHOP, BLOG))
    assert found["/r.main"].name == "main"
    assert found["/w/blog"].names == ("blog", "blog-main")
    assert all(route.problems == () for route in found.values())


def test_the_order_in_which_repositories_are_served_says_which_is_the_first() -> None:
    served = Memory(repositories=("/b/.git", "/r/.git"))
    found = routes(observed(SHOP, BLOG), served)
    assert (found["/w/blog"].name, found["/r.main"].name) == ("main", "shop")
    assert routes(observed(SHOP), served)["/r.main"].name == "shop"


def test_the_main_checkout_of_the_second_repository_keeps_its_label_on_every_branch() -> None:
    memory = after(observed(SHOP, BLOG))
    switched = repository(worktree("x", common="/b/.git", path="/w/blog", main=True), name="blog")
    thief = worktree("blog", created=1)
    found = routes(observed(repository(worktree("main"), thief), switched), memory)
    assert found["/w/blog"].names == ("blog", "blog-x", "blog-main")
    assert found[thief.path].name == "shop-blog"


def test_what_0_1_0_called_the_second_main_checkout_becomes_its_alias() -> None:
    blog = routes(observed(SHOP, BLOG))["/w/blog"].worktree.id
    memory = after(observed(SHOP, BLOG))
    before = tuple(
        replace(each, label="blog-main", aliases=("blog",)) if each.id == blog else each for each in memory.worktrees
    )
    written_by_0_1_0 = replace(memory, worktrees=before)
    assert routes(observed(SHOP, BLOG), written_by_0_1_0)["/w/blog"].names == ("blog-main", "blog")
    at_up = without_waits(written_by_0_1_0, ["/b/.git"])
    for now in (1e9, 1e9 + 1):
        assert routes(observed(SHOP, BLOG, now=now), at_up)["/w/blog"].names == ("blog", "blog-main")
        at_up = after(observed(SHOP, BLOG, now=now), memory=at_up)


def test_the_first_repository_that_is_served_alone_again_has_its_branch_as_label() -> None:
    gone = replace(after(observed(SHOP, BLOG)), worktrees=after(observed(SHOP, BLOG)).worktrees[:1])
    [blog] = gone.worktrees
    assert blog.label == "blog"
    found = routes(observed(BLOG, now=1e9), without_waits(gone, ["/b/.git"]))["/w/blog"]
    assert found.names == ("main", "blog-main", "blog")


def test_no_collision_is_shown_for_the_branch_of_another_repositorys_main_checkout() -> None:
    bare = repository(worktree("main", main=False, admin="m", common="/b.git", path="/w/m"), name="blog")
    assert collisions(observed(SHOP, bare)) == {"main": [], "blog-main": []}


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

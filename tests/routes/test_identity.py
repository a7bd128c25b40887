"""What is one worktree's alone in shared servers: its project, its scope, its number."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.model import Repository, Worktree
from router.naming import hash6
from router.remembered import Memory, RememberedWorktree
from router.routes.memory import merged
from router.routes.plan import plan
from router.shared_names import WrittenNames, database_name
from tests.fakes import observed, repository, worktree


def kept(*repositories: Repository, memory: Memory | None = None) -> dict[str, RememberedWorktree]:
    """Return what is remembered of each worktree by path."""
    planned = plan(observed(*repositories), memory or Memory())
    paths = {route.worktree.id: route.worktree.path for route in planned.table.routes}
    return {paths[k.id]: k for k in planned.memory.worktrees if k.id in paths}


def projects(*repositories: Repository, memory: Memory | None = None) -> dict[str, str]:
    return {path: each.project for path, each in kept(*repositories, memory=memory).items()}


def scopes(*repositories: Repository, memory: Memory | None = None) -> dict[str, str]:
    return {path: each.scope for path, each in kept(*repositories, memory=memory).items()}


def remembered(*repositories: Repository) -> Memory:
    return plan(observed(*repositories), Memory()).memory


def at(path: str, branch: str | None = "main", **rest: object) -> Worktree:
    """Return a main checkout at a path."""
    return worktree(branch, path=path, common=f"{path}/.git", main=True, **rest)  # type: ignore[arg-type]


def test_a_project_is_repository_and_label_and_the_main_checkout_is_the_repository() -> None:
    seen = repository(worktree("main"), worktree("feature/x"))
    assert projects(seen) == {"/r.main": "shop", "/r.feature-x": "shop-feature-x"}
    assert scopes(seen) == {"/r.main": "", "/r.feature-x": "feature-x"}


def test_the_main_checkout_is_the_repository_whatever_branch_it_has() -> None:
    assert projects(repository(at("/r", "develop"))) == {"/r": "shop"}


def test_two_branches_with_one_label_have_a_project_each() -> None:
    found = projects(
        repository(worktree("feature/x", created=1), worktree("feature-x", created=2, admin="b", path="/b"))
    )
    assert found == {"/r.feature-x": "shop-feature-x", "/b": f"shop-feature-x-{hash6('shop/feature-x')}"}


def test_two_repositories_of_one_name_share_nothing() -> None:
    seen = repository(at("/a/shop")), repository(at("/b/shop"))
    assert projects(*seen) == {"/a/shop": "shop", "/b/shop": "shop-2"}
    assert scopes(*seen) == {"/a/shop": "", "/b/shop": "shop-2"}


def test_the_second_keeps_its_names_when_the_first_is_let_go() -> None:
    first, second = repository(at("/a/shop")), repository(at("/b/shop"))
    assert projects(second, memory=remembered(first, second)) == {"/b/shop": "shop-2"}


def test_a_repository_that_nobody_looks_at_keeps_its_names() -> None:
    first, second = repository(at("/a/shop")), repository(at("/b/shop"))
    assert projects(second, memory=remembered(first)) == {"/b/shop": "shop-2"}
    assert scopes(second, memory=remembered(first)) == {"/b/shop": "shop-2"}


def test_a_hyphen_between_repository_and_label_may_stand_elsewhere_too() -> None:
    one = repository(worktree("b-c", common="/a/.git"), name="a")
    other = repository(worktree("c", common="/ab/.git"), name="a-b")
    found = projects(one, other)
    assert found["/a.b-c"] == "a-b-c"
    assert found["/ab.c"].startswith("a-b-c-")


@pytest.mark.parametrize("name", ["shop" * 40, "Ünï Shop!", "分支", "2024-app"])
def test_a_project_is_a_name_that_compose_and_databases_take(name: str) -> None:
    trees = [worktree("main"), *(worktree(f"{'b' * 60}{n}", created=n, admin=str(n)) for n in range(1, 4))]
    found = [k.project for k in kept(repository(*trees, name=name)).values()]
    assert len(set(found)) == 4
    assert all(len(database_name(project)) <= 50 for project in found)


def test_names_and_number_stay_whatever_branch_is_checked_out() -> None:
    before = repository(worktree("main"), worktree("x", admin="w", path="/w"))
    after = repository(worktree("main"), worktree("y", admin="w", path="/w"))
    changed = kept(after, memory=remembered(before))["/w"]
    assert (changed.label, changed.project, changed.scope, changed.index) == ("y", "shop-x", "x", 1)


def test_a_new_worktree_on_a_branch_that_another_had_first_gets_names_of_its_own() -> None:
    first = remembered(repository(worktree("main"), worktree("x", admin="w", path="/w")))
    switched = worktree("y", admin="w", path="/w")
    new = worktree("x", admin="n", path="/n", created=2)
    found = kept(repository(worktree("main"), switched, new), memory=first)
    assert [found[path].project for path in ("/w", "/n")] == ["shop-x", f"shop-x-{hash6('shop/x')}"]
    assert [found[path].scope for path in ("/w", "/n")] == ["x", f"x-{hash6('x')}"]


def test_names_of_a_gone_worktree_go_to_its_own_branch_alone() -> None:
    main = worktree("main")
    left = plan(observed(main), remembered(repository(main, worktree("feature/x")))).memory
    back = worktree("feature/x", created=5, path="/back")
    other = worktree("feature-x", created=5, path="/other", admin="other")
    assert projects(repository(main, back), memory=left)["/back"] == "shop-feature-x"
    assert projects(repository(main, other), memory=left)["/other"] == f"shop-feature-x-{hash6('shop/feature-x')}"


def test_names_that_its_own_files_have_stay() -> None:
    own = replace(worktree("x", path="/w"), written=WrittenNames("x", "old-name", "old"))
    assert projects(repository(worktree("main"), own))["/w"] == "old-name"
    assert scopes(repository(worktree("main"), own))["/w"] == "old"


@pytest.mark.parametrize("project", ["shop", "shop-x"])
def test_names_in_a_file_that_was_copied_from_another_worktree_do_not_count(project: str) -> None:
    branch = "main" if project == "shop" else "x"
    copied = replace(worktree("y", path="/w"), written=WrittenNames(branch, project, "s"))
    found = projects(repository(worktree("main"), worktree("x", created=2), copied))
    assert (found["/r.x"], found["/w"]) == ("shop-x", "shop-y")


def test_no_worktree_is_called_like_the_database_of_main() -> None:
    main = replace(worktree("main"), own_database="shop_dev")
    seen = repository(main, worktree("dev"))
    assert projects(seen)["/r.dev"] == f"shop-dev-{hash6('shop/dev')}"
    assert projects(seen)["/r.main"] == "shop"
    elsewhere = repository(worktree("dev", common="/b/shop/.git", path="/b/dev"), name="shop")
    assert projects(elsewhere, memory=remembered(repository(main)))["/b/dev"] != "shop-dev"


def test_what_two_gave_out_at_once_is_decided_again() -> None:
    main, one, other = worktree("main"), worktree("a/b", created=1), worktree("a-b", created=2)
    before = remembered(repository(main))
    mine = plan(observed(main, one), before).memory
    theirs = plan(observed(main, other), before).memory
    both = plan(observed(main, one, other), merged(before, mine, theirs)).memory
    found = {each.branch: each.project for each in both.worktrees}
    assert found["a-b"] == "shop-a-b"
    assert found["a/b"] == f"shop-a-b-{hash6('shop/a/b')}"


BRANCHES = st.text(st.sampled_from("aA/-_.1é分x"), min_size=1, max_size=70)


@given(st.tuples(BRANCHES, BRANCHES).filter(lambda pair: pair[0] != pair[1]), st.booleans())
@settings(max_examples=10_000, deadline=None)
def test_no_two_branches_ever_share_a_name(pair: tuple[str, str], one_after_the_other: bool) -> None:
    one, other = (worktree(name, admin=f"w{n}", path=f"/w{n}", created=n, main=False) for n, name in enumerate(pair, 1))
    main = worktree("main")
    first = plan(observed(main, one), Memory())
    seen = observed(main, other) if one_after_the_other else observed(main, one, other)
    second = plan(seen, first.memory)
    [a] = [each for each in first.memory.worktrees if each.path == "/w1"]
    [b] = [each for each in second.memory.worktrees if each.path == "/w2"]
    assert database_name(a.project) != database_name(b.project)
    assert a.scope != b.scope
    assert all(len(database_name(each.project)) <= 50 and len(f"/{each.scope}") <= 50 for each in (a, b))


def test_a_worktree_that_gets_the_label_of_its_branch_after_all_keeps_its_names_in_shared_servers() -> None:
    one, other = worktree("a/b", created=1), worktree("a-b", created=2, admin="y", path="/w")
    both, alone = observed(worktree("main"), one, other), observed(worktree("main"), other)
    memory = plan(alone, plan(both, Memory()).memory).memory
    for now in (900.0, 901.0):
        planned = plan(replace(alone, now=now), memory)
        memory = planned.memory
        [known] = [each for each in memory.worktrees if each.path == "/w"]
        assert known.label == "a-b"
        assert (known.project, known.scope) == (f"shop-a-b-{hash6('shop/a-b')}", f"a-b-{hash6('a-b')}")


def test_numbered_clones_side_by_side_are_equals() -> None:
    clones = [replace(repository(at(f"/w/project-{n}")), name=f"project-{n}") for n in (1, 2)]
    assert projects(*clones) == {"/w/project-1": "project-1", "/w/project-2": "project-2"}
    assert scopes(*clones) == {"/w/project-1": "project-1", "/w/project-2": "project-2"}


def test_clones_of_one_row_have_a_label_each_before_anybody_joins_them() -> None:
    one, two = (replace(repository(at(f"/w/project-{n}")), name=f"project-{n}") for n in (1, 2))
    memory = plan(observed(two), remembered(one)).memory
    assert [k.label for k in memory.worktrees] == ["main", "project-2"]
    joined = plan(observed(one, two), memory)
    assert [route.name for route in joined.table.routes] == ["main", "project-2"]


def test_another_repository_that_nobody_looks_at_keeps_no_label() -> None:
    memory = plan(observed(repository(at("/w/blog"), name="blog")), remembered(repository(at("/w/shop")))).memory
    assert [k.label for k in memory.worktrees] == ["main", "main"]


def test_a_copy_has_its_folders_name() -> None:
    copy = worktree(None, path="/w/project-2", admin="copy:project-2", common="/w/project-1/.git")
    seen = replace(repository(at("/w/project-1"), copy), name="project-1", copies=True)
    assert projects(seen)["/w/project-2"] == "project-2"


def test_a_folder_that_is_a_copy_now_was_a_repository_before() -> None:
    memory = remembered(replace(repository(at("/w/project-2")), name="project-2"))
    copy = worktree(None, path="/w/project-2", admin="copy:project-2", common="/w/project-1/.git")
    seen = replace(repository(at("/w/project-1"), copy), name="project-1", copies=True)
    assert projects(seen, memory=memory)["/w/project-2"] == "project-2"

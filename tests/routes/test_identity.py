"""What is one worktree's alone in shared servers: its project, its scope, its number."""

from dataclasses import replace

import pytest

from router.model import Repository, Worktree
from router.naming import hash3
from router.remembered import Memory, RememberedWorktree
from router.routes.plan import plan
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
    assert found == {"/r.feature-x": "shop-feature-x", "/b": "shop-feature-x-j9k"}


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
    assert all(len(project.encode()) <= 62 for project in found)


def test_names_follow_the_branch_and_the_number_does_not() -> None:
    before = repository(worktree("main"), worktree("x", admin="w", path="/w"))
    after = repository(worktree("main"), worktree("y", admin="w", path="/w"))
    changed = kept(after, memory=remembered(before))["/w"]
    assert (changed.project, changed.scope, changed.index) == ("shop-y", "y", 1)


def test_a_worktree_that_gets_the_label_of_its_branch_after_all_keeps_its_names_in_shared_servers() -> None:
    one, other = worktree("a/b", created=1), worktree("a-b", created=2, admin="y", path="/w")
    both, alone = observed(worktree("main"), one, other), observed(worktree("main"), other)
    memory = plan(alone, plan(both, Memory()).memory).memory
    for now in (900.0, 901.0):
        planned = plan(replace(alone, now=now), memory)
        memory = planned.memory
        [known] = [each for each in memory.worktrees if each.path == "/w"]
        assert known.label == "a-b"
        assert (known.project, known.scope) == (f"shop-a-b-{hash3('a-b')}", f"a-b-{hash3('a-b')}")


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

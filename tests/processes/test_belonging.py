"""Which worktree a process belongs to."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from router.processes.belonging import ProcessMap, WorktreeRoot, ancestors, descendants, process_map
from router.processes.roles import Role
from tests.processes.scenes import process

MAIN, NESTED, LOST = "/w/shop", "/w/shop/.claude/worktrees/x", "/w/shop.lost"


def places(*processes: object) -> dict[int, WorktreeRoot]:
    seen = process_map(processes, living=[MAIN, NESTED], gone=[LOST])  # type: ignore[arg-type]
    return dict(seen.where)


def test_a_process_belongs_to_the_deepest_worktree_around_its_directory() -> None:
    found = places(
        process(1, cwd=MAIN), process(2, cwd=f"{MAIN}/src"), process(3, cwd=f"{NESTED}/web"),
        process(4, cwd="/w"), process(5, cwd="/w/shop2"), process(6, cwd=""),
    )  # fmt: skip
    assert found == {1: WorktreeRoot(MAIN), 2: WorktreeRoot(MAIN), 3: WorktreeRoot(NESTED)}


def test_a_directory_deleted_with_its_worktree_is_of_the_one_that_is_gone() -> None:
    found = places(
        process(1, cwd=LOST, removed=LOST),
        process(2, cwd=f"{LOST}/web", removed=LOST),
        process(3, cwd=f"{LOST}/web", removed="/w"),
    )
    assert found == dict.fromkeys((1, 2, 3), WorktreeRoot(LOST, gone=True))


def test_a_directory_deleted_inside_a_worktree_makes_nobody_an_orphan() -> None:
    found = places(
        process(1, cwd=f"{MAIN}/dist", removed=f"{MAIN}/dist"), process(2, cwd=f"{LOST}/dist", removed=f"{LOST}/dist")
    )
    assert found == {}


def test_a_directory_that_is_there_again_is_not_the_one_that_is_gone() -> None:
    seen = process_map([process(1, cwd=LOST), process(2, cwd=LOST, removed=LOST)], living=[LOST], gone=[LOST])
    assert seen.where == {1: WorktreeRoot(LOST), 2: WorktreeRoot(LOST, gone=True)}


def test_a_deleted_directory_of_no_remembered_worktree_is_nobodys() -> None:
    assert places(process(1, cwd="/w/other", removed="/w/other"), process(2, cwd=NESTED, removed=NESTED)) == {}


def test_who_went_elsewhere_belongs_where_the_job_began() -> None:
    npm, shell = process(10, cwd=MAIN, group=10), process(11, 10, cwd=MAIN, group=10)
    node = process(12, 11, cwd="/tmp/build", group=10)
    assert places(npm, shell, node)[12] == WorktreeRoot(MAIN)


def test_who_was_started_elsewhere_by_a_shell_that_works_here_is_elsewhere() -> None:
    shell = process(10, cwd=MAIN, role=Role.SHELL)
    other_job = process(11, 10, cwd="/tmp/build", session=10)
    same_group = process(12, 10, cwd="/tmp/build", group=10)
    assert places(shell, other_job, same_group) == {10: WorktreeRoot(MAIN)}


def test_who_went_to_the_root_directory_belongs_where_the_session_does() -> None:
    shell = process(10, cwd=MAIN, role=Role.SHELL)
    server, daemon = process(11, 10, cwd="/", session=10), process(12, 1, cwd="/")
    assert places(shell, server, daemon) == {10: WorktreeRoot(MAIN), 11: WorktreeRoot(MAIN)}


def test_who_works_in_another_worktree_is_of_that_one_whoever_started_it() -> None:
    assert places(process(10, cwd=MAIN), process(11, 10, cwd=NESTED, group=10))[11] == WorktreeRoot(NESTED)


def test_what_another_namespace_has_is_no_job_of_ours() -> None:
    outer, inner = (replace(each, group=0, session=0) for each in (process(20, cwd=MAIN), process(21, 20, cwd="/srv")))
    assert process_map([outer, inner], living=[MAIN]).where == {20: WorktreeRoot(MAIN)}


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), max_size=12, unique_by=lambda pair: pair[0]))
def test_no_chain_of_parents_is_followed_for_ever(pairs: list[tuple[int, int]]) -> None:
    every = [process(pid, parent, cwd="/") for pid, parent in pairs]
    known = {each.pid: each for each in every}
    for each in every:
        above = [one.pid for one in ancestors(each, known)]
        assert len(above) == len(set(above))
        assert each.pid not in above
        below = [one.pid for one in descendants(each, every)]
        assert len(below) == len(set(below))
    assert isinstance(process_map(every, living=[MAIN]), ProcessMap)

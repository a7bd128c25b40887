"""Which processes an ending reaches: the whole of a group or only the server, and never what is somebody's tool."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from router.processes.belonging import ProcessMap
from router.processes.ending import Bounds, Ending, plan_of_ending, spared, stragglers
from router.processes.look import Process
from router.processes.roles import Role
from tests.processes.scenes import HERE, ME, process, scene_at

BOUNDS = Bounds(HERE, ME)


def planned(server: Process, *others: Process, bounds: Bounds = BOUNDS) -> Ending:
    return plan_of_ending([server], scene_at(server, *others), bounds)


def pids(ending: Ending) -> list[int]:
    return [each.pid for each in ending.processes]


def reasons(ending: Ending) -> dict[int, str]:
    return {left.process.pid: left.why for left in ending.left}


NPM, SH, NODE = process(10, group=10, program="npm"), process(11, 10, group=10, program="sh"), process(12, 11, group=10)


def test_a_group_that_is_the_worktrees_own_is_ended_whole_parents_first() -> None:
    ending = planned(NODE, NPM, SH, process(20), process(21, 20))
    assert (pids(ending), ending.groups, ending.left) == ([10, 11, 12], {10}, ())


def test_of_a_shared_group_only_the_server_and_what_descends_from_it_is_ended() -> None:
    worker, watcher = process(13, 12, group=10), process(14, 13, group=10)
    for other in (
        process(9, group=10, role=Role.AGENT),
        process(9, group=10, role=Role.SHELL),
        process(9, group=10, uid=0),
        process(9, group=10, cwd="/elsewhere"),
        process(9, group=10, cwd=""),
    ):
        ending = planned(NODE, NPM, SH, worker, watcher, other)
        assert (pids(ending), ending.groups) == ([12, 13, 14], set())


def test_what_a_server_started_in_a_group_of_its_own_ends_with_it() -> None:
    ending = planned(NODE, NPM, SH, process(30, 12), process(31, 30, group=30))
    assert pids(ending) == [10, 11, 12, 30, 31]


def test_what_a_server_runs_for_somebody_stays_with_all_that_descends_from_that() -> None:
    shell, inside = process(30, 12, role=Role.SHELL), process(31, 30)
    elsewhere, below = process(40, 12, cwd="/elsewhere"), process(41, 40)
    ending = planned(NODE, NPM, SH, shell, inside, elsewhere, below)
    assert pids(ending) == [10, 11, 12]


def test_what_is_no_server_is_left_and_said_why() -> None:
    for changed, why in (
        (replace(NODE, role=Role.EDITOR), "an editor"),
        (replace(NODE, role=Role.TOOL), "an agent's tool"),
        (replace(NODE, uid=0), "of another user"),
        (replace(NODE, cwd="/elsewhere"), "not of this worktree"),
    ):
        ending = planned(changed, NPM, SH)
        assert (pids(ending), reasons(ending)) == ([], {12: why})


def test_neither_the_caller_nor_what_runs_it_nor_the_router_is_ended() -> None:
    caller, above = process(12, 11, group=10), process(11, 10, group=10)
    router, server = process(50, group=10), process(60, group=10)
    mapped = scene_at(caller, above, router, server, process(10, group=10))
    bounds = replace(BOUNDS, spared=spared(mapped, caller=12, routers=[50]))
    ending = plan_of_ending([caller, above, router, server], mapped, bounds)
    assert pids(ending) == [60]
    assert reasons(ending) == {12: "this command itself", 11: "it runs this command", 50: "the router itself"}


def test_a_server_that_runs_the_caller_is_left() -> None:
    server, agent, caller = process(10), process(11, 10, role=Role.AGENT), process(12, 11)
    mapped = scene_at(server, agent, caller)
    bounds = replace(BOUNDS, spared=spared(mapped, caller=12, routers=()))
    assert reasons(plan_of_ending([server], mapped, bounds)) == {10: "it runs this command"}


def test_group_0_is_no_group() -> None:
    one, other = (replace(process(pid), group=0) for pid in (10, 11))
    assert pids(planned(one, other)) == [10]


def test_who_joins_an_ending_group_or_lives_on_is_ended_too() -> None:
    begun = planned(NODE, NPM, SH)
    reborn = process(99, 1, group=10, ticks=7)
    left = stragglers(begun, scene_at(reborn, NODE, process(70)), BOUNDS)
    assert pids(left) == [12, 99]


def test_a_pid_that_another_process_has_by_now_is_left_alone() -> None:
    begun = planned(process(12, group=12))
    reused = process(12, group=70, ticks=999)
    assert stragglers(begun, scene_at(reused), BOUNDS) == Ending()


def test_who_lives_on_is_still_of_the_worktree_when_its_parent_has_ended() -> None:
    moved = process(12, 11, group=10, cwd="/tmp")
    mapped = ProcessMap((NPM, SH, moved), {10: HERE, 11: HERE, 12: HERE})
    begun = plan_of_ending([moved], mapped, BOUNDS)
    assert pids(stragglers(begun, ProcessMap((replace(moved, parent=1),), {}), BOUNDS)) == [12]


def test_who_became_a_shell_meanwhile_stays() -> None:
    begun = planned(NODE, NPM, SH)
    left = stragglers(begun, scene_at(replace(NODE, role=Role.SHELL)), BOUNDS)
    assert (pids(left), reasons(left)) == ([], {12: "a shell"})


_MEMBERS = st.builds(
    process,
    pid=st.integers(2, 30),
    parent=st.integers(0, 30),
    group=st.integers(1, 5),
    uid=st.sampled_from([ME, 0]),
    cwd=st.sampled_from([HERE.root, "/elsewhere", ""]),
    role=st.sampled_from([None, None, *Role]),
)


@given(st.lists(_MEMBERS, max_size=20, unique_by=lambda each: each.pid), st.sets(st.integers(2, 30), max_size=4))
def test_no_ending_reaches_what_it_may_not(every: list[Process], routers: set[int]) -> None:
    mapped = scene_at(*every)
    bounds = replace(BOUNDS, spared=spared(mapped, caller=2, routers=routers))
    ending = plan_of_ending(every, mapped, bounds)
    assert all(bounds.objection(each, mapped) is None for each in ending.processes)
    ended = {each.pid for each in ending.processes}
    assert {each.pid for each in every} == ended | {left.process.pid for left in ending.left}
    for group in ending.groups:
        assert {each.pid for each in every if each.group == group} <= ended

"""One pass: what is loaded, when, and what is remembered of it."""

from functools import partial

import pytest

from router.model import Observed
from router.watcher.reconcile import State, check, reconcile, restarted
from tests.fakes import SITE, FakeAdmin, listener, observed, worktree

X, Y = observed(worktree("x")), observed(worktree("x"), worktree("y"))


@pytest.fixture
def admin() -> FakeAdmin:
    return FakeAdmin()


def passed(admin: FakeAdmin, *looks: Observed, before: State | None = None) -> State:
    state = before or State()
    for seen in looks:
        state = reconcile(seen, state, load=admin.load, site=SITE)
    return state


def names(state: State) -> list[str]:
    return [route.name for route in state.table.routes]


def text(state: State) -> str:
    assert state.loaded
    return state.loaded.text


def kinds(state: State) -> list[str]:
    return [problem.kind for problem in state.problems]


def test_the_first_pass_loads_and_remembers(admin: FakeAdmin) -> None:
    state = passed(admin, X)
    assert admin.loads == [text(state)]
    assert names(state) == ["x"]
    assert [kept.label for kept in state.memory.worktrees] == ["x"]
    assert (state.loads, state.in_sync, state.problems) == (1, True, ())
    assert state.loaded
    assert state.loaded.milliseconds == 1.2


def test_the_same_is_loaded_once(admin: FakeAdmin) -> None:
    assert passed(admin, X, X, X).loads == len(admin.loads) == 1


def test_another_table_is_loaded(admin: FakeAdmin) -> None:
    assert names(passed(admin, X, Y)) == ["x", "y"]
    assert len(admin.loads) == 2


def test_health_alone_loads_nothing_and_shows(admin: FakeAdmin) -> None:
    tree = worktree("x")
    up = observed(tree, listener(5173, tree, address="::1", tls=True))
    state = passed(admin, up, X)
    assert not state.table.routes[0].services[0].up
    assert passed(admin, up, before=state).table.routes[0].services[0].up
    assert len(admin.loads) == 1


def test_what_caddy_refuses_leaves_the_old_routes_and_is_told(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    admin.refuses = 'y "y"'
    state = passed(admin, Y, before=before)
    assert names(state) == ["x"]
    assert state.memory == before.memory
    assert state.loaded == before.loaded
    assert kinds(state) == ["load-refused"]
    assert "refused" in (state.last_error or "")


def test_what_caddy_refused_is_not_tried_again_until_the_input_changes(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    admin.refuses = 'y "y"'
    refused = passed(admin, Y, before=before)
    admin.refuses = "\0"
    assert passed(admin, Y, Y, before=refused) == refused
    assert len(admin.loads) == 1
    state = passed(admin, observed(worktree("x"), worktree("z")), before=refused)
    assert names(state) == ["x", "z"]
    assert state.problems == ()


def test_a_refusal_is_forgotten_when_the_input_is_again_what_is_served(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    admin.refuses = 'y "y"'
    state = passed(admin, Y, X, before=before)
    assert (state.problems, state.last_error, state.in_sync) == ((), None, True)
    assert len(admin.loads) == 1


def test_while_caddy_is_away_each_pass_tries_again(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    admin.away = True
    state = passed(admin, Y, before=before)
    assert (names(state), state.in_sync, kinds(state)) == (["x"], False, ["caddy-down"])
    admin.away = False
    state = passed(admin, Y, before=state)
    assert (names(state), state.in_sync, kinds(state)) == (["x", "y"], True, [])


def test_a_caddy_that_began_anew_is_given_everything_again(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    state = passed(admin, X, before=restarted(before))
    assert admin.loads == [text(before)] * 2
    assert state.in_sync


# Drift


def test_nothing_is_checked_before_the_first_load(admin: FakeAdmin) -> None:
    admin.away = True
    assert check(State(), admin=admin, now=0) == State()


def test_what_caddy_serves_still_is_in_sync(admin: FakeAdmin) -> None:
    state = passed(admin, X)
    assert check(state, admin=admin, now=0) is state


def test_a_configuration_that_was_lost_is_loaded_once_more(admin: FakeAdmin) -> None:
    state = passed(admin, X)
    admin.serves = "somebody else's"
    lost = check(state, admin=admin, now=0)
    assert not lost.in_sync
    state = passed(admin, X, before=lost)
    assert state.in_sync
    assert len(admin.loads) == 2
    assert check(state, admin=admin, now=2) == state


def lose(admin: FakeAdmin, state: State, *, at: float) -> State:
    """Let somebody else change what Caddy serves, look, and make a pass."""
    admin.serves = "somebody else's"
    return passed(admin, X, before=check(state, admin=admin, now=at))


def test_after_three_losses_within_a_minute_the_router_stops_and_says_so(admin: FakeAdmin) -> None:
    state = passed(admin, X)
    for at in (0, 10, 20):
        state = lose(admin, state, at=at)
    assert kinds(state) == ["drift"]
    assert state.given_up
    assert len(admin.loads) == 3
    assert passed(admin, Y, before=state) == state


def test_losses_of_more_than_a_minute_are_no_fight(admin: FakeAdmin) -> None:
    state = passed(admin, X)
    for at in (0, 40, 80, 120):
        state = lose(admin, state, at=at)
    assert state.in_sync
    assert len(admin.loads) == 5


def test_the_router_goes_on_when_its_configuration_is_back(admin: FakeAdmin) -> None:
    state = passed(admin, X)
    for at in (0, 1, 2):
        state = lose(admin, state, at=at)
    admin.serves = text(state)
    look = partial(check, admin=admin)
    assert not look(state, now=100).given_up
    assert look(state, now=100).in_sync


def test_a_caddy_that_does_not_answer_is_told_and_found_again(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    admin.away = True
    down = check(before, admin=admin, now=0)
    assert (kinds(down), down.in_sync) == (["caddy-down"], False)
    admin.away = False
    back = check(down, admin=admin, now=2)
    assert (kinds(back), back.in_sync, back.last_error) == ([], True, None)


def test_a_load_that_failed_is_not_forgotten_when_caddy_answers_again(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    admin.away = True
    failed = passed(admin, Y, before=before)
    admin.away = False
    back = check(failed, admin=admin, now=0)
    assert back.in_sync
    assert back.out_of_step
    assert names(passed(admin, Y, before=back)) == ["x", "y"]


def test_a_refusal_is_told_for_as_long_as_it_lasts(admin: FakeAdmin) -> None:
    admin.refuses = 'y "y"'
    refused = passed(admin, X, Y)
    lost = check(refused, admin=admin, now=0)
    assert kinds(lost) == ["load-refused"]


def test_while_the_newest_is_refused_a_lost_configuration_is_loaded_again(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    admin.refuses = 'y "y"'
    refused = passed(admin, Y, before=before)
    admin.serves = "somebody else's"
    state = passed(admin, Y, before=check(refused, admin=admin, now=0))
    assert admin.loads == [text(before)] * 2
    assert (names(state), state.in_sync, kinds(state)) == (["x"], True, ["load-refused"])


def test_a_refusal_is_shown_still_when_caddy_was_away_in_between(admin: FakeAdmin) -> None:
    admin.refuses = 'y "y"'
    refused = passed(admin, X, Y)
    admin.away = True
    away = check(refused, admin=admin, now=0)
    assert kinds(away) == ["caddy-down", "load-refused"]
    admin.away = False
    assert kinds(check(away, admin=admin, now=2)) == ["load-refused"]

"""One pass: what is loaded, when, and what is remembered of it."""

from functools import partial

import pytest

from router.model import Observed
from router.watcher.reconcile import Outcome, check, reconcile, restarted
from tests.fakes import SITE, FakeAdmin, listener, observed, worktree

X, Y = observed(worktree("x")), observed(worktree("x"), worktree("y"))


@pytest.fixture
def admin() -> FakeAdmin:
    return FakeAdmin()


def passed(admin: FakeAdmin, *looks: Observed, before: Outcome | None = None) -> Outcome:
    outcome = before or Outcome()
    for seen in looks:
        outcome = reconcile(seen, outcome, admin=admin, site=SITE)
    return outcome


def names(outcome: Outcome) -> list[str]:
    return [route.name for route in outcome.table.routes]


def kinds(outcome: Outcome) -> list[str]:
    return [problem.kind for problem in outcome.problems]


def test_the_first_pass_loads_and_remembers(admin: FakeAdmin) -> None:
    outcome = passed(admin, X)
    assert admin.loads == [outcome.text]
    assert names(outcome) == ["x"]
    assert [kept.label for kept in outcome.memory.worktrees] == ["x"]
    assert (outcome.loads, outcome.in_sync, outcome.last_load_ms, outcome.problems) == (1, True, 1.2, ())


def test_the_same_is_loaded_once(admin: FakeAdmin) -> None:
    assert passed(admin, X, X, X).loads == len(admin.loads) == 1


def test_another_table_is_loaded(admin: FakeAdmin) -> None:
    assert names(passed(admin, X, Y)) == ["x", "y"]
    assert len(admin.loads) == 2


def test_health_alone_loads_nothing_and_shows(admin: FakeAdmin) -> None:
    tree = worktree("x")
    up = observed(tree, listener(5173, tree, address="::1", tls=True))
    outcome = passed(admin, up, X)
    assert not outcome.table.routes[0].services[0].up
    assert passed(admin, up, before=outcome).table.routes[0].services[0].up
    assert len(admin.loads) == 1


def test_what_caddy_refuses_leaves_the_old_routes_and_is_told(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    admin.refuses = "y y"
    outcome = passed(admin, Y, before=before)
    assert names(outcome) == ["x"]
    assert outcome.memory == before.memory
    assert outcome.text == before.text
    assert kinds(outcome) == ["load-refused"]
    assert "refused" in (outcome.last_error or "")


def test_what_caddy_refused_is_not_tried_again_until_the_input_changes(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    admin.refuses = "y y"
    refused = passed(admin, Y, before=before)
    admin.refuses = "\0"
    assert passed(admin, Y, Y, before=refused) == refused
    assert len(admin.loads) == 1
    outcome = passed(admin, observed(worktree("x"), worktree("z")), before=refused)
    assert names(outcome) == ["x", "z"]
    assert outcome.problems == ()


def test_a_refusal_is_forgotten_when_the_input_is_again_what_is_served(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    admin.refuses = "y y"
    outcome = passed(admin, Y, X, before=before)
    assert (outcome.problems, outcome.last_error, outcome.in_sync) == ((), None, True)
    assert len(admin.loads) == 1


def test_while_caddy_is_away_each_pass_tries_again(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    admin.away = True
    outcome = passed(admin, Y, before=before)
    assert (names(outcome), outcome.in_sync, kinds(outcome)) == (["x"], False, ["caddy-down"])
    admin.away = False
    outcome = passed(admin, Y, before=outcome)
    assert (names(outcome), outcome.in_sync, kinds(outcome)) == (["x", "y"], True, [])


def test_a_caddy_that_began_anew_is_given_everything_again(admin: FakeAdmin) -> None:
    before = passed(admin, X)
    outcome = passed(admin, X, before=restarted(before))
    assert admin.loads == [before.text, before.text]
    assert outcome.in_sync


# Drift


def test_nothing_is_checked_before_the_first_load(admin: FakeAdmin) -> None:
    admin.away = True
    assert check(Outcome(), admin=admin, now=0) == Outcome()


def test_what_caddy_serves_still_is_in_sync(admin: FakeAdmin) -> None:
    outcome = passed(admin, X)
    assert check(outcome, admin=admin, now=0) is outcome


def test_a_configuration_that_was_lost_is_loaded_once_more(admin: FakeAdmin) -> None:
    outcome = passed(admin, X)
    admin.serves = "somebody else's"
    lost = check(outcome, admin=admin, now=0)
    assert not lost.in_sync
    outcome = passed(admin, X, before=lost)
    assert outcome.in_sync
    assert len(admin.loads) == 2
    assert check(outcome, admin=admin, now=2) == outcome


def lose(admin: FakeAdmin, outcome: Outcome, *, at: float) -> Outcome:
    """Let somebody else change what Caddy serves, look, and make a pass."""
    admin.serves = "somebody else's"
    return passed(admin, X, before=check(outcome, admin=admin, now=at))


def test_after_three_losses_within_a_minute_the_router_stops_and_says_so(admin: FakeAdmin) -> None:
    outcome = passed(admin, X)
    for at in (0, 10, 20):
        outcome = lose(admin, outcome, at=at)
    assert kinds(outcome) == ["drift"]
    assert outcome.given_up
    assert len(admin.loads) == 3
    assert passed(admin, Y, before=outcome) == outcome


def test_losses_of_more_than_a_minute_are_no_fight(admin: FakeAdmin) -> None:
    outcome = passed(admin, X)
    for at in (0, 40, 80, 120):
        outcome = lose(admin, outcome, at=at)
    assert outcome.in_sync
    assert len(admin.loads) == 5


def test_the_router_goes_on_when_its_configuration_is_back(admin: FakeAdmin) -> None:
    outcome = passed(admin, X)
    for at in (0, 1, 2):
        outcome = lose(admin, outcome, at=at)
    admin.serves = outcome.text or ""
    look = partial(check, admin=admin)
    assert not look(outcome, now=100).given_up
    assert look(outcome, now=100).in_sync


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
    admin.refuses = "y y"
    refused = passed(admin, X, Y)
    lost = check(refused, admin=admin, now=0)
    assert kinds(lost) == ["load-refused"]

"""Names that a worktree had before: they lead to it for a quarter of an hour, and to nobody else meanwhile."""

from dataclasses import replace

import pytest

from router import memory_text
from router.model import Observed, Override, Worktree
from router.naming import hash3
from router.remembered import LostName, Memory, without_waits
from router.route_table import FormerName
from router.routes.former import MOST
from router.routes.gone import RESERVED
from router.routes.memory import merged
from router.routes.plan import plan
from tests.fakes import observed, repository, worktree
from tests.routes.looks import after, routes

START = 1e9
BEFORE = worktree("feature/x", path="/w/t", admin="t", created=1)  # label feature-x, alias t
SWITCHED = replace(BEFORE, branch="other")
NEXT = worktree("feature/x", path="/w/next", admin="next", created=2)
SUFFIXED = f"feature-x-{hash3('feature/x')}"


def at(seconds: float, *trees: Worktree) -> Observed:
    """Return a look at these worktrees so long after the switch."""
    return observed(*trees, now=START + seconds)


def switched() -> Memory:
    """Return what is remembered right after the switch."""
    return after(at(-60, BEFORE), at(0, SWITCHED))


def test_the_label_of_before_leads_to_the_worktree_for_a_quarter_of_an_hour() -> None:
    assert RESERVED == 900
    memory = switched()
    for seconds in (0, 1, 899):
        route = routes(at(seconds, SWITCHED), memory)["/w/t"]
        assert route.names == ("other", "t", "feature-x")
        assert route.former == (FormerName("feature-x", START + 900),)
        assert route.left == ()
        memory = after(at(seconds, SWITCHED), memory=memory)


@pytest.mark.parametrize("seconds", [900, 86_400 * 365])
def test_after_that_it_leads_nowhere_and_whose_it_was_is_known(seconds: float) -> None:
    memory = switched()
    for more in (0, 1):
        route = routes(at(seconds + more, SWITCHED), memory)["/w/t"]
        assert (route.names, route.former, route.left) == (("other", "t"), (), ("feature-x",))
        memory = after(at(seconds + more, SWITCHED), memory=memory)


def test_both_are_known_after_a_restart() -> None:
    for seconds, names in ((899, ("other", "t", "feature-x")), (900, ("other", "t"))):
        restarted = memory_text.read(memory_text.written(switched()))
        assert restarted is not None
        assert routes(at(seconds, SWITCHED), restarted)["/w/t"].names == names


def test_a_memory_with_a_former_name_that_is_no_label_counts_for_nothing() -> None:
    [known] = switched().worktrees
    spoilt = replace(known, former=(LostName("x.localhost { respond pwned }", START),))
    assert memory_text.read(memory_text.written(Memory(worktrees=(spoilt,)))) is None


def test_a_new_worktree_of_that_branch_has_the_suffix_until_then_and_its_natural_name_after() -> None:
    memory = switched()
    for seconds in (600, 601, 899):  # it is waiting since the switch, not since it was made
        seen = at(seconds, SWITCHED, NEXT)
        assert routes(seen, memory)["/w/next"].name == SUFFIXED
        assert "name-collision" in [p.kind for p in routes(seen, memory)["/w/next"].problems]
        memory = after(seen, memory=memory)
    for seconds in (900, 901):
        found = routes(at(seconds, SWITCHED, NEXT), memory)
        assert found["/w/next"].names == ("feature-x", "next", SUFFIXED)
        assert found["/w/t"].names == ("other", "t")
        assert found["/w/t"].left == ()
        memory = after(at(seconds, SWITCHED, NEXT), memory=memory)


def test_a_watcher_that_was_down_when_it_ended_gives_the_natural_name_at_once() -> None:
    memory = after(at(10, SWITCHED, NEXT), memory=switched())
    assert routes(at(5000, SWITCHED, NEXT), memory)["/w/next"].name == "feature-x"


def test_a_worktree_that_is_made_after_that_has_its_natural_name_at_once() -> None:
    assert routes(at(900, SWITCHED, NEXT), switched())["/w/next"].names == ("feature-x", "next")


def test_neither_router_up_nor_router_toml_takes_it_from_who_is_signing_in() -> None:
    memory = without_waits(after(at(1, SWITCHED, NEXT), memory=switched()), ["/r/.git"])
    assert routes(at(2, SWITCHED, NEXT), memory)["/w/next"].name == SUFFIXED
    named = repository(SWITCHED, replace(NEXT, branch="y"), overrides={"y": Override(name="feature-x")})
    assert routes(observed(named, now=START + 2), memory)["/w/t"].names == ("other", "t", "feature-x")


def test_it_goes_to_no_directory_of_that_name() -> None:
    other = worktree("y", path="/w/feature-x", created=1, admin="a")
    memory = after(at(1, SWITCHED, other), memory=switched())
    assert routes(at(2, SWITCHED, other), memory)["/w/feature-x"].names == ("y",)
    assert routes(at(900, SWITCHED, other), memory)["/w/feature-x"].names == ("y", "feature-x")


def test_who_switches_back_has_the_label_again_and_the_other_one_for_a_while() -> None:
    memory = after(at(100, SWITCHED, NEXT), at(200, BEFORE, NEXT), memory=switched())
    for seconds in (200, 900, 1099):
        route = routes(at(seconds, BEFORE, NEXT), memory)["/w/t"]
        assert (route.names, route.former) == (("feature-x", "t", "other"), (FormerName("other", START + 1100),))
    assert routes(at(1100, BEFORE, NEXT), memory)["/w/t"].names == ("feature-x", "t")
    assert routes(at(2000, BEFORE, NEXT), memory)["/w/next"].name == SUFFIXED
    memory = after(at(2000, BEFORE, NEXT), memory=memory)  # and its next switch counts anew
    assert routes(at(2001, SWITCHED, NEXT), memory)["/w/t"].former == (FormerName("feature-x", START + 2901),)


def test_a_label_that_stays_an_alias_is_a_former_name_without_end() -> None:
    before, now = replace(BEFORE, path="/w/feature-x"), replace(SWITCHED, path="/w/feature-x")
    memory = after(at(-60, before), at(0, now))
    for seconds, former in ((0, (FormerName("feature-x"),)), (899, (FormerName("feature-x"),)), (900, ())):
        route = routes(at(seconds, now), memory)["/w/feature-x"]
        assert (route.names, route.former, route.left) == (("other", "feature-x"), former, ())


def test_an_alias_that_was_the_label_lasts_as_long_from_when_it_is_lost_itself() -> None:
    named, moved = replace(SWITCHED, path="/w/feature-x"), SWITCHED
    memory = after(at(-60, replace(BEFORE, path="/w/feature-x")), at(0, named), at(500, moved))
    assert routes(at(500, moved), memory)["/w/t"].former == (FormerName("feature-x", START + 1400),)


def test_so_is_the_suffixed_label_of_who_gets_the_natural_one() -> None:
    memory = after(at(-60, BEFORE, NEXT), at(0, SWITCHED, NEXT))
    route = routes(at(900, SWITCHED, NEXT), memory)["/w/next"]
    assert (route.names, route.former) == (("feature-x", "next", SUFFIXED), (FormerName(SUFFIXED),))


def test_a_clock_that_is_set_back_makes_it_no_longer_than_a_quarter_of_an_hour() -> None:
    memory = after(at(-86_400, SWITCHED), memory=switched())
    assert routes(at(-86_400 + 899, SWITCHED), memory)["/w/t"].names == ("other", "t", "feature-x")
    assert routes(at(-86_400 + 900, SWITCHED), memory)["/w/t"].names == ("other", "t")


def test_who_walks_through_many_branches_keeps_the_newest() -> None:
    memory = after(*(at(n, replace(BEFORE, branch=f"b{n}")) for n in range(MOST + 5)))
    route = routes(at(MOST + 5, replace(BEFORE, branch="end")), memory)["/w/t"]
    assert [each.name for each in route.former] == [f"b{n}" for n in range(5, MOST + 5)]
    assert route.names == ("end", "t", *(each.name for each in route.former))


@pytest.mark.parametrize(("seconds", "name"), [(899, SUFFIXED), (900, "feature-x")])
def test_who_is_hidden_meanwhile_keeps_it_for_no_longer(seconds: float, name: str) -> None:
    hidden = repository(SWITCHED, NEXT, overrides={"other": Override(hide=True)})
    assert routes(observed(hidden, now=START + seconds), switched())["/w/next"].name == name


def test_it_is_nobody_elses_for_as_long_once_its_worktree_is_gone() -> None:
    memory = after(at(100, worktree("main")), memory=switched())
    assert routes(at(999, worktree("main"), NEXT), memory)["/w/next"].name == SUFFIXED
    assert routes(at(1000, worktree("main"), NEXT), memory)["/w/next"].name == "feature-x"


def test_what_another_was_given_is_no_former_name_any_more() -> None:
    memory = after(at(900, SWITCHED, NEXT), at(901, SWITCHED), memory=switched())
    assert routes(at(902, SWITCHED), memory)["/w/t"].left == ()


def test_a_name_that_a_command_gave_to_another_meanwhile_is_no_former_name_any_more() -> None:
    base = switched()
    mine, theirs = after(at(901, SWITCHED), memory=base), after(at(901, SWITCHED, NEXT), memory=base)
    both = {each.path: each for each in merged(base, mine, theirs).worktrees}
    assert (both["/w/t"].former, both["/w/next"].label) == ((), "feature-x")


def test_the_same_look_and_memory_give_the_same_plan() -> None:
    seen, memory = at(900, SWITCHED), switched()
    assert plan(seen, memory) == plan(seen, memory)
    later = plan(seen, memory).memory
    assert plan(replace(seen, now=seen.now + 1), later).memory == later

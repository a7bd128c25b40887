"""Which resources have outlived their worktree."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.data.kind import Session
from router.data.ledger import OLD_TEMPLATE, OWN, TEMPLATE, Record
from router.data.lives import Action, Presence, Tree, Verdict, presence, verdicts
from router.model import WorktreeId

X = WorktreeId("/r/.git", "x", 1)
RECORD = Record(
    X, "/r.x", "db", OWN, "postgres", "DATABASE_URL", "localhost:5432", "shop_x", "7", "i", "n", 0.0, "1", True
)
GONE = Tree(Presence.GONE, 1000.0)
SOMEBODY = (Session(12, "psql"),)


def verdict(record: Record = RECORD, tree: Tree | None = GONE, *, now: float = 9000.0,
            sessions: tuple[Session, ...] | None = (), held: tuple[str, ...] | None = ()) -> Verdict:  # fmt: skip
    trees = {} if tree is None else {X: tree}
    connected = {} if sessions is None else {"n": sessions}
    [found] = verdicts([record], trees, connected, now=now, keep={"n": 3600.0}, held=held)
    return found


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ((True, True, False, False), Presence.GONE),
        ((True, True, True, True), Presence.THERE),
        ((True, True, True, False), Presence.THERE),  # locked, prunable, or on a disk that is not mounted
        ((True, True, False, True), Presence.THERE),  # its registration is lost, its work is not
        ((True, False, False, False), Presence.UNKNOWN),
        ((False, True, False, False), Presence.UNKNOWN),
        ((False, False, False, True), Presence.UNKNOWN),
    ],
)
def test_gone_is_what_git_says_is_gone_and_whose_directory_is(
    facts: tuple[bool, bool, bool, bool], expected: Presence
) -> None:
    repository, answered, listed, directory = facts
    assert presence(repository=repository, answered=answered, listed=listed, directory=directory) == expected


def test_it_is_dropped_when_its_worktree_has_been_gone_for_long() -> None:
    assert verdict(now=1000.0 + 3600.0).action == Action.DROP
    waiting = verdict(now=1000.0 + 3599.0)
    assert (waiting.action, waiting.at) == (Action.KEEP, 4600.0)
    assert verdict(now=0.0).action == Action.KEEP  # the clock was set back


@pytest.mark.parametrize("tree", [None, Tree(Presence.THERE), Tree(Presence.UNKNOWN), Tree(Presence.GONE)])
def test_it_is_kept_where_its_worktree_is_there_or_nobody_knows(tree: Tree | None) -> None:
    assert verdict(tree=tree).action == Action.KEEP


def test_it_is_kept_while_somebody_is_connected_and_shown_when_that_lasts() -> None:
    kept = verdict(now=1000.0 + 3600.0, sessions=SOMEBODY)
    assert (kept.action, kept.at) == (Action.KEEP, 1000.0 + 7200.0)
    assert "psql (session 12)" in kept.why
    stuck = verdict(now=1000.0 + 7200.0, sessions=SOMEBODY)
    assert (stuck.action, stuck.sessions) == (Action.STUCK, SOMEBODY)


def test_it_is_kept_where_its_server_does_not_answer() -> None:
    assert verdict(sessions=None).action == Action.KEEP


def test_an_old_template_is_dropped_at_once_and_the_one_in_its_place_kept() -> None:
    old = replace(RECORD, use=OLD_TEMPLATE)
    assert verdict(old, Tree(Presence.THERE)).action == Action.DROP
    assert verdict(replace(RECORD, use=TEMPLATE), Tree(Presence.THERE)).action == Action.KEEP
    assert verdict(old, sessions=SOMEBODY).action == Action.KEEP


def test_what_is_for_a_command_goes_with_the_command() -> None:
    fresh = replace(RECORD, use="fresh-1")
    there = Tree(Presence.THERE)
    assert verdict(fresh, there).action == Action.DROP
    assert verdict(fresh, there, held=("n",)).action == Action.KEEP
    assert verdict(fresh, there, held=None).action == Action.KEEP
    assert verdict(fresh, there, now=30.0).at == 60.0


def test_a_template_that_nothing_names_is_dropped_though_its_main_checkout_is_there() -> None:
    there = {X: Tree(Presence.THERE)}
    for sessions, action in (((), Action.DROP), (SOMEBODY, Action.KEEP), (None, Action.KEEP)):
        connected = {} if sessions is None else {"n": sessions}
        template = replace(RECORD, use=TEMPLATE)
        [found] = verdicts([template], there, connected, now=0.0, keep={}, unnamed={"n": "nothing names it"})
        assert (found.action, found.why.partition(",")[0]) == (action, "nothing names it")
        [kept] = verdicts([template], there, connected, now=0.0, keep={}, unnamed={"other": "nothing names it"})
        assert kept.action == Action.KEEP


@given(
    st.sampled_from([OWN, TEMPLATE, OLD_TEMPLATE, "fresh-1", "test"]),
    st.builds(Tree, st.sampled_from([*Presence]), st.one_of(st.none(), st.floats(0, 10_000))),
    st.floats(0, 20_000),
    st.sampled_from([None, (), SOMEBODY]),
    st.sampled_from([None, (), ("n",)]),
)
def test_nothing_is_dropped_that_lives_or_is_used(
    use: str, tree: Tree, now: float, sessions: tuple[Session, ...] | None, held: tuple[str, ...] | None
) -> None:
    there, since = tree.presence, tree.gone_since
    found = verdict(replace(RECORD, use=use), tree, now=now, sessions=sessions, held=held)
    if found.action == Action.DROP:
        assert sessions == ()
        assert use in (OLD_TEMPLATE, "fresh-1") or (
            there == Presence.GONE and since is not None and now >= since + 3600
        )
        assert use != "fresh-1" or held == ()
    if found.action == Action.STUCK:
        assert (there, sessions) == (Presence.GONE, SOMEBODY)
    if found.at is not None:
        assert found.at > now

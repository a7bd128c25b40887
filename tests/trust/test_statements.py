"""Whether what a repository asks for is what the user allowed."""

import pytest

from router.errors import NotAllowedError
from router.trust.statements import Record, Statement, allowed, digest, expect_allowed, recorded

RUN, MAKE = Statement("setup.run.0", "run npm ci"), Statement("resources.db", "make a copy of shop")
BOTH = (MAKE, RUN)


def record(*statements: Statement, **servers: str) -> Record:
    before = recorded("/r/.git", statements, at=1.0)
    return Record(before.repository, before.statements, before.digest, before.at, servers)


def test_nothing_needs_no_permission() -> None:
    assert allowed((), None).allowed
    assert allowed((), record()).allowed


def test_exactly_what_was_allowed_is_allowed() -> None:
    assert allowed(BOTH, record(*BOTH)).allowed
    assert not allowed(BOTH, None).allowed


@pytest.mark.parametrize(
    ("now", "lines"),
    [
        ((MAKE,), ("- setup.run.0: run npm ci",)),
        ((*BOTH, Statement("setup.run.1", "run x")), ("+ setup.run.1: run x",)),
        (
            (MAKE, Statement("setup.run.0", "run rm")),
            ("+ setup.run.0: run rm", "- setup.run.0: run npm ci"),
        ),
        ((RUN, MAKE), ("the order of what is run has changed",)),
        ((), ("- resources.db: make a copy of shop", "- setup.run.0: run npm ci")),
    ],
)
def test_any_change_has_to_be_allowed_again(now: tuple[Statement, ...], lines: tuple[str, ...]) -> None:
    verdict = allowed(now, record(*BOTH))
    assert not verdict.allowed
    assert verdict.lines == lines
    assert digest(now) != digest(BOTH)


def test_another_server_at_the_same_address_has_to_be_allowed_again() -> None:
    met = record(*BOTH, **{"resources.db": "7431"})
    assert allowed(BOTH, met, servers={"resources.db": "7431"}).allowed
    assert allowed(BOTH, record(*BOTH), servers={"resources.db": "7431"}).allowed
    verdict = allowed(BOTH, met, servers={"resources.db": "9999"})
    assert verdict.lines == ("resources.db: another server answers there now",)
    assert not verdict.allowed


def test_the_message_says_what_is_not_allowed_and_how_to_see_it() -> None:
    with pytest.raises(NotAllowedError) as caught:
        expect_allowed(allowed(BOTH, None), place="/r")
    assert caught.value.message == (
        "router.toml of /r is not allowed yet (resources.db: make a copy of shop; setup.run.0: run npm ci)"
    )
    assert "`router allow --show`" in caught.value.hint
    with pytest.raises(NotAllowedError, match=r"has changed since it was allowed \(\+ setup\.run\.0: run npm ci\)"):
        expect_allowed(allowed(BOTH, record(MAKE)), place="/r")

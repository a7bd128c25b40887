"""The order in which the owner of a sign-in is searched."""

from pathlib import Path

import pytest

from router.model import Wake
from router.store import Store
from router.watcher.recent import order, written
from tests.fakes import route, service, table

TABLE = table(
    route("main", service("web", 3000)),
    route("feature-x", service("web", 3001), service("api", 4001), aliases=("shop-feature-x",)),
    route("feature-y", service("web", 3002), service("api", 4002)),
    route("blocked", service("web", 3003, blocked=True)),
)


def test_nobody_was_used() -> None:
    assert order(TABLE, {}) == []


def test_whoever_was_used_last_comes_first() -> None:
    assert order(TABLE, {3000: 5.0, 3002: 9.0}) == [["feature-y"], ["main"]]


def test_a_service_that_was_used_is_asked_with_its_site_and_other_hosts_come_after_all_worktrees() -> None:
    assert order(TABLE, {3001: 5.0, 4001: 9.0, 3000: 6.0}) == [
        ["feature-x", "api.feature-x"],
        ["main"],
        ["shop-feature-x", "api.shop-feature-x"],
        ["feature-x--api"],
        ["shop-feature-x--api"],
    ]


def test_a_port_that_somebody_else_has_tells_nothing() -> None:
    assert order(TABLE, {3003: 9.0}) == []


def test_a_server_that_is_down_is_asked_only_where_the_answer_would_wake_it() -> None:
    down = table(
        route("gone", service("web", 3000, up=False)),
        route("asleep", service("web", 3001, up=False, wakes=Wake())),
    )
    assert order(down, {3000: 9.0, 3001: 5.0}) == [["asleep"]]


@pytest.mark.parametrize(("text", "found"), [
    ('{"recent": [["main"], ["feature-x", "api.feature-x"]]}', (("main",), ("feature-x", "api.feature-x"))),
    ('{"recent": []}', ()), ('{"rec', None), ("[]", None), ('{"recent": null}', None), ("", None), (None, None),
])  # fmt: skip
def test_what_was_written_is_read(tmp_path: Path, text: str | None, found: object) -> None:
    store = Store(tmp_path)
    store.site.mkdir(parents=True)
    if text is not None:
        (store.site / "recent.json").write_text(text)
    assert written(store) == found

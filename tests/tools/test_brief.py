"""What agents read: short whatever there is, the own worktree first, no secret."""

import pytest

from router.tools import brief
from tests.e2e import statuses

DOWN = statuses.service("web", "x", 5000, up=False)


def status(*names: str, running: bool = True) -> statuses.Json:
    found = statuses.status(*(statuses.worktree(name, services={"web": DOWN}) for name in names))
    found["worktrees"].append(statuses.worktree("up-one"))
    found["watcher"]["running"] = running
    return found


def test_the_own_worktree_comes_first_then_what_is_up() -> None:
    first, *lines = brief.status(status("a", "b", "c"), own="b").splitlines()
    assert first == "this worktree: b"
    assert [line.split()[0] for line in lines] == ["b", "up-one", "a", "c"]
    assert "http://b.localhost:8080" in lines[0]


def test_problems_of_the_router_and_of_the_own_worktree_are_told() -> None:
    problem = {"kind": "bad-port", "service": "web", "severity": "warning", "message": "PORT=x", "hint": "change it"}
    found = status("a")
    found["worktrees"][0]["problems"] = [problem]
    assert "warning: PORT=x (change it)" in brief.status(found, own="a").splitlines()
    assert "PORT=x" not in brief.status(found, own="up-one")
    assert "1 problems" in brief.status(found, own="up-one")


def test_a_thousand_worktrees_are_cut() -> None:
    text = brief.status(status(*(f"feature-{number}" for number in range(1000))), own="feature-999")
    assert len(text) <= brief.LONGEST
    assert text.splitlines()[1].startswith("feature-999 ")
    assert text.splitlines()[-1].endswith(" more lines")


def test_without_a_router_it_says_how_one_is_started() -> None:
    assert brief.status(status("a", running=False), own="a").startswith("no router runs: `router up --detach`")


def test_the_end_of_a_log_is_kept_without_its_secrets() -> None:
    text = brief.log("\n".join([*(f"line {number}" for number in range(10_000)), "password=hunter2 last"]))
    assert len(text) <= brief.LONGEST
    assert text.endswith("password=… last")
    assert text.startswith("… ")


@pytest.mark.parametrize("line", ["x" * 10_000, "é" * 10_000])
def test_one_long_line_is_cut_too(line: str) -> None:
    assert len(brief.cut([line])) <= brief.LONGEST


def test_values_that_may_be_secret_are_left_out() -> None:
    values = {
        "PORT": "5000",
        "API_PORT": "6000",
        "DATABASE_NAME": "shop",
        "DATABASE_URL": "postgres://a:b@h/x",
        "KEY": "s",
    }
    told = ["PORT=5000", "API_PORT=6000", "DATABASE_NAME=shop", "DATABASE_URL (set)", "KEY (set)"]
    assert brief.environment(values).splitlines() == told

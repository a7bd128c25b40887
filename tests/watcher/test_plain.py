"""The dashboard as text."""

from router.watcher.plain import as_text
from tests.e2e import statuses


def service(name: str, number: int, state: str = "up", *, seen: bool = True) -> statuses.Json:
    up = state in {"up", "not-answering"}
    return statuses.service(name, "x", number, state=state, up=up, seen=seen)


def test_each_worktree_is_a_line_what_is_up_first_and_problems_come_last() -> None:
    wrong = {"kind": "moved-port", "service": "web", "severity": "warning", "message": "it moved", "hint": "stop it"}
    own = {"kind": "drift", "service": None, "severity": "error", "message": "other\x1b[31m", "hint": "load it"}
    trees = (
        statuses.worktree("down", services={"web": service("web", 1, "down")}),
        statuses.worktree("sleeps", services={"web": service("web", 2, "asleep")}),
        statuses.worktree(
            "cart", services={"web": service("web", 3, "down"), "api": service("api", 4)}, problems=[wrong]
        ),
        statuses.worktree("none", services={"web": service("web", 5, "down", seen=False)}),
    )
    assert as_text(statuses.status(*trees, problems=(own,))).splitlines() == [
        "up             http://cart.localhost:8080    web 3 down, api 4",
        "asleep         http://sleeps.localhost:8080  web 2 asleep",
        "down           http://down.localhost:8080    web 1 down",
        "down           http://none.localhost:8080",
        "",
        "router: other%1B[31m → load it",
        "cart: it moved → stop it",
    ]


def test_without_a_worktree_it_says_what_to_do() -> None:
    assert as_text(statuses.status()) == "no worktree is routed: run `router up` in a repository\n"

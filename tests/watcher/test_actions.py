"""What the dashboard's buttons do, and who may press them."""

import json
import threading
from collections.abc import Sequence

import pytest

from router.observe.clients import Client
from router.watcher.actions import COMMANDS, Actions
from router.watcher.live import Answer, Request
from router.watcher.own_page import CLIENT, OwnPage

ORIGIN = "http://localhost:8080"
STATUS = {"worktrees": [{"name": "main"}, {"name": "cart"}]}
MINE, HIS = Client("127.0.0.1", 50_000), Client("127.0.0.1", 50_001)


class Commands:
    """Takes note of the commands that are run, each of which waits until it may go."""

    def __init__(self, code: int = 0, said: str = "main: web is up\n") -> None:
        self.ran: list[Sequence[str]] = []
        self.go = threading.Event()
        self.go.set()
        self._answer = code, said

    def __call__(self, arguments: Sequence[str]) -> tuple[int, str]:
        self.ran.append(arguments)
        assert self.go.wait(20)
        return self._answer


@pytest.mark.parametrize(("asked", "command"), [
    ("start/cart", ["start", "cart"]), ("stop/main", ["stop", "--other", "main"]),
    ("restart/main", ["restart", "--other", "main"]), ("pin/main", ["pin", "main"]),
    ("unpin/main", ["pin", "--off", "main"]), ("sleep/main", ["stop", "--other", "--sleep", "main"]),
])  # fmt: skip
def test_each_action_is_a_command(asked: str, command: list[str]) -> None:
    run = Commands()
    assert Actions(lambda: STATUS, run)(asked).status == 200
    assert run.ran == [command]
    assert asked.split("/", maxsplit=1)[0] in COMMANDS


@pytest.mark.parametrize("asked", [
    "", "start", "start/", "start/nobody", "down/main", "prune/main", "start/main/web", "start/--help", "/main",
])  # fmt: skip
def test_nothing_else_is_run(asked: str) -> None:
    run = Commands()
    assert Actions(lambda: STATUS, run)(asked).status == 404
    assert Actions(lambda: None, run)("start/main").status == 404
    assert run.ran == []


def test_what_a_command_says_is_told_without_secrets() -> None:
    run = Commands(1, "error: no\n\n  → TOKEN=abc123 fails\n")
    assert json.loads(Actions(lambda: STATUS, run)("start/main").body) == {
        "code": 1, "said": ["error: no", "  → TOKEN=… fails"]}  # fmt: skip


def test_one_thing_is_done_with_a_worktree_at_a_time() -> None:
    run = Commands()
    run.go.clear()
    act = Actions(lambda: STATUS, run)
    first = threading.Thread(target=act, args=("start/main",))
    first.start()
    while not run.ran:
        assert first.is_alive()
    assert act("stop/main").status == 409
    run.go.set()
    first.join(20)
    assert act("stop/main").status == 200
    assert run.ran == [["start", "main"], ["stop", "--other", "main"]]


# Who may


def page() -> OwnPage:
    return OwnPage(ORIGIN, lambda client: client == MINE, editor="vscode://file")


def request(method: str, client: Client = MINE, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, "it", {CLIENT: f"{client.address} {client.port}", **named})


def token(own: OwnPage) -> str:
    return str(json.loads(own.token(request("GET")).body)["token"])


def test_the_token_is_for_this_users_programs_and_for_no_page_of_another_origin() -> None:
    own = page()
    assert own.token(request("GET", sec_fetch_site="same-origin")).status == 200
    assert own.token(request("GET", sec_fetch_site="none")).status == 200
    for site in ("same-site", "cross-site", ""):
        assert own.token(request("GET", sec_fetch_site=site)).status == 403
    assert own.token(request("POST")).status == 403
    assert own.token(request("GET", HIS)).status == 403
    assert token(own) != token(page())


@pytest.mark.parametrize("where", ["", "127.0.0.1", "127.0.0.1 x", "127.0.0.1 -1", " ", "127.0.0.1 50000 50000"])
def test_where_nobody_says_whose_it_is_nothing_is_told(where: str) -> None:
    assert page().token(Request("GET", "", {CLIENT: where})).status == 403


def test_where_the_system_does_not_tell_whose_it_is_nothing_is_told() -> None:
    def silent(_: Client) -> bool:
        raise OSError("no netlink here")

    assert OwnPage(ORIGIN, silent).token(request("GET")).status == 403


def test_reading_takes_the_token_and_acting_the_origin_too() -> None:
    own = page()
    read, act = (
        own.reading(lambda rest: Answer(200, rest.encode())),
        own.acting(lambda rest: Answer(200, rest.encode())),
    )
    sent = {"router_token": token(own)}
    assert read(request("GET", **sent)).body == b"it"
    assert read(request("GET")).status == 403
    assert read(request("GET", HIS, **sent)).status == 403
    assert read(request("POST", **sent)).status == 403
    assert act(request("POST", **sent, origin=ORIGIN)).body == b"it"
    for origin in ("", "null", "http://localhost", "http://localhost:80800", "http://main.localhost:8080"):
        assert act(request("POST", **sent, origin=origin)).status == 403
    assert act(request("POST", **sent)).status == 403
    assert act(request("POST", origin=ORIGIN)).status == 403
    assert act(request("POST", HIS, **sent, origin=ORIGIN)).status == 403
    assert act(request("GET", **sent, origin=ORIGIN)).status == 403

"""`router up`, `down` and `logs` beside a running watcher and without one; the watcher itself runs in `tests/e2e`."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from router.store import Store
from tests.cli.conftest import FakeWatcher, Workplace
from tests.e2e import statuses
from tests.e2e.routers import Said

Command = Callable[..., Said]


@pytest.fixture
def answering(watching: FakeWatcher, workplace: Workplace) -> Iterator[None]:
    """Answer a signal as the watcher does: serve the repositories that are to be served.

    The server of the checkout is up where there is a file `up` in it.
    """
    place = workplace.repository

    def look_again(*_: object) -> None:
        repositories = Store(workplace.state).memory().repositories
        web = statuses.service("web", "main", 14315, up=(place / "up").exists())
        tree = statuses.worktree("main", path=str(place), services={"web": web})
        watching.publish(tree, repositories=tuple(repositories))

    before = signal.signal(signal.SIGUSR1, look_again)
    yield
    signal.signal(signal.SIGUSR1, before)


def test_a_running_router_serves_one_more_repository(command: Command, answering: None) -> None:
    first, again = command("up", "--detach"), command("up")
    assert (first.code, again.code) == (0, 0)
    assert first.out.splitlines()[1].startswith("main  http://main.localhost:8080")
    assert first.err.splitlines()[0] == f"the router (pid {os.getpid()}) now serves this repository too"
    assert again.err.splitlines()[0] == f"the router (pid {os.getpid()}) already serves this repository"


def test_up_says_where_the_dashboard_is_how_to_stop_it_and_what_to_do_next(
    command: Command, answering: None, workplace: Workplace
) -> None:
    dashboard = "The dashboard is at http://localhost:8080; `router down` stops it."
    (workplace.repository / "package.json").write_text('{"scripts": {"dev": "vite"}}')
    (workplace.repository / "pnpm-lock.yaml").touch()
    assert command("up").err.splitlines()[1:] == [dashboard, "Next: router run -- pnpm run dev"]
    os.chdir("..")
    place = workplace.repository
    said = command("up", str(place)).err.splitlines()
    assert said[1:] == [dashboard, f"Next: cd {place} && router run -- pnpm run dev"]


def test_up_in_a_checkout_that_does_not_say_how_it_starts(
    command: Command, answering: None, workplace: Workplace
) -> None:
    [*_, last] = command("up").err.splitlines()
    assert last == (
        f"Next: start the dev server of main as usual, in {workplace.repository}; "
        "`router run -- COMMAND` gives it port 14315"
    )


def test_up_beside_a_server_that_is_up_says_what_to_open(
    command: Command, workplace: Workplace, answering: None
) -> None:
    (workplace.repository / "up").touch()
    [*_, last] = command("up").err.splitlines()
    assert last == "Next: open http://main.localhost:8080"


def test_a_router_that_runs_differently_is_not_joined(command: Command, answering: None) -> None:
    said = command("up", "--port", "8099")
    assert (said.code, said.out) == (1, "")
    assert "runs with port 8080, not 8099" in said.err


def test_a_repository_is_served_no_more(command: Command, answering: None, workplace: Workplace) -> None:
    command("up")
    assert command("down", str(workplace.repository)) == Said(0, "", "")
    assert Store(workplace.state).memory().repositories == ()


def test_where_no_router_runs_there_is_nothing_to_stop(command: Command) -> None:
    assert command("down") == Said(0, "", "no router is running\n")


@pytest.mark.parametrize("verb", ["up", "down"])
def test_a_directory_outside_of_every_repository_is_refused(command: Command, tmp_path: Path, verb: str) -> None:
    said = command(verb, str(tmp_path))
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"error: {tmp_path} is not inside a git repository\n")


def test_a_setting_that_cannot_be_used_is_an_error(command: Command) -> None:
    said = command("up", "--port", "0")
    assert (said.code, said.err.splitlines()[0][:34]) == (1, "error: the setting port cannot be ")


def test_the_logs_have_their_origin_in_front(command: Command, watching: FakeWatcher) -> None:
    watching.store.watcher_log.write_text("one\ntwo\n")
    watching.store.caddy_log.write_text('{"level":"info"}\nhalf a line')
    assert command("logs") == Said(0, 'watcher: one\nwatcher: two\ncaddy: {"level":"info"}\n', "")
    assert json.loads(command("logs", "--json").out)["lines"] == [
        {"log": "watcher", "line": "one"}, {"log": "watcher", "line": "two"},
        {"log": "caddy", "line": '{"level":"info"}'},
    ]  # fmt: skip

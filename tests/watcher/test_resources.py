"""Resources beside the loop: made when a worktree is new, tried again, and again when what decides has changed."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from router.data.ledger import Ledger
from router.data.making import Failure
from router.data.servers.running import Running
from router.data.stock import Outcome
from router.model import Repository
from router.ps import ProcessId
from router.remembered import Memory
from router.settings import Settings
from router.watcher.resources import Resources
from tests.e2e.routers import wait_until
from tests.fakes import repository, worktree

FAILED = Failure("down", "the server does not answer", "start it")


class Provider:
    """What the watcher asks to make resources: notes each worktree, and gives what it was told to."""

    def __init__(self, directory: Path) -> None:
        self.ledger = Ledger(directory)
        self.record = directory / "record"
        self.settings = Settings(state_dir=directory)
        self.asked: list[str] = []
        self.running: tuple[Running, ...] = ()
        self.give: Callable[[], Any] = lambda: FAILED

    def routers(self) -> tuple[int, ...]:
        return ()

    def record_of(self, _: Repository) -> Path:
        return self.record

    def servers(self) -> tuple[Running, ...]:
        return self.running

    def missing(self) -> frozenset[str]:
        return frozenset(each.kind for each in self.running if not each.answers)

    def provide(self, _repository: Repository, tree: Any, _memory: Memory) -> tuple[Outcome, ...]:
        self.asked.append(tree.path)
        return (Outcome("db", "postgres", "shop_x", self.give()),)


class Stage:
    def __init__(self, directory: Path, **rest: Any) -> None:
        self.provider: Any = Provider(directory)
        self.woken = threading.Event()
        self.resources = Resources(self.woken.set, self.provider, **rest)
        main = worktree("main", path=str(directory), main=True)
        self.repositories = (repository(main, worktree("x", path=f"{directory}.x"), resources=("db",)),)

    def look(self) -> list[tuple[str, str]]:
        self.resources.about(self.repositories, Memory())
        return [
            (each.state, each.problem.kind if each.problem else "")
            for states in self.resources.shown.values()
            for each in states
        ]

    def looks(self, *wanted: tuple[str, str]) -> None:
        wait_until(lambda: self.look() == list(wanted), what=f"{wanted}, not {self.look()}")


def test_a_new_worktree_s_are_made_once_and_main_s_never(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    gate = threading.Event()
    stage.provider.give = lambda: gate.wait(60) and None
    assert stage.look() == [("making", "resource-pending")]
    gate.set()
    stage.looks(("ready", ""))
    for _ in range(3):
        stage.look()
    assert stage.provider.asked == [f"{tmp_path}.x"]
    stage.resources.close()


def test_what_failed_is_shown_and_tried_again(tmp_path: Path) -> None:
    stage = Stage(tmp_path, retry=(0.0, 3600.0))
    stage.looks(("failed", "resource-failed"))
    wait_until(lambda: stage.look() and len(stage.provider.asked) == 2, what="it is not tried again")
    stage.looks(("failed", "resource-failed"))
    stage.provider.give = lambda: None
    stage.provider.record.write_text("allowed")  # what decides has changed: at once
    stage.looks(("ready", ""))
    stage.resources.close()


def test_what_is_gone_is_shown_no_more(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.looks(("failed", "resource-failed"))
    main = stage.repositories[0].worktrees[0]
    stage.repositories = (repository(main, resources=("db",)),)
    assert stage.look() == []
    stage.resources.close()


def test_main_has_what_is_on_servers_of_the_routers_own(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.provider.give = lambda: None
    main = stage.repositories[0].worktrees[0]
    stage.repositories = (repository(main, resources=("mine", "db"), served=("db",)),)
    assert stage.look() == [("making", "resource-pending")]
    stage.looks(("ready", ""))
    stage.resources.close()


def test_nothing_is_ready_while_its_server_does_not_answer(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.provider.give = lambda: None
    stage.repositories = tuple(replace(each, served=("db",)) for each in stage.repositories)
    answers = Running("postgres", ProcessId(7, 1, "boot"), 31001)
    both = [("ready", "")] * 2
    for running, wanted in (
        (answers, both), (replace(answers, answers=False), [("making", "resource-pending")] * 2), (answers, both),
    ):  # fmt: skip
        stage.provider.running = (running,)
        stage.looks(*wanted)
    stage.repositories = tuple(replace(each, served=()) for each in stage.repositories)
    stage.provider.running = (replace(answers, answers=False),)
    stage.looks(("ready", ""))
    stage.resources.close()


def test_a_server_is_listed_as_soon_as_something_on_it_is_ready(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    server, go = Running("postgres", ProcessId(7, 1, "boot"), 31001), threading.Event()

    def made() -> None:
        go.wait(60)
        stage.provider.running = (server,)

    def servers() -> tuple[Running, ...]:
        found: tuple[Running, ...] = stage.provider.running
        if stage.provider.asked:  # it is made while this look is at the servers
            go.set()
            stage.woken.wait(60)
        return found

    stage.provider.give, stage.provider.servers = made, servers
    main = stage.repositories[0].worktrees[0]
    stage.repositories = (repository(main, resources=("db",), served=("db",)),)
    stage.looks(("ready", ""))
    assert stage.resources.servers == (server,)
    stage.resources.close()


def test_all_is_made_again_when_a_server_of_the_routers_own_has_ended(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.provider.give = lambda: None
    first, second = (Running("postgres", ProcessId(pid, 1, "boot"), 31001) for pid in (7, 8))
    served = tuple(replace(each, served=("db",)) for each in stage.repositories)
    for repositories, runs, again in (
        (stage.repositories, (first,), 0), (stage.repositories, (), 0),
        (served, (second,), 2), (served, (second,), 0), (served, (), 2), (served, (first,), 2),
    ):  # fmt: skip
        asked = len(stage.provider.asked) or 1
        stage.repositories, stage.provider.running = repositories, runs
        stage.looks(*[("ready", "")] * (2 if repositories is served else 1))
        wait_until(lambda asked=asked, again=again: stage.look() and len(stage.provider.asked) >= asked + again)
        assert len(stage.provider.asked) == asked + again
    stage.resources.close()

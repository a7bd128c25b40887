"""Twenty worktrees that go by five means: nothing of theirs is left, and nothing else was dropped."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from router.store import Store
from tests.data.servers import postgres, programs
from tests.e2e.routers import Router, fresh, wait_until
from tests.e2e.shops import SLOW, states, with_database, without_templates

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
WORKTREES = 20


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    """What the benchmark printed."""
    programs("15", Path())  # or the tests are skipped
    command = [sys.executable, "-m", "benchmarks.leftovers", "--worktrees", str(WORKTREES), "--seed", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=900, check=False)
    assert done.stdout, done.stderr.decode()[-3000:]
    return dict(json.loads(done.stdout))


def test_nothing_is_left_of_worktrees_that_are_gone(figures: dict[str, Any]) -> None:
    assert (figures["leftovers"], figures["ledger"]) == ([], [])
    counted = figures["counted"]
    assert counted["removed"] == WORKTREES
    assert counted["databases in use"] >= WORKTREES // 2
    assert counted["removed while a session was connected"] > 0
    assert counted["hooks killed"] > 0
    assert counted["watchers killed"] == 2


def test_nothing_that_was_made_by_hand_was_dropped(figures: dict[str, Any]) -> None:
    assert figures["foreign_drops"] == []
    assert figures["counted"]["databases made by hand"] > 5
    assert figures["counted"]["databases replaced by hand"] > 1


def test_every_test_saw_its_own_database_alone(figures: dict[str, Any]) -> None:
    assert figures["counted"]["tests green"] == figures["counted"]["tests run"] > 0


def test_what_is_made_is_dropped_though_all_but_the_ledger_was_lost(router: Router) -> None:
    with postgres("15") as server:
        main = with_database(router, server)
        router.up()
        path = router.add(fresh("x"))
        wait_until(lambda: states(router, path) == {"db": "ready"}, limit=SLOW, what="it is not made")
        router.down()
        router.git("worktree", "remove", "--force", path)
        Store(router.state).memory_file.unlink()
        router.up()
        wait_until(lambda: without_templates(server) == {main}, limit=SLOW, what="it is not dropped")

"""What commands say of worktrees that sleep, that are pinned, and of what keeps others awake."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from router.cli import sleep_text
from router.env.current import current_worktree
from router.settings import load
from router.sleep import kept
from router.store import Store
from tests.cli.conftest import Said, Workplace

Command = Callable[..., Said]
NOW = 1_764_180_000.0  # 2025-11-26T18:00:00Z
USED = {"sign": "bytes", "since": "2025-11-26T17:59:56Z", "text": "9216 bytes came to web within a minute"}
ASLEEP = {"since": "2025-11-26T17:48:00Z", "services": ["web", "api"], "memory": 640_000_000, "why": "nobody used it"}


def tree(**told: Any) -> dict[str, Any]:
    service = {"state": "asleep", "since": ASLEEP["since"]}
    own = {"after_s": None, "pinned": False, "last_use": None, "asleep": None, **told}
    return {"services": {"docs": {"state": "down"}, "web": service, "api": service}, "sleep": own}


def test_the_first_of_a_worktrees_services_that_sleep_has_the_memory() -> None:
    found = tree(asleep=ASLEEP)
    assert sleep_text.asleep(found, "web", now=NOW) == "asleep 12 min, was 640 MB"
    assert sleep_text.asleep(found, "api", now=NOW) == "asleep 12 min"


@pytest.mark.parametrize(
    ("told", "lines"),
    [
        ({"asleep": ASLEEP, "pinned": True}, ["asleep for 12 min (nobody used it): web, api; it had 640 MB"]),
        ({"after_s": 1800.0, "last_use": USED},
         ["sleeps 30 min after its last use", "last use, 4 s ago: 9216 bytes came to web within a minute"]),
        ({"after_s": 1800.0, "pinned": True}, ["pinned: it does not sleep by itself"]),
        ({"last_use": USED}, ["last use, 4 s ago: 9216 bytes came to web within a minute"]),
        ({}, []),
    ],
)  # fmt: skip
def test_what_keeps_a_worktree_awake_is_said_in_lines(told: dict[str, Any], lines: list[str]) -> None:
    assert list(sleep_text.lines(tree(**told), now=NOW)) == lines


def test_nothing_is_said_of_one_that_never_sleeps() -> None:
    assert list(sleep_text.lines({"services": {}}, now=NOW)) == []


def test_a_worktree_is_pinned_by_its_name_or_from_inside_and_stays_so(command: Command, workplace: Workplace) -> None:
    [found] = json.loads(command("status", "--json").out)["worktrees"]
    name = found["name"]
    assert "sleep" not in found
    said = command("pin")
    assert (said.code, said.out, said.err) == (0, "", f"{name} is pinned: it does not sleep by itself\n")
    assert command("pin", name).code == 0
    store, settings = Store(workplace.state), load(state_dir=workplace.state)
    identity = current_worktree(settings, store, cwd=workplace.repository).worktree.id
    assert kept.is_pinned(store, identity)
    [found] = json.loads(command("status", "--json").out)["worktrees"]
    assert found["sleep"]["pinned"] is True
    assert command("pin", name, "--off").err == f"{name} may sleep by itself again\n"
    assert command("pin", name, "--off").err == f"{name} was not pinned\n"
    assert not kept.is_pinned(store, identity)
    refused = command("pin", "nobody")
    assert (refused.code, "no worktree is called 'nobody'" in refused.err) == (1, True)


def test_a_worktree_that_sleeps_is_shown_in_the_table_and_stopped_by_hand_it_is_down(
    command: Command, workplace: Workplace
) -> None:
    command("env")
    store, settings = Store(workplace.state), load(state_dir=workplace.state)
    identity = current_worktree(settings, store, cwd=workplace.repository).worktree.id
    note = kept.Note(identity, str(workplace.repository), ("web",), NOW, 640_000_000, "nobody used it", done=True)
    kept.write(store, note)
    [row] = command("status").out.splitlines()[1:]
    assert row.endswith(", was 640 MB")
    assert command("stop").code == 0
    assert kept.notes(store) == ()
    [row] = command("status").out.splitlines()[1:]
    assert row.endswith(" down")


def test_router_run_is_a_sign_of_use(workplace: Workplace) -> None:
    assert workplace.shell("router run -- true").returncode == 0
    store, settings = Store(workplace.state), load(state_dir=workplace.state)
    assert kept.last_run(store, current_worktree(settings, store, cwd=workplace.repository).worktree.id)

"""How a worktree was last used: what was seen at an earlier look counts at the later ones."""

from pathlib import Path

from router.model import SleepRules, WorktreeId
from router.observe.traffic import Traffic
from router.processes.look import Process
from router.ps import ProcessId
from router.sleep.idle import Idle
from router.sleep.running import Running
from router.store import Store

TREE = WorktreeId("/r/.git", "x", 1)
RULES = {TREE: SleepRules(60.0, None)}
WATCH = Process(ProcessId(2**22 + 1, 1, ""), 1, 1, 1, 0, "/r/x", "", "vitest", None, 0.0)


def runs(*commands: Process) -> dict[WorktreeId, Running]:
    return {TREE: Running((), ("web",), (), (), {}, (), commands)}


def test_a_command_that_has_ended_was_the_last_use_for_as_long_as_nothing_else_is(tmp_path: Path) -> None:
    now = [1000.0]
    idle = Idle(Store(tmp_path), Traffic(lambda *_: False), clock=lambda: now[0], today=lambda: 5000.0 + now[0])
    assert idle.look(runs(), RULES)[TREE].sign == "seen"
    now[0] = 1100.0
    while_it_ran = idle.look(runs(WATCH), RULES)[TREE]
    now[0] = 1105.0
    after_it = idle.look(runs(), RULES)[TREE]
    assert (while_it_ran.sign, while_it_ran.at, while_it_ran.since) == ("command", 1100.0, 6100.0)
    assert after_it == while_it_ran

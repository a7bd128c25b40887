"""Who sits in a worktree, by the processes there and those they come from."""

import pytest

from router.processes.look import Process
from router.processes.roles import Role
from router.processes.seats import seats
from tests.processes.scenes import HERE, process, scene_at

AWAY = "/elsewhere"


@pytest.mark.parametrize(("processes", "found"), [
    ([], ()),
    ([process(10)], ()),
    ([process(10, role=Role.AGENT, program="claude")], ("Claude Code",)),
    ([process(10, role=Role.SHELL, program="zsh")], ("shell",)),
    ([process(10, role=Role.SHELL, program="zsh"), process(11, 10, role=Role.AGENT, program="codex")], ("Codex",)),
    ([process(10, role=Role.AGENT, program="claude", cwd=AWAY), process(11, 10, role=Role.SHELL, program="bash"),
      process(12, 11)], ("Claude Code",)),
    ([process(10, role=Role.EDITOR, program="code", cwd=AWAY), process(11, 10, role=Role.EDITOR, program="gopls")],
     ("VS Code",)),
    ([process(10, role=Role.EDITOR, program="cursor"), process(11, 10, role=Role.AGENT, program="claude")],
     ("Claude Code", "Cursor")),
    ([process(10, role=Role.AGENT, program="aider")], ("aider",)),
    ([process(10, role=Role.AGENT, program="claude", cwd=AWAY), process(11, role=Role.SHELL)], ("shell",)),
    ([process(10, 11, role=None), process(11, 10, role=None)], ()),
])  # fmt: skip
def test_who_sits_in_a_worktree(processes: list[Process], found: tuple[str, ...]) -> None:
    assert seats(scene_at(*processes), HERE) == found


def test_another_users_agent_does_not_count() -> None:
    agent = process(10, role=Role.AGENT, program="claude", uid=0, cwd=AWAY)
    assert seats(scene_at(agent, process(11, 10)), HERE) == ()

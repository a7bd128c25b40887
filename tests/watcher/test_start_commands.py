"""The start commands of the worktrees that are down: looked for beside the loop, and again after a while."""

import threading
from pathlib import Path

from router.model import RouteTable
from router.watcher.start_commands import StartCommands
from tests.fakes import route, service, table, worktree


def only(path: Path, *, up: bool = False) -> RouteTable:
    return table(route("x", service("web", 9, up=up), worktree=worktree("x", path=str(path))))


class Looking:
    """Start commands of one directory, and what they are after a whole look."""

    def __init__(self, path: Path, **rest: float) -> None:
        self.path = path
        self.woken = threading.Event()
        self.commands = StartCommands(self.woken.set, **rest)

    def lines(self) -> list[str]:
        self.woken.clear()
        self.commands.about(only(self.path))
        assert self.woken.wait(60)
        self.commands.about(only(self.path))
        return [found.line for found in self.commands.found.values()]


def test_what_is_down_is_looked_at_and_what_is_up_forgotten(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"scripts": {"dev": "vite"}}')
    looking = Looking(tmp_path)
    assert looking.lines() == ["npm run dev"]
    looking.commands.about(only(tmp_path, up=True))
    assert looking.commands.found == {}
    looking.commands.close()


def test_a_worktree_is_looked_at_again_after_a_while(tmp_path: Path) -> None:
    looking = Looking(tmp_path, interval=0)
    assert looking.lines() == []
    (tmp_path / "manage.py").write_text("import django")
    assert looking.lines() == ["python manage.py runserver"]
    (tmp_path / "manage.py").unlink()
    assert looking.lines() == []
    looking.commands.close()

"""The start commands of the worktrees that are down: looked for beside the loop, and again after a while."""

import threading
from pathlib import Path

import pytest

from router.route_table import RouteTable
from router.watcher.start_commands import USUAL, StartCommands
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
    looking.lines()  # of a look that may have begun before
    assert looking.lines() == ["python manage.py runserver"]
    (tmp_path / "manage.py").unlink()
    looking.lines()
    assert looking.lines() == []
    looking.commands.close()


@pytest.mark.parametrize(("count", "again"), [(USUAL, True), (10 * USUAL, False)])
def test_where_many_are_down_each_is_looked_at_less_often(count: int, again: bool) -> None:
    routes = table(*(route(f"b{n}", service("web", 9, up=False)) for n in range(count)))
    start_commands = StartCommands(lambda: None, interval=1000.0)
    start_commands.about(routes)
    long_ago = {path: when - 1500.0 for path, when in start_commands._asked.items()}
    start_commands._asked = dict(long_ago)
    start_commands.about(routes)
    assert (start_commands._asked != long_ago) is again
    start_commands.close()

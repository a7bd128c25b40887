"""`status --watch`: the table again whenever it changes; on a terminal, with keys that act on the chosen worktree."""

import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.segment import Segment, SegmentLines
from rich.text import Text

from router.cli import output, table
from router.cli.keyboard import Keyboard
from router.cli.opened import current_directory
from router.document import Document
from router.store import Store
from router.watcher.actions import COMMANDS, runner

if TYPE_CHECKING:
    from rich.console import RenderableType

_PAUSE = 0.5  # seconds between two looks
_HELP = "↑ ↓ choose   o open   s start   x stop   l log   q quit"
_COMMANDS = {"open": ("open",), **{key: COMMANDS[key] for key in ("start", "stop")}}
_SAID, _LOG = 6, 12  # lines of what a command said, and of a log

Ask = Callable[[], Document]


def show_changes(ask: Ask, store: Store, *, verbose: bool) -> None:
    """Show the status whenever it changes, until interrupted: in place on a terminal, one below the other elsewhere."""
    console = Console()
    if not console.is_terminal:
        _print_changes(ask)
    elif not sys.stdin.isatty():
        _show_in_place(ask, console, verbose=verbose)
    else:
        _show_with_keys(ask, store, console, verbose=verbose)


def moved(names: Sequence[str], chosen: str | None, *, step: int) -> str | None:
    """Return the name that is chosen after a step from another, the first one where that is gone, None of none."""
    if chosen not in names:
        return names[0] if names else None
    return names[min(max(0, names.index(chosen) + step), len(names) - 1)]


def window(lines: Sequence[list[Segment]], *, room: int) -> list[list[Segment]]:
    """Return as many lines as there is room for, the chosen one, which is the reversed one, among them; filled up."""
    at = next((i for i, line in enumerate(lines) if any(each.style and each.style.reverse for each in line)), 0)
    top = max(0, min(at - room // 2, len(lines) - room))
    shown = list(lines[top : top + room])
    return [*shown, *([] for _ in range(room - len(shown)))]


def _print_changes(ask: Ask) -> None:
    shown: Document = {}
    while True:
        if (document := ask()) != shown:
            output.show(table.output(document))
            shown = document
        output.pause(_PAUSE)


def _show_in_place(ask: Ask, console: Console, *, verbose: bool) -> None:
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            live.update(table.renderable(ask(), verbose=verbose), refresh=True)
            output.pause(_PAUSE)


def _show_with_keys(ask: Ask, store: Store, console: Console, *, verbose: bool) -> None:
    hands = _Hands(store)
    with Live(console=console, auto_refresh=False, screen=True) as live:

        def turn(there: bool) -> None:
            console.set_alt_screen(there)
            console.show_cursor(not there)

        with Keyboard(lambda: turn(False), lambda: turn(True)) as keyboard:
            while True:
                hands.look(ask())
                live.update(hands.screen(console, verbose=verbose), refresh=True)
                pressed = keyboard.pressed(_PAUSE)
                if "quit" in pressed:
                    return
                for key in pressed:
                    hands.press(key)
                output.pause(0)


class _Hands:
    """What the keys are about: the chosen worktree, the log that is shown, and the command that runs, one at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._status: Document = {"worktrees": []}
        self._chosen: str | None = None
        self._log = False
        self._said: list[str] = []
        self._told: list[str] = []
        self._run = runner(store, cwd=current_directory())
        self._running: threading.Thread | None = None

    def look(self, status: Document) -> None:
        """Take over the status as it is now, and what a command said that has ended meanwhile."""
        self._status = status
        self._chosen = moved(self._names(), self._chosen, step=0)
        if self._running and not self._running.is_alive():
            self._said, self._running = self._told, None

    def press(self, key: str) -> None:
        """Do what a key says."""
        if key in ("up", "down"):
            self._chosen = moved(self._names(), self._chosen, step=1 if key == "down" else -1)
        elif key in ("log", "back"):
            self._log = key == "log" and not self._log
            self._said = []
        elif self._chosen and not self._running:
            self._begin([*_COMMANDS[key], self._chosen])

    def screen(self, console: Console, *, verbose: bool) -> "RenderableType":
        """Return what fills the terminal: the table around the chosen worktree, below it what is said, and the keys."""
        below = [*map(Text, self._below()), Text(_HELP, style="dim")]
        foot = console.render_lines(Group(*below), pad=False)[-max(1, console.height - 3) :]
        body = table.renderable(self._status, verbose=verbose, chosen=self._chosen)
        lines = window(console.render_lines(body, pad=False), room=console.height - len(foot))
        return SegmentLines([*lines, *foot], new_lines=True)

    def _below(self) -> list[str]:
        if self._running or self._said:
            return self._said
        return self._lines() if self._log else []

    def _lines(self) -> list[str]:
        """Return the last lines of the logs of the chosen worktree's servers."""
        from router.servers import log, records

        path = next(tree["path"] for tree in self._status["worktrees"] if tree["name"] == self._chosen)
        known = records.of_path(self._store, path)
        found = [(each.record.service, log.last_lines(log.path(each.directory), count=_LOG)) for each in known]
        lines = [f"{service}: {line}" for service, said in found for line in said[-max(1, _LOG // len(found)) :]]
        return lines or [f"the router has started no server of {self._chosen}"]

    def _begin(self, arguments: list[str]) -> None:
        self._said = [f"router {' '.join(arguments)} …"]
        # Nobody waits for it at the end: what it starts or stops goes on
        self._running = threading.Thread(target=self._do, args=(arguments,), daemon=True)
        self._running.start()

    def _do(self, arguments: list[str]) -> None:
        _, said = self._run(arguments)
        self._told = said.splitlines()[-_SAID:]

    def _names(self) -> list[str]:
        return [tree["name"] for tree in table.ordered(self._status)]

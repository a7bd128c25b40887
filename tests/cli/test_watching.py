"""`status --watch` on a real terminal: its keys, and that the terminal is as it was afterwards."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.segment import Segment
from rich.style import Style

from router.cli.keyboard import keys
from router.cli.watching import moved, window
from router.servers import records
from router.store import Store
from tests.cli.conftest import Said, Workplace
from tests.e2e.routers import fresh
from tests.servers.shops import LISTEN, WAIT, end_started

Command = Callable[..., Said]
LIMIT = 120  # seconds: a server starts on a machine that has much to do
BACK = (b"\x1b[?1049l", b"\x1b[?25h")  # the screen that was there before, the cursor


@pytest.mark.parametrize(("sent", "found"), [
    ("s", ("start",)), ("\x1b[A\x1b[Bo", ("up", "down", "open")), ("\x1bOAkj", ("up", "up", "down")), ("\r", ("open",)),
    ("\x1b", ("back",)), ("\x1b[C é?", ()), ("xlq", ("stop", "log", "quit")),
])  # fmt: skip
def test_keys_have_names(sent: str, found: tuple[str, ...]) -> None:
    assert keys(sent) == found


def test_the_choice_stays_on_its_name_and_within_the_table() -> None:
    names = ("a", "b", "c")
    assert [moved(names, each, step=1) for each in (None, "a", "c", "gone")] == ["a", "b", "c", "a"]
    assert [moved(names, each, step=-1) for each in ("a", "c")] == ["a", "b"]
    assert moved((), "a", step=1) is None


def test_the_chosen_line_is_always_among_those_that_are_shown() -> None:
    def lines(at: int) -> list[list[Segment]]:
        return [[Segment(str(i), Style(reverse=i == at))] for i in range(50)]

    shown = [[each[0].text for each in window(lines(at), room=5)] for at in (0, 25, 49)]
    assert shown == [["0", "1", "2", "3", "4"], ["23", "24", "25", "26", "27"], ["45", "46", "47", "48", "49"]]
    assert [len(each) for each in window(lines(0)[:2], room=4)] == [1, 1, 0, 0]


class Terminal:
    """A terminal of 100 by 24 in which `router status --watch` runs, and all that was written to it."""

    def __init__(self, workplace: Workplace, **env: str) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.before = self.attributes()
        self.seen = b""
        own = {"TERM": "xterm-256color", **env}
        streams: dict[str, Any] = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave}
        self.process = workplace.start("status", "--watch", env=own, start_new_session=True, **streams)

    def attributes(self) -> list[Any]:
        return termios.tcgetattr(self.slave)

    def read(self, seconds: float = 0.1) -> None:
        while select.select([self.master], [], [], seconds)[0]:
            self.seen += os.read(self.master, 1 << 16)
            seconds = 0

    def send(self, text: str) -> None:
        self.seen = b""
        os.write(self.master, text.encode())

    def wait(self, text: str) -> None:
        until = time.monotonic() + LIMIT
        while text not in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.seen.decode(errors="replace")):
            assert time.monotonic() < until, self.seen[-4000:].decode(errors="replace")
            self.read()

    def end(self) -> int:
        until = time.monotonic() + LIMIT
        while self.process.poll() is None:
            assert time.monotonic() < until
            self.read()
        self.read()
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def label(workplace: Workplace, command: Command) -> Iterator[str]:
    """A linked worktree whose `web` is started by a command that is allowed; what was started is ended."""
    branch = fresh("fix")
    place = workplace.repository.parent / f"shop.{branch}"
    subprocess.run(["git", "worktree", "add", "-q", "-b", branch, place], cwd=workplace.repository, check=True)
    (place / "web.py").write_text(f"print('hello from web', flush=True)\n{LISTEN}{WAIT}")
    line = f"[services.web]\nrun = '{sys.executable} -S web.py'\n"
    (workplace.repository / "router.toml").write_text(line)
    assert command("allow").code == 0
    yield branch
    end_started(Store(workplace.state))


@pytest.fixture
def terminal(workplace: Workplace, label: str, tmp_path: Path) -> Iterator[Terminal]:
    """`status --watch`, with the first worktree chosen, and a browser that only writes down what it opens."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    shown = Terminal(workplace, BROWSER=f"{browser} %s")
    shown.wait("q quit")
    yield shown
    shown.close()


def choose_first(terminal: Terminal, label: str) -> None:
    """Move to the first worktree: the chosen line is reversed."""
    terminal.send("k")
    until = time.monotonic() + LIMIT
    while b"\x1b[7m" + label.encode() not in terminal.seen:
        assert time.monotonic() < until, terminal.seen
        terminal.read()


def test_keys_start_show_the_log_open_and_stop(
    terminal: Terminal, label: str, workplace: Workplace, tmp_path: Path
) -> None:
    choose_first(terminal, label)
    terminal.send("l")
    terminal.wait(f"the router has started no server of {label}")
    terminal.send("s")
    terminal.wait("web is up (pid")
    [server] = records.every(Store(workplace.state))
    assert server.runs
    terminal.send("l")
    terminal.send("l")
    terminal.wait("web: hello from web")
    terminal.send("o")
    terminal.wait(f"http://{label}.localhost:8080")  # as the command says it, at its end
    assert (tmp_path / "opened").read_text() == f"http://{label}.localhost:8080\n"
    terminal.send("x")
    terminal.wait(f"{label}: ended web.py (pid {server.record.server.pid})")
    terminal.send("q")
    assert terminal.end() == 0
    assert terminal.attributes() == terminal.before
    assert all(each in terminal.seen for each in BACK)


@pytest.mark.parametrize(("number", "code"), [
    (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGHUP, 128 + signal.SIGHUP), (signal.SIGINT, 130),
])  # fmt: skip
def test_a_signal_ends_it_and_the_terminal_is_as_it_was(terminal: Terminal, number: signal.Signals, code: int) -> None:
    assert terminal.attributes() != terminal.before
    terminal.process.send_signal(number)
    assert terminal.end() == code
    assert terminal.attributes() == terminal.before
    assert all(each in terminal.seen for each in BACK)
    assert b"Traceback" not in terminal.seen


def test_suspended_it_gives_the_terminal_back_until_it_goes_on(terminal: Terminal) -> None:
    terminal.seen = b""
    terminal.process.send_signal(signal.SIGTSTP)
    os.waitpid(terminal.process.pid, os.WUNTRACED)
    terminal.read()
    assert terminal.attributes() == terminal.before
    assert all(each in terminal.seen for each in BACK)
    terminal.process.send_signal(signal.SIGCONT)
    terminal.send("k")
    terminal.wait("q quit")
    assert terminal.attributes() != terminal.before
    terminal.send("q")
    assert terminal.end() == 0

"""The commands of README and docs, typed as a reader would, page by page; what they show is what comes out."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Self

import pytest

from tests import documents
from tests.documents import BOOK, Command
from tests.e2e.routers import LIMIT, Router, free_port, wait_until

pytestmark = pytest.mark.e2e

ELSEWHERE = {
    r"pipx install ": ".ci/run installs the package into an environment of its own, as pipx does",
    r"python3 -m venv ": ".ci/run does it in a clean clone",
    r"docker |(ROUTER_\w+=\S+ )*router up( --caddy|$)": "another Caddy; test_container.py, test_external.py",
    r"router demo$": "it runs until Ctrl-C; tests/e2e/test_demo.py",
    r"router run -- npm": "a project's own server; tests/e2e/test_env.py starts some",
    r"router hosts (sync|clean)": "they write /etc/hosts; tests/test_hosts.py, on another file",
    r"python -m benchmarks|apt-get": "tests/e2e/test_benchmarks.py and test_soak.py run it, shortened",
}
READING = re.compile(r"curl |router (status|url|explain|hosts|whose)\b")  # safe to repeat until the shown output comes
FAILING = re.compile(r"error:|4\d\d:")  # output that is shown of a command whose exit code is 1
PORTS = ("8080", "3000", "3001")


@dataclass(frozen=True)
class Typed:
    """What a command left in the terminal: its exit code and its output."""

    code: int
    lines: tuple[str, ...]


class Terminal:
    """A shell that stays open: what a command changes, the directory and the jobs included, is there for the next."""

    def __init__(self, router: Router) -> None:
        self._folder = router.directory / "terminal"
        self._folder.mkdir()
        self._ports = dict(zip(PORTS, (router.port, free_port(), free_port()), strict=True))
        self._count = 0
        self._shell = subprocess.Popen(
            ["bash"], cwd=router.repository, env={**router.env, "PATH": f"{_programs(router)}:{router.env['PATH']}"},
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.communicate()

    def run(self, command: str) -> Typed:
        """Type a command and wait until it has ended; the ports of the page are those of this test."""
        self._count += 1
        out, code = (self._folder / f"{self._count}.{name}" for name in ("out", "code"))
        assert self._shell.stdin
        command = re.sub(rf"\b({'|'.join(PORTS)})\b", lambda found: str(self._ports[found[0]]), command)
        self._shell.stdin.write(f"{{ {command}\n}} </dev/null >{out} 2>&1\necho $? >{code}.new; mv {code}.new {code}\n")
        self._shell.stdin.flush()
        wait_until(lambda: code.exists() or self._shell.poll() is not None, limit=6 * LIMIT, what=command)
        assert code.exists(), f"{command} ended the shell"
        return Typed(int(code.read_text()), tuple(out.read_text().splitlines()))


def _programs(router: Router) -> Path:
    """Return a directory for the PATH with this very `router` in it."""
    programs = router.directory / "bin"
    programs.mkdir()
    script = programs / "router"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m router "$@"\n')
    script.chmod(0o755)
    return programs


def elsewhere(command: str) -> bool:
    """Tell whether a command is run by another test."""
    return any(re.match(pattern, command) for pattern in ELSEWHERE)


def follow(terminal: Terminal, command: Command) -> None:
    """Type a command of a page. AssertionError where it does not end, or does not show, as the page says."""
    deadline = monotonic() + LIMIT
    typed = terminal.run(command.text)
    while READING.match(command.text) and not _fits(typed, command) and monotonic() < deadline:
        sleep(0.05)
        typed = terminal.run(command.text)
    assert _fits(typed, command), f"$ {command.text}\n{typed}\nis not {command.shown}"


def _fits(typed: Typed, command: Command) -> bool:
    code = int(any(FAILING.match(shown) for shown in command.shown[:1]))
    return typed.code == code and documents.is_shown(command.shown, typed.lines)


def commands_of(page: Path) -> Iterator[Command]:
    """Yield the commands of a page."""
    for block in documents.blocks(page):
        yield from documents.commands(block)


def typed_on(page: Path) -> list[Command]:
    """Return the commands of a page that are run here."""
    return [command for command in commands_of(page) if not elsewhere(command.text)]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Router]:
    """A repository called `shop` on the branch main, as most pages have it."""
    router = Router(tmp_path)
    router.trunk = "main"
    with _turn(), router:
        yield router


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    """Wait for the pages that are typed elsewhere: the servers of two branches called main want one port."""
    with Path(tempfile.gettempdir(), "worktree-router-test-pages.lock").open("wb") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("page", list(filter(typed_on, BOOK)), ids=documents.title)
def test_every_command_of_a_page_does_what_the_page_shows(shop: Router, page: Path) -> None:
    with Terminal(shop) as terminal:
        for command in typed_on(page):
            follow(terminal, command)


def test_what_is_run_elsewhere_is_on_some_page() -> None:
    every = [command.text for page in BOOK for command in commands_of(page)]
    assert [each for each in ELSEWHERE if not any(re.match(each, command) for command in every)] == []


def test_the_hook_for_plain_git_gives_a_worktree_its_own_values(shop: Router) -> None:
    script, *more = (block.text for page in BOOK for block in documents.blocks(page) if block.is_script)
    assert not more
    hook = shop.repository / ".git/hooks/post-checkout"
    hook.write_text(script)
    hook.chmod(0o755)
    with Terminal(shop) as terminal:
        assert terminal.run("git worktree add -b own ../shop.own").code == 0
    block = shop.directory / "shop.own/.env.local"
    wait_until(block.exists, what="the env block")
    assert "FEATURE=own" in block.read_text().replace("'", "").replace('"', "")

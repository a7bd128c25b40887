"""What the shells complete: the names of worktrees and services, after `router --install-completion`."""

import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import FakeWatcher, Workplace
from tests.e2e import statuses
from tests.needs import needs

# A pseudo-terminal that the shell controls, with pipes on this side.
TERMINAL = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
SHELLS = [pytest.param(shell, marks=needs(shell), id=shell) for shell in ("bash", "zsh", "fish")]
INTERACTIVE = [pytest.param(shell, marks=needs(shell), id=shell) for shell in ("bash", "zsh")]


@pytest.fixture
def env(workplace: Workplace, watching: FakeWatcher, tmp_path: Path) -> dict[str, str]:
    """Have a home of its own, in which no shell asks anything, and the installed command on PATH."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".zshrc").touch()
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in workplace.env.items() if not name.startswith("XDG_")}
    return {**kept, "HOME": str(home), "PATH": path, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}


def installed(shell: str, env: Mapping[str, str]) -> None:
    """Install the completion as that shell's user would: which shell it is, the command sees."""
    line = "router --install-completion; exit $status" if shell == "fish" else "router --install-completion; exit $?"
    done = subprocess.run([shell, "-c", line], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr.split()[:2]) == (0, [shell, "completes"])


@contextmanager
def typed(shell: str, env: Mapping[str, str], cwd: Path) -> Iterator["Session"]:
    """Give a shell in a terminal, ready to be typed to."""
    command = [sys.executable, "-c", TERMINAL, shell, "-i"]
    with subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            session = Session(process)
            session.types("PS1='ready''> '; stty cols 120\n")
            session.until("ready> ")
            yield session
        finally:  # the terminal goes, and the shell with it
            process.kill()


class Session:
    """What is typed to a shell, and what it shows."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.shown = ""
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)

    def types(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def until(self, text: str) -> None:
        """Wait until it shows a text, and forget all that came before."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + 120
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            self.shown += (self._process.stdout.read() or b"").decode(errors="replace")
            time.sleep(0.02)
        self.shown = self.shown.partition(text)[2]


@pytest.mark.parametrize("shell", INTERACTIVE)
def test_a_tab_completes_the_name_of_a_worktree(shell: str, env: dict[str, str], workplace: Workplace) -> None:
    installed(shell, env)
    with typed(shell, env, workplace.repository) as session:
        session.types("router url fea\t")
        session.until("ture-x")
        session.types("\n")
        session.until("http://feature-x.localhost:8080")
        session.types("router sto\t")
        session.until("p")
        session.types("--serv\t")
        session.until("ice")
        session.types("w\t")
        session.until("eb")
        session.types("\x03")


@needs("fish")
def test_fish_completes_names_services_commands_and_options(env: dict[str, str], workplace: Workplace) -> None:
    installed("fish", env)

    def completes(line: str) -> list[str]:
        done = subprocess.run(["fish", "-c", f"complete -C '{line}'"], cwd=workplace.repository, env=env,
                              capture_output=True, text=True, timeout=120, check=True)  # fmt: skip
        return [each.partition("\t")[0] for each in done.stdout.splitlines()]

    assert completes("router url fea") == ["feature-x"]
    assert completes("router url shop-f") == ["shop-feature-x"]
    assert completes("router stop --service ") == ["web"]
    assert completes("router stat") == ["status"]
    assert completes("router status --wat") == ["--watch"]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_shell_evaluates_is_nothing_but_labels(
    shell: str, env: dict[str, str], workplace: Workplace, watching: FakeWatcher, tmp_path: Path
) -> None:
    """Agents name branches and services; zsh evaluates what is completed."""
    names = ("a$(touch hurt)", "a`touch hurt`", 'a";touch hurt;"', "a\ntouch hurt", "good")
    watching.publish(*(statuses.worktree(name, aliases=[f"{name}-alias"]) for name in names))
    action = {"bash": ("complete_bash", {"COMP_WORDS": "router url ", "COMP_CWORD": "2"}),
              "zsh": ("complete_zsh", {"_TYPER_COMPLETE_ARGS": "router url "}),
              "fish": ("complete_fish", {"_TYPER_COMPLETE_ARGS": "router url ",
                                         "_TYPER_COMPLETE_FISH_ACTION": "get-args"})}[shell]  # fmt: skip
    done = subprocess.run(["router"], cwd=workplace.repository, env={**env, "_ROUTER_COMPLETE": action[0], **action[1]},
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert "good" in done.stdout
    assert "touch" not in done.stdout


def test_without_a_repository_nothing_is_completed_and_nothing_said(env: dict[str, str], tmp_path: Path) -> None:
    asked = {"_ROUTER_COMPLETE": "complete_bash", "COMP_WORDS": "router url ", "COMP_CWORD": "2",
             "ROUTER_STATE_DIR": str(tmp_path / "none")}  # fmt: skip
    done = subprocess.run(["router"], cwd=tmp_path, env={**env, **asked}, capture_output=True, text=True, timeout=120,
                          check=False)  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("", "")

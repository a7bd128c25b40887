"""The command that a server was started by: told by the processes above it, made up and real."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from router.processes.leading import Led, everything, leading
from router.processes.look import Raw
from router.ps import ProcessId
from tests.e2e.browsers import missing
from tests.processes.scenes import LISTEN, WAIT, Started, first_line
from tests.processes.servers import NODE, members

ROOT = "/w/here"


def raw(pid: int, *argv: str, parent: int = 1, group: int = 10, cwd: str = ROOT, uid: int | None = None,
        terminal: bool = False) -> Raw:  # fmt: skip
    name = argv[0].rpartition("/")[2].split(" ")[0] if argv else "x"
    user = os.getuid() if uid is None else uid
    return Raw(ProcessId(pid, 1, "b"), parent, group, group, user, cwd, "", argv, name, terminal, 0.0)


def led(pid: int, *processes: Raw) -> tuple[str, ...]:
    found = leading(pid, {each.id.pid: each for each in processes}, root=ROOT)
    return found.words if found else ()


NPM = raw(10, "npm run dev")
SHELL = raw(11, "sh", "-c", "vite", parent=10)
VITE = raw(12, "node", "/w/here/node_modules/.bin/vite", parent=11)


def test_the_topmost_of_a_job_is_what_was_typed() -> None:
    assert led(12, NPM, SHELL, VITE) == ("npm", "run", "dev")


def test_a_shell_that_was_given_one_command_is_none_and_a_script_is() -> None:
    tool = raw(9, "/bin/bash", "-c", "-l", "eval 'npm run dev' secret")
    assert led(12, tool, raw(10, "npm run dev", parent=9), SHELL, VITE) == ("npm", "run", "dev")
    assert led(12, raw(10, "bash", "./dev.sh"), raw(12, "node", "x.js", parent=10)) == ("bash", "./dev.sh")


def test_an_agent_an_editor_and_an_open_shell_are_not_what_started_it() -> None:
    for above in (raw(9, "claude"), raw(9, "code"), raw(9, "-zsh", terminal=True), raw(9, "bash")):
        assert led(12, above, raw(10, "npm run dev", parent=9), SHELL, VITE) == ("npm", "run", "dev")


def test_what_is_of_another_job_place_or_user_is_not_what_started_it() -> None:
    below = raw(12, "node", "x.js", parent=10)
    for above in (
        raw(10, "make", "dev", group=9), raw(10, "make", "dev", cwd="/w/other"), raw(10, "make", "dev", uid=77777),
    ):  # fmt: skip
        assert led(12, above, below) == ("node", "x.js")


def test_a_command_with_an_end_is_left_out() -> None:
    assert led(12, raw(10, "timeout", "60", "npm", "start"), raw(12, "node", "x.js", parent=10)) == ("node", "x.js")


@pytest.mark.parametrize(
    "argv",
    [("puma 6.4 (tcp://localhost:3000) [shop]",), ("next-server (v15.1.0)",), ("a\x07b",), ("a", "\ufffd"),
     ("x" * 5000,), ()],
)  # fmt: skip
def test_what_cannot_be_run_again_is_not_learnt(argv: tuple[str, ...]) -> None:
    assert led(10, raw(10, *argv)) == ()


def test_a_pid_that_is_gone_and_a_circle_of_parents_are_nothing_to_learn_from() -> None:
    assert led(99) == ()
    assert led(10, raw(10, "a", parent=11), raw(11, "b", parent=10)) == ("b",)


def test_a_real_server_of_python_with_its_own_environment(tmp_path: Path, real: Started) -> None:
    own = tmp_path / ".venv/bin"
    own.mkdir(parents=True)
    (own / "python").symlink_to(os.path.realpath(sys.executable))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/serve.py").write_text(LISTEN + WAIT)
    child = real.run(
        tmp_path / "sub", "env", f"PATH={own}:{os.environ['PATH']}", "python", "-S", "serve.py", "--token=t"
    )
    first_line(child)
    words = (f"{own}/python", "-S", "serve.py", "--token=t")
    assert leading(child.pid, everything(), root=str(tmp_path)) == Led(words, f"{tmp_path}/sub")


@pytest.mark.parametrize("options", [(), ("--prefix", "web")])
def test_a_real_server_under_npm_whose_title_leaves_out_its_options(
    tmp_path: Path, real: Started, options: tuple[str, ...]
) -> None:
    if not shutil.which("npm"):
        missing("npm")
    place = tmp_path / "web" if options else tmp_path
    place.mkdir(exist_ok=True)
    (place / "server.js").write_text(NODE)
    (place / "package.json").write_text(json.dumps({"scripts": {"dev": "cd . && node server.js; true"}}))
    child = real.run(tmp_path, "npm", *options, "run", "--silent", "dev")
    pid = int(first_line(child).split()[0])
    real.knows(pid, *members(child.pid))
    assert leading(pid, everything(), root=str(tmp_path)) == Led(("npm", "run", "dev"), str(place))

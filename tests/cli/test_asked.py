"""Commands that ask the watcher: it answers what they come to by themselves, and they import next to nothing."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from router.cli import asked, asking, boundary, quick
from router.cli.outcomes import Ready
from router.cli.output import Output
from router.cli.typed import Typed, typed
from router.observe.listeners import SharedListeners
from router.watcher.asked import Asked, Question
from tests.cli.conftest import FakeWatcher, Workplace
from tests.e2e import statuses
from tests.e2e.routers import LIMIT, Said

SAME = [
    ["env"], ["env", "--format", "json"], ["env", "--format=dotenv"], ["env", "--format", "mise"], ["env", "--check"],
    ["explain", "http://main.localhost:8080/"], ["explain", "http://nobody.localhost"], ["explain", "main.abc"],
    ["explain", "http://localhost:8080/"], ["whose", "."], ["whose", "--json", "."], ["whose", "src/lib"],
    ["hook", "post-create"], ["whose", "main"], ["whose", "file"], ["whose", "http://main.localhost"],
]  # fmt: skip
RUNS = [
    ["run", "true"], ["run", "--", "printenv", "--", "-x"], ["run", "--as-is", "vite"], ["run", "vite", "--open"],
    ["run", "--service", "api", "flask", "run"], ["run", "--service=api", "npm", "run", "dev"],
    ["run", "--fix", "true"],
]  # fmt: skip
REFUSED = [
    ["env", "--format", "toml"], ["env", "--write"], ["env", "x"], ["env", "--format"], ["run"], ["run", "--service"],
    ["run", "--fresh", "true"], ["run", "--test", "true"], ["run", "-x"], ["whose"], ["whose", "a", "b"],
    ["whose", "--help"], ["explain", "--json", "x"], ["explain"], ["whose", "--", "main"], ["start"],
    ["hook", "worktree-create"], ["hook"], ["env", "--json"], ["url", "--json"],
]  # fmt: skip


@pytest.fixture
def answering(workplace: Workplace, watching: FakeWatcher) -> Iterator[Asked]:
    """Answer commands as the running watcher does, in a repository with a directory, a file and a package."""
    (workplace.repository / "src/lib").mkdir(parents=True)
    (workplace.repository / "file").write_text("")
    (workplace.repository / "package.json").write_text('{"scripts": {"dev": "vite"}, "dependencies": {"vite": "7"}}')
    made = Asked(watching.store.asked, partial(asked.answer, watching.store, listeners=SharedListeners()))
    made.start()
    yield made
    made.close()


@pytest.mark.parametrize("arguments", SAME, ids=" ".join)
def test_the_watcher_says_what_a_command_comes_to_by_itself(
    answering: Asked, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    said = quick.answer(arguments)
    assert isinstance(said, Output)
    answering.close()
    code = boundary.run(arguments)
    printed = capsys.readouterr()
    assert (said.text, "".join(f"{line}\n" for line in said.notes), said.code) == (*printed, code)


def test_a_server_is_seen_by_the_next_answer_and_its_end_too(answering: Asked, workplace: Workplace) -> None:
    def told() -> str:
        said = quick.answer(["explain", "http://main.localhost:8080/"])
        assert isinstance(said, Output)
        return said.text

    before = told()
    serves = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    command, pipe = [sys.executable, "-c", serves], subprocess.PIPE
    with subprocess.Popen(command, cwd=workplace.repository, stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdout
        port = server.stdout.readline().strip()
        assert (f":{port}" in before, f":{port}" in told()) == (False, True)
        server.communicate("\n")
    assert told() == before


def test_a_port_that_is_handed_out_is_asked_for(
    answering: Asked, watching: FakeWatcher, capsys: pytest.CaptureFixture[str]
) -> None:
    down = {"web": statuses.service("web", "main", 14315, up=False)}
    watching.publish(statuses.worktree("main", main=True, path=str(Path.cwd()), services=down))
    said = quick.answer(["url", "--direct"])
    assert said == Output("127.0.0.1:14315\n")
    answering.close()
    assert (boundary.run(["url", "--direct"]), capsys.readouterr().out) == (0, said.text)


SHOWS = "import json, os, sys\nprint(json.dumps([sys.argv[1:], {**os.environ}]))\n"  # what a program was given


@pytest.mark.parametrize("arguments", RUNS, ids=" ".join)
def test_a_command_is_made_ready_as_by_itself(
    answering: Asked, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("vite", "flask", "npm", "true", "printenv"):
        program = tmp_path / "bin" / name
        program.write_text(f"#!{sys.executable}\n{SHOWS}")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("LC_CTYPE", "C.UTF-8")  # else Python sets it for itself
    ready = quick.answer(arguments)
    assert isinstance(ready, Ready)
    answering.close()
    command = [sys.executable, "-m", "router", *arguments]
    alone = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=True)
    assert [ready.argv[1:], ready.environ] == json.loads(alone.stdout)
    assert "".join(f"{line}\n" for line in ready.notes) == alone.stderr


def test_what_is_answered_is_printed_and_run(answering: Asked, workplace: Workplace) -> None:
    env = workplace.shell("router env --format json")
    ran = workplace.shell("router run printenv PORT ROUTER_EXPECT")
    assert ran.stdout.split() == [json.loads(env.stdout)["PORT"], "main"]
    missing = workplace.shell("router run no-such-command")
    assert (missing.returncode, missing.stdout) == (127, "")
    assert missing.stderr.startswith("error: no-such-command is not found\n")


@pytest.mark.parametrize(("file", "content"), [
    (".worktreeinclude", "*.key\n"), ("router.toml", "[setup]\nlink = ['x']\n"), (".claude/launch.json", "{}"),
    ("router.toml", "[setup]\nrun = ['make']\n"), ("router.toml", "[resources.db]\nkind = 'redis'\n"),
    (".gitmodules", ""),
])  # fmt: skip
def test_a_worktree_that_gets_more_than_an_env_block_is_set_up_by_the_command(
    answering: Asked, workplace: Workplace, file: str, content: str
) -> None:
    assert isinstance(quick.answer(["hook", "post-create"]), Output)
    path = workplace.repository / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    assert quick.answer(["hook", "post-create"]) is None


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_what_is_typed_otherwise_is_not_asked(answering: Asked, arguments: list[str]) -> None:
    assert typed(arguments) is None
    assert quick.answer(arguments) is None


def test_the_first_word_of_a_command_ends_the_options() -> None:
    assert typed(["run", "--fix", "echo", "--as-is", "--", "x"]) == Typed(
        "run", ("echo", "--as-is", "--", "x"), {"--fix": ""}
    )
    assert typed(["run", "--", "--fix"]) == Typed("run", ("--fix",), {})


@pytest.mark.parametrize("arguments", [["whose", "nothing-at-all"], ["whose", "http://example.com"], ["explain", "http://["],
                                       ["run", "--service", "nothing", "vite"]], ids=" ".join)  # fmt: skip
def test_a_failure_is_said_by_the_command_itself(
    answering: Asked, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert quick.answer(arguments) is None
    assert boundary.run(arguments) in {1, 2}
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("name", ["ROUTER_CALLBACK_TARGET", "Router_Port", "HOME", "XDG_CONFIG_HOME", "DOCKER_HOST"])
def test_a_command_that_may_find_other_settings_works_alone(
    answering: Asked, watching: FakeWatcher, workplace: Workplace, name: str
) -> None:
    question = partial(Question, ("env",), workplace.repository)
    assert asked.answer(watching.store, question(dict(os.environ))) is not None
    assert asked.answer(watching.store, question({**os.environ, name: "port"})) is None


def _not_there(watching: FakeWatcher) -> None:
    watching.store.asked.unlink()


def _silent(watching: FakeWatcher) -> None:
    watching.store.heartbeat.write_text(f"2026 {time.monotonic() - 40} {watching.pid}\n")


def _another_version(watching: FakeWatcher) -> None:
    lock = watching.store.directory / "watcher.lock"
    lock.write_text(lock.read_text().replace('"version": "', '"version": "9.'))


@pytest.mark.parametrize("change", [_not_there, _silent, _another_version])
def test_a_watcher_that_cannot_be_asked_is_done_without(
    answering: Asked, watching: FakeWatcher, change: Callable[[FakeWatcher], None]
) -> None:
    assert quick.answer(["env"]) is not None
    change(watching)
    assert quick.answer(["env"]) is None


@pytest.mark.parametrize("line", [b"", b"\n", b"[]\n", b'{"version": "9"}\n', b"[" * 100_000 + b"\n"])
def test_what_is_no_question_has_no_answer(answering: Asked, watching: FakeWatcher, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as odd:
        odd.settimeout(LIMIT)
        odd.connect(str(watching.store.asked))
        odd.sendall(line)
        odd.shutdown(socket.SHUT_WR)
        assert odd.recv(100) == b"null\n"
    assert quick.answer(["env"]) is not None


def test_a_slow_watcher_is_waited_for_and_a_dead_one_is_not(workplace: Workplace, tmp_path: Path) -> None:
    alive = iter([True, True])
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "s"))
        mute.listen()
        assert asking.ask(tmp_path / "s", ["env"], is_alive=lambda: next(alive, False)) is None
    assert next(alive, None) is None


def test_the_socket_is_private_and_goes_with_the_watcher(answering: Asked, watching: FakeWatcher) -> None:
    assert watching.store.asked.stat().st_mode & 0o777 == 0o600
    answering.close()
    assert not watching.store.asked.exists()


def test_a_bug_is_the_watchers_and_the_command_goes_on(
    watching: FakeWatcher, command: Callable[..., Said], caplog: pytest.LogCaptureFixture
) -> None:
    made = Asked(watching.store.asked, lambda _: {}["bug"])
    made.start()
    assert quick.answer(["env"]) is None
    assert command("env").code == 0
    assert "an answer for commands failed" in caplog.text
    made.close()


@pytest.mark.parametrize("arguments", [["env"], ["run", "true"], ["whose", "."], ["explain", "http://main.localhost"]])
def test_what_the_watcher_is_asked_imports_next_to_nothing(answering: Asked, arguments: list[str]) -> None:
    code = (
        "import os, sys; from router.cli import boundary, become;"
        "become.become = lambda *_: 0; code = boundary.run(sys.argv[1:]);"
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    heavy = {"typer", "pydantic", "pydantic_settings", "httpx", "psutil", "jinja2", "rich", "asyncio", "logging",
             "dataclasses", "inspect", "subprocess", "threading", "tomllib", "dotenv", "importlib.metadata",
             "router.settings", "router.store", "router.status", "router.model", "router.naming", "router.proc",
             "router.env", "router.observe", "router.routes", "router.watcher"}  # fmt: skip
    if sys.platform == "linux":
        heavy.add("platformdirs")
    assert heavy & set(done.stderr.split()) == set()


@pytest.mark.parametrize("arguments", [
    ["url", "main"], ["status", "--json"], ["status", "--check"], ["env"], ["run", "true"], ["whose", "."],
    ["explain", "http://main.localhost"], ["hook", "post-create"],
], ids=" ".join)  # fmt: skip
def test_without_a_watcher_a_command_imports_no_more_than_it_needs(workplace: Workplace, arguments: list[str]) -> None:
    code = (
        "import sys; from router.cli import boundary, become; become.become = lambda *_: 0;"
        "boundary.run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    heavy = {"typer", "pydantic", "pydantic_settings", "httpx", "jinja2", "rich", "asyncio", "dotenv",
             "importlib.metadata", "importlib.resources", "tomlkit", "yaml", "watchdog", "dataclasses", "inspect",
             "logging", "ctypes", "tomllib", "tempfile"}  # fmt: skip
    if sys.platform == "linux":
        heavy |= {"psutil", "platformdirs"}
    assert heavy & set(done.stderr.split()) == set()


@pytest.mark.parametrize("arguments", [
    ["url", "main"], ["status", "--json"], ["env"], ["run", "true"], ["whose", "."], ["explain", "http://main.localhost"],
    ["hook", "post-create"],
], ids=" ".join)  # fmt: skip
def test_what_router_toml_says_is_checked_by_the_first_command_alone(
    workplace: Workplace, arguments: list[str]
) -> None:
    text = '[services.docs]\n[env]\nA = "b"\n[setup]\nlink = ["a"]\ncopy = ["b"]\nrun = ["true"]\n'
    (workplace.repository / "router.toml").write_text(text)
    assert workplace.shell("router env").returncode == 0
    code = (
        "import sys; from router.cli import boundary, become; become.become = lambda *_: 0;"
        "boundary.run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert {"pydantic", "tomllib", "jinja2"} & set(done.stderr.split()) == set()

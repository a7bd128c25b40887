"""`router init` and `router hook` as the tools call them: real git, real payloads, signals, a running router."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import psutil
import pytest
from dotenv import dotenv_values

from tests.e2e.browsers import missing
from tests.e2e.routers import LIMIT, Router, Said, wait_until

pytestmark = pytest.mark.e2e

MISE = Path(__file__).parent / "node_modules" / ".bin" / "mise"
BIN = Path(sys.executable).parent
OWN = ("WORKTREE_NAME", "WORKTREE_URL", "FRONTEND_PORT", "BACKEND_PORT", "DATABASE_NAME", "COMPOSE_PROJECT_NAME")


def payload(router: Router, name: object, **rest: object) -> bytes:
    """Return what Claude Code writes to the stdin of a WorktreeCreate hook."""
    common = {"session_id": "abc123", "transcript_path": "/tmp/t.jsonl", "cwd": str(router.repository)}
    return json.dumps({**common, "hook_event_name": "WorktreeCreate", "name": name, **rest}).encode()


def hook(router: Router, which: str, stdin: bytes, *arguments: str | Path, cwd: Path | None = None) -> Said:
    """Run a hook to its end with this input."""
    done = subprocess.run(
        [sys.executable, "-m", "router", "hook", which, *map(str, arguments)], cwd=cwd or router.repository,
        env=router.env, input=stdin, capture_output=True, timeout=6 * LIMIT, check=False,
    )  # fmt: skip
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def create(router: Router, name: str) -> Path:
    """Make a worktree by the hook and return its path."""
    result = hook(router, "worktree-create", payload(router, name))
    assert result.code == 0, result.err
    return Path(result.out.splitlines()[-1])


def remove(router: Router, path: Path, *arguments: str) -> Said:
    """Remove a worktree by the hook, as Claude Code calls it from inside of it."""
    stdin = json.dumps({"hook_event_name": "WorktreeRemove", "cwd": str(path), "worktree_path": str(path)}).encode()
    return hook(router, "worktree-remove", stdin, *arguments, cwd=path)


def shell(router: Router, command: str, cwd: Path, stdin: str = "") -> str:
    """Run a shell command with `router` on its PATH, as a tool does; return what it printed."""
    env = {**router.env, "PATH": f"{BIN}{os.pathsep}{router.env['PATH']}"}
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=cwd, env=env, input=stdin, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def values(path: Path) -> dict[str, str]:
    """Return the values of a worktree's env file."""
    found = dotenv_values(path / ".env.local", interpolate=False)
    return {name: str(found[name]) for name in OWN}


def everything(router: Router) -> tuple[str, str, list[str]]:
    """Return branches, worktrees and the directories below `.claude`."""
    below = sorted(str(path) for path in (router.repository / ".claude").glob("worktrees/*"))
    return router.git("branch", "--list"), router.git("worktree", "list", "--porcelain"), below


def post_checkout(router: Router, script: str) -> None:
    path = router.repository / ".git" / "hooks" / "post-checkout"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@contextlib.contextmanager
def creating(router: Router, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start the hook and leave it running; its input stays open."""
    command = [sys.executable, "-m", "router", "hook", "worktree-create"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, cwd=router.repository, env=router.env, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )
    with process:
        try:
            assert process.stdin
            process.stdin.write(payload(router, name))
            process.stdin.flush()
            yield process
        finally:
            process.kill()


# worktree-create


def test_the_path_is_the_only_line_on_stdout(router: Router) -> None:
    result = hook(router, "worktree-create", payload(router, "fix-auth"))
    assert result.out == f"{router.repository}/.claude/worktrees/fix-auth\n"
    assert "on branch worktree-fix-auth" in result.err


def test_a_git_hook_does_not_expect_the_worktree_that_the_session_is_in(router: Router) -> None:
    post_checkout(router, f"env > '{router.directory}/environment'")
    router.env["ROUTER_EXPECT"] = "main"
    create(router, "x")
    environment = (router.directory / "environment").read_text().splitlines()
    assert f"ROUTER_STATE_DIR={router.state}" in environment
    assert not [line for line in environment if line.startswith("ROUTER_EXPECT=")]


def test_a_tool_that_keeps_the_pipe_open_is_answered(router: Router) -> None:
    with creating(router, "x") as process:
        assert process.wait(LIMIT) == 0


@pytest.mark.parametrize(
    "stdin", [b"", b"{", b"[]", b"null", b'{"name": 1}', b"{}", b"\xff", b'{"name": "a/b"}', b"[" * 9999]
)
def test_any_other_input_is_a_usage_error(router: Router, stdin: bytes) -> None:
    before = everything(router)
    for which in ("worktree-create", "worktree-remove"):
        result = hook(router, which, stdin)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("error: ")
    assert everything(router) == before


def test_five_at_once_are_all_made_and_routed(running: Router) -> None:
    with ThreadPoolExecutor(5) as pool:
        paths = list(pool.map(lambda n: create(running, f"agent-{n}"), range(5)))
    assert len({tuple(values(path).values()) for path in paths}) == 5
    for name in OWN:
        assert len({values(path)[name] for path in paths}) == 5, name
    for path in paths:
        routed = running.routed(path)
        assert routed["url"] == values(path)["WORKTREE_URL"]
        number = int(values(path)["FRONTEND_PORT"])
        wait_until(lambda p=path, n=number: running.web(p).get("port") == n, what=f"{path} on {number}")  # type: ignore[misc]
    with ThreadPoolExecutor(5) as pool:
        assert [result.code for result in pool.map(lambda path: remove(running, path), paths)] == [0] * 5
    assert running.git("branch", "--list", "worktree-*") == ""
    for path in paths:
        running.gone(f"worktree-{path.name}")


def test_five_of_one_name_at_once_make_one(router: Router) -> None:
    with ThreadPoolExecutor(5) as pool:
        result = list(pool.map(lambda _: hook(router, "worktree-create", payload(router, "x")), range(5)))
    assert {each.code for each in result} <= {0, 1}
    assert any(each.code == 0 for each in result)
    assert values(router.repository / ".claude" / "worktrees" / "x")
    assert router.git("branch", "--list", "worktree-*").split() == ["+", "worktree-x"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_one_interrupted_half_way_leaves_nothing(router: Router, number: int) -> None:
    post_checkout(router, f"echo > '{router.directory}/half'; sleep 60; echo > late")
    before = everything(router)
    with creating(router, "x") as process:
        wait_until((router.directory / "half").exists)
        process.send_signal(number)
        assert process.wait(LIMIT) == 130
        assert process.stdout
        assert process.stdout.read() == b""
    assert everything(router) == before
    assert not (router.repository / ".claude").exists()
    wait_until(lambda: not [p for p in psutil.process_iter() if _sleeps(p, router)], what="no sleep left")


def test_one_interrupted_at_any_moment_is_whole_or_gone(router: Router) -> None:
    (router.repository / "router.toml").write_text('[setup]\ncopy = ["big"]\n')
    (router.repository / "big").mkdir()
    for n in range(300):
        (router.repository / "big" / str(n)).write_text("x")
    before = everything(router)
    for n in range(12):
        with creating(router, "x") as process:
            sleep(0.15 + n * 0.04)
            process.terminate()
            code = process.wait(LIMIT)
        path = router.repository / ".claude" / "worktrees" / "x"
        if path.exists():
            assert len(list((path / "big").iterdir())) == 300
            assert values(path)
            assert remove(router, path, "--force").code == 0
        else:
            assert code != 0
        assert everything(router) == before


def _sleeps(process: psutil.Process, router: Router) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.environ().get("ROUTER_STATE_DIR") == str(router.state) and process.name() == "sleep"
    return False


# worktree-remove


def test_work_is_never_lost_and_where_it_is_is_said(router: Router) -> None:
    path = create(router, "x")
    (path / "new.txt").write_text("work")
    result = remove(router, path)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"error: {path} stays: not committed: new.txt\n"
        f"  → commit, push or merge it; or: router hook worktree-remove --force {path}\n"
    )
    assert remove(router, path, "--force").code == 0
    assert not path.exists()


def test_a_path_may_be_named_instead(router: Router) -> None:
    path = create(router, "x")
    assert router.run("hook", "worktree-remove", path.relative_to(router.repository)).code == 0
    assert not path.exists()


# init


def test_a_change_is_shown_and_only_written_when_asked(router: Router) -> None:
    (router.repository / ".gitignore").write_text("dist\n")
    tools = ("mise", "worktrunk", "claude", "direnv", "agents")
    shown = router.run("init", *tools)
    assert shown.code == 0
    assert router.git("status", "--porcelain") == "?? .gitignore"
    subprocess.run(["git", "apply", "-"], cwd=router.repository, env=router.env, input=shown.out.encode(), check=True)
    applied = {path: path.read_bytes() for path in router.repository.glob("**/*") if path.is_file()}
    again = router.run("init", *tools, "--write")
    assert (again.code, again.out, again.err) == (0, "", "nothing to change\n")
    assert all(path.read_bytes() == data for path, data in applied.items())


def test_it_writes_into_the_worktree_it_runs_in(router: Router) -> None:
    path = router.add("feature")
    result = router.run("init", "claude", "--write", cwd=path)
    files = ".claude/launch.json, .claude/settings.json, .claude/skills/router/SKILL.md, .gitignore"
    assert result.err == f"written: {files}\n"
    assert "http://feature.localhost" in (path / ".claude" / "launch.json").read_text()
    assert (path / ".claude" / "settings.json").is_file()
    assert router.git("status", "--porcelain") == ""


def test_one_file_that_cannot_be_changed_leaves_all_as_they_are(router: Router) -> None:
    (router.repository / ".claude").mkdir()
    (router.repository / ".claude" / "settings.json").write_text("{\n  // mine\n}\n")
    result = router.run("init", "mise", "claude", "--write")
    assert result.code == 1
    assert result.err.startswith("error: .claude/settings.json is not changed: it is not plain JSON (line 2")
    assert not (router.repository / "mise.toml").exists()


@pytest.mark.parametrize("what", ["file", "directory"])
def test_nothing_is_written_through_a_link(router: Router, what: str) -> None:
    outside = router.directory / "outside"
    outside.mkdir()
    if what == "directory":
        (router.repository / ".claude").symlink_to(outside)
    else:
        (router.repository / ".claude").mkdir()
        (router.repository / ".claude" / "settings.json").symlink_to(outside / "settings.json")
    result = router.run("init", "claude", "--write")
    assert result.code == 1
    assert "is a link" in result.err
    assert list(outside.iterdir()) == []


def test_a_link_from_one_agents_file_to_the_other_is_one_file(router: Router) -> None:
    (router.repository / "AGENTS.md").write_text("# Rules\n")
    (router.repository / "CLAUDE.md").symlink_to("AGENTS.md")
    assert router.run("init", "agents", "--write").err == "written: AGENTS.md\n"
    assert (router.repository / "CLAUDE.md").is_symlink()


def test_compose_is_reported_with_file_and_line_and_not_changed(router: Router) -> None:
    text = 'services:\n  web:\n    container_name: shop\n    ports:\n      - "8080:80"\n'
    (router.repository / "compose.yaml").write_text(text)
    (router.repository / "docker").mkdir()
    (router.repository / "docker" / "docker-compose.dev.yml").write_text("services: [\n")
    result = router.run("init", "compose", "--write")
    assert result.code == 0
    assert result.out == (
        "compose.yaml:3: web: the container is always called shop\n"
        "    leave container_name out: Compose calls it PROJECT-SERVICE-1\n"
        "compose.yaml:5: web: port 8080 of the machine\n"
        '    - "${FRONTEND_PORT:-8080}:80"\n'
    )
    assert "docker/docker-compose.dev.yml: it is not one YAML document" in result.err
    assert (router.repository / "compose.yaml").read_text() == text


def test_an_unknown_tool_is_a_usage_error(router: Router) -> None:
    assert router.run("init", "emacs").code == 2


# What was written, as the tools use it


@pytest.mark.node
def test_mise_reads_what_was_written(router: Router) -> None:
    if not MISE.exists():
        missing("mise (npm ci in tests/e2e)")
    assert router.run("init", "mise", "claude", "--write").code == 0
    router.git("add", ".")
    router.git("commit", "--quiet", "--message=mise")
    path = create(router, "x")
    env = {**router.env, "MISE_TRUSTED_CONFIG_PATHS": str(router.directory), "MISE_OFFLINE": "1"}
    done = subprocess.run([MISE, "env", "--json"], cwd=path, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {name: result[name] for name in OWN} == values(path)
    assert result["OAUTH_REDIRECT_URI"] == f"http://localhost:{router.port}/auth/callback"
    assert router.git("status", "--porcelain", cwd=path) == ""


def commands(router: Router) -> Mapping[str, str]:
    """Return the commands that `.claude/settings.json` has, by event."""
    result = json.loads((router.repository / ".claude" / "settings.json").read_text())["hooks"]
    return {event: entries[0]["hooks"][0]["command"] for event, entries in result.items()}


def test_the_written_commands_do_what_the_tools_expect(router: Router) -> None:
    assert router.run("init", "claude", "worktrunk", "direnv", "--write").code == 0
    router.git("add", ".")
    router.git("commit", "--quiet", "--message=tools")
    stdin = payload(router, "x").decode()
    path = Path(shell(router, commands(router)["WorktreeCreate"], router.repository, stdin).strip())
    assert values(path)["WORKTREE_NAME"] == "worktree-x"
    stdlib = 'has() { command -v "$1" >/dev/null; }; watch_file() { :; }; . ./.envrc; echo $WORKTREE_NAME'
    assert shell(router, stdlib, path) == "worktree-x\n"
    shell(router, commands(router)["WorktreeRemove"], path, json.dumps({"worktree_path": str(path)}))
    assert not path.exists()
    other = router.add("feature/y")
    shell(router, "router hook post-create", other, json.dumps({"branch": "feature/y", "worktree_path": str(other)}))
    assert values(other)["WORKTREE_NAME"] == "feature-y"


def test_worktrees_of_every_kind_are_isolated_and_go_without_a_trace(running: Router) -> None:
    shop = running.repository
    (shop / "node_modules").mkdir()
    (shop / "router.toml").write_text('[setup]\nlink = ["node_modules"]\n')
    (shop / "page.html").write_text("x")
    assert running.run("init", "mise", "worktrunk", "claude", "--write").code == 0
    running.git("add", ".")
    running.git("commit", "--quiet", "--message=tools")
    post_checkout(running, f'[ "$1" = {"0" * 40} ] && PATH="{BIN}:$PATH" exec router hook post-create; exit 0')
    before = everything(running)
    plain = running.add("feature/plain")
    with ThreadPoolExecutor(5) as pool:
        paths = [plain, create(running, "one"), *pool.map(lambda n: create(running, f"w{n}"), range(5))]
    for path in paths:
        assert running.routed(path)["url"] == values(path)["WORKTREE_URL"]
        assert (path / "node_modules").readlink() == shop / "node_modules"
    for name in OWN:
        assert len({values(path)[name] for path in paths}) == len(paths), name
    running.git("commit", "--allow-empty", "--quiet", "--message=mine", cwd=paths[1])
    result = remove(running, paths[1])
    assert "1 commit is on worktree-one alone" in result.err
    running.git("worktree", "remove", plain)
    running.git("branch", "--delete", "feature/plain")
    assert [remove(running, path).code for path in paths[2:]] == [0] * 5
    assert remove(running, paths[1], "--force").code == 0
    running.gone("feature-plain")
    running.gone("worktree-w4")
    running.gone("worktree-one")
    assert running.git("branch", "--list", "worktree-*").split() == ["worktree-one"]
    running.git("branch", "-D", "worktree-one")
    assert everything(running) == before

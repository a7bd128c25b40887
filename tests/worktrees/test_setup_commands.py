"""The commands of a new worktree. With real git and real commands."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from router import ps
from router.trust import records
from router.trust.wanted import wanted
from tests.worktrees.shops import Shop, git


def allow(shop: Shop) -> None:
    records.allow(shop.store, shop.path / ".git", wanted(shop.path, hosts=()).statements)


def settings(shop: Shop, *lines: str, allowed: bool = True) -> None:
    (shop.path / "router.toml").write_text(f"[setup]\nrun = [{', '.join(map(repr, lines))}]\n")
    if allowed:
        allow(shop)


def test_they_are_run_in_order_in_the_worktrees_own_environment(shop: Shop) -> None:
    settings(shop, "touch first", 'sh -c "(ls; pwd; echo $DATABASE_NAME) > second.txt"')
    path = shop.create("x")
    assert (path / "second.txt").read_text().splitlines() == [
        "first", "page", "second.txt", str(path), "shop_worktree_x",
    ]  # fmt: skip
    assert [line for line in shop.messages if line.startswith("running ")] == [
        "running touch first",
        'running sh -c "(ls; pwd; echo $DATABASE_NAME) > second.txt"',
    ]


def test_no_shell_has_its_way_with_a_line(shop: Shop) -> None:
    settings(shop, "touch $HOME 'a b' *.x")
    path = shop.create("x")
    assert {"$HOME", "a b", "*.x"} <= {each.name for each in path.iterdir()}


def test_nothing_is_run_before_it_is_allowed(shop: Shop) -> None:
    settings(shop, "touch ran", allowed=False)
    path = shop.create("x")
    assert not (path / "ran").exists()
    [said] = [line for line in shop.messages if "did not run" in line]
    assert said == (
        f"did not run [setup] run: router.toml of {shop.path} is not allowed yet (setup.run.0: run touch ran); "
        "see it with `router allow --show`, and allow it with `router allow`"
    )
    allow(shop)
    shop.post_create(path)
    assert (path / "ran").exists()


def test_a_changed_command_has_to_be_allowed_again(shop: Shop) -> None:
    settings(shop, "touch ran")
    settings(shop, "touch ran", "touch more", allowed=False)
    path = shop.create("x")
    assert not (path / "ran").exists()
    assert "has changed since it was allowed (+ setup.run.1: run touch more)" in "\n".join(shop.messages)


def test_a_changed_resource_has_to_be_allowed_again_before_anything_is_run(shop: Shop) -> None:
    (shop.path / "router.toml").write_text('[setup]\nrun = ["touch ran"]\n[resources.db]\nfrom = "DATABASE_URL"\n')
    (shop.path / ".env").write_text("DATABASE_URL=postgres://localhost/shop\n")
    allow(shop)
    (shop.path / ".env").write_text("DATABASE_URL=postgres://localhost:5433/shop\n")
    assert not (shop.create("x") / "ran").exists()
    assert "postgres on localhost:5433" in "\n".join(shop.messages)


def test_a_worktrees_own_router_toml_is_never_run(shop: Shop) -> None:
    shop.commit(**{"router.toml": '[setup]\nrun = ["touch evil"]\n'})
    settings(shop, "touch good")
    path = shop.create("x")
    assert (path / "good").exists()
    assert not (path / "evil").exists()


def test_the_first_failure_ends_it_and_the_worktree_is_made_all_the_same(shop: Shop) -> None:
    settings(shop, "touch one", 'sh -c "seq 20; echo no such table >&2; exit 3"', "touch three")
    path = shop.create("x")
    assert [(path / name).exists() for name in (".env.local", "one", "three")] == [True, True, False]
    said = shop.messages[-13:]
    assert said[1] == 'sh -c "seq 20; echo no such table >&2; exit 3" ended with exit code 3, and said last:'
    assert said[2:12] == [*(f"  {n}" for n in range(12, 21)), "  no such table"]
    assert said[12] == (
        "the worktree is made all the same; not run: touch three; fix that, then `router hook post-create` in it tries "
        "again"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no-such-program-here x", "was not run: no-such-program-here cannot be run: No such file or directory"),
        ("./page", "was not run: ./page cannot be run: Permission denied"),
        ('sh -c "kill -9 $$"', "was ended by SIGKILL"),
        ("false", "ended with exit code 1"),
    ],
)
def test_whatever_ends_a_command_is_said(line: str, said: str, shop: Shop) -> None:
    settings(shop, line)
    shop.create("x")
    assert f"{line} {said}" in "\n".join(shop.messages)


def test_they_are_run_once_and_again_after_a_failure_or_a_change(shop: Shop) -> None:
    settings(shop, 'sh -c "echo >> count; test -e page.ok"')
    path = shop.create("x")
    (path / "page.ok").touch()
    for _ in range(3):
        shop.post_create(path)
    assert (path / "count").read_text() == "\n\n"
    settings(shop, 'sh -c "echo >> count"')
    shop.post_create(path)
    assert (path / "count").read_text() == "\n\n\n"


def test_the_main_checkout_runs_nothing(shop: Shop) -> None:
    settings(shop, "touch ran")
    shop.post_create(shop.path)
    assert not (shop.path / "ran").exists()


def test_values_of_another_worktree_and_of_a_git_hook_are_no_values_here(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(shop, 'sh -c "git rev-parse --show-toplevel > top; echo $DATABASE_NAME > name"')
    monkeypatch.setenv("DATABASE_NAME", "shop")
    git(shop.path, "worktree", "add", "-q", "-b", "y", shop.path.parent / "y")
    monkeypatch.setenv("GIT_DIR", str(shop.path / ".git"))
    shop.post_create(shop.path.parent / "y")
    assert (shop.path.parent / "y" / "top").read_text().strip() == str(shop.path.parent / "y")
    assert (shop.path.parent / "y" / "name").read_text() == "shop_y\n"


def test_an_interrupt_ends_the_command_and_what_it_started(shop: Shop, tmp_path: Path) -> None:
    settings(shop, f'sh -c "sleep 600 & echo $! > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; wait"')
    code = "import sys; from router.cli import boundary; sys.exit(boundary.run(sys.argv[1:]))"
    git(shop.path, "worktree", "add", "-q", "-b", "y", shop.path.parent / "y")
    process = subprocess.Popen(
        [sys.executable, "-c", code, "hook", "post-create"], cwd=shop.path.parent / "y",
        env={**os.environ, "ROUTER_STATE_DIR": str(shop.store.directory)}, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "pid").exists() and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.01)
        pid = int((tmp_path / "pid").read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) != 0
        while ps.identify(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ps.identify(pid) is None
    finally:
        process.kill()
        process.communicate()

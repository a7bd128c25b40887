"""The short way of a few commands: it says what the long way says, and leaves to that whatever is not as usual."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from router.cli import quick
from router.cli.app import app
from router.places import config_file
from tests.cli.conftest import FakeWatcher, Workplace
from tests.e2e import statuses

USUAL = [
    ["url"], ["url", "feature-x"], ["url", "shop-feature-x", "--direct"], ["url", "--service", "web", "feature/x"],
    ["status", "--json"], ["status", "--check"],
]  # fmt: skip
OTHERS = [
    [], ["status"], ["status", "--watch"], ["status", "--json", "--memory"], ["url", "--oauth"], ["url", "--help"],
    ["url", "main", "feature-x"], ["url", "nobody"], ["url", "--service", "docs"], ["url", "--service"], ["urls"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", USUAL, ids=" ".join)
def test_the_short_way_says_what_the_long_way_says(
    watching: FakeWatcher, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    watching.publish(
        statuses.worktree("main", main=True, path=str(Path.cwd())),
        statuses.worktree("feature-x", branch="feature/x", path="/with\nline", aliases=["shop-feature-x"]),
    )
    short = quick.answer(arguments)
    code = app(arguments, standalone_mode=False)
    assert short is not None
    assert (short.text, short.notes, short.code) == (*(capsys.readouterr().out, ()), code)


@pytest.mark.parametrize("arguments", OTHERS, ids=" ".join)
def test_what_is_typed_otherwise_goes_the_long_way(watching: FakeWatcher, arguments: list[str]) -> None:
    assert quick.answer(arguments) is None


@pytest.mark.parametrize("arguments", USUAL, ids=" ".join)
def test_without_a_watcher_every_command_goes_the_long_way(workplace: Workplace, arguments: list[str]) -> None:
    assert quick.answer(arguments) is None


def _hide(watching: FakeWatcher) -> None:
    watching.store.heartbeat.unlink()


def _of_another_process(watching: FakeWatcher) -> None:
    FakeWatcher(watching.store, pid=1).publish()


def _opened_to_others(watching: FakeWatcher) -> None:
    watching.store.directory.chmod(0o755)


def _led_elsewhere(watching: FakeWatcher) -> None:
    elsewhere = watching.store.directory.with_name("elsewhere")
    watching.store.directory.rename(elsewhere)
    watching.store.directory.symlink_to(elsewhere)


def _spoiled(watching: FakeWatcher) -> None:
    watching.store.status_file.write_text("[" * 100_000)


@pytest.mark.parametrize("change", [_hide, _of_another_process, _opened_to_others, _led_elsewhere, _spoiled])
def test_a_document_that_may_be_wrong_goes_the_long_way(
    watching: FakeWatcher, change: Callable[[FakeWatcher], None]
) -> None:
    change(watching)
    assert quick.answer(["url"]) is None


def test_settings_that_may_name_another_state_directory_go_the_long_way(
    watching: FakeWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("Router_State_Dir", "/elsewhere")
    assert quick.answer(["url"]) is None
    for name in ("Router_State_Dir", "ROUTER_STATE_DIR"):
        monkeypatch.delenv(name)
    config_file().parent.mkdir(parents=True)
    config_file().write_text(f"state_dir = '{watching.store.directory}'")
    assert quick.answer(["url"]) is None


def test_a_directory_that_is_gone_goes_the_long_way(
    watching: FakeWatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    os.rmdir(tmp_path / "gone")  # noqa: PTH106 - Path's needs the current directory
    assert quick.answer(["url"]) is None


def test_a_port_on_which_nothing_listens_is_handed_out_the_long_way(watching: FakeWatcher) -> None:
    watching.publish(statuses.worktree("main", services={"web": statuses.service("web", "main", 14315, up=False)}))
    assert quick.answer(["url", "main", "--direct"]) is None
    assert quick.answer(["url", "main"]) is not None

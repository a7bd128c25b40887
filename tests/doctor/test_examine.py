"""The checks together: side by side, in a fixed order, whatever one of them does."""

import threading
import time
from collections.abc import Iterable
from pathlib import Path

from router.doctor.examine import Check, examine, run
from router.doctor.findings import Finding
from router.errors import GitError, SettingsError
from router.settings import Settings, load
from tests.doctor.documents import levels


def test_findings_keep_the_order_of_their_checks() -> None:
    fast = threading.Event()

    def waits() -> Iterable[Finding]:
        assert fast.wait(30)  # for the other: they run side by side
        yield Finding("ok", "a", "first")

    def ends() -> Iterable[Finding]:
        fast.set()
        yield Finding("ok", "b", "second")

    assert [finding.message for finding in run((Check("a", waits), Check("b", ends), Check("c", tuple)))] == [
        "first", "second",
    ]  # fmt: skip


def test_a_check_that_never_ends_holds_nothing_up() -> None:
    late = Finding("fail", "admin", "Caddy does not answer")
    ever = threading.Event()

    def never() -> Iterable[Finding]:
        ever.wait()
        return ()

    began = time.monotonic()
    unknown, named = run((Check("a", never), Check("admin", never, late)), patience=0.1)
    assert time.monotonic() - began < 30
    assert (unknown.level, unknown.check) == ("warn", "a")
    assert named is late
    ever.set()


def test_a_check_that_breaks_is_a_warning_and_an_expected_error_a_failure() -> None:
    def breaks() -> Iterable[Finding]:
        raise ZeroDivisionError("of a bug")

    def fails() -> Iterable[Finding]:
        raise GitError("git is not installed", hint="install git")

    broken, failed = run((Check("a", breaks), Check("git", fails)))
    assert (broken.level, broken.message) == ("warn", "this could not be checked: ZeroDivisionError: of a bug")
    assert failed == Finding("fail", "git", "git is not installed", "install git")


def test_settings_that_are_broken_are_a_finding_and_the_machine_is_checked_all_the_same(tmp_path: Path) -> None:
    def broken() -> Settings:
        raise SettingsError("the setting port cannot be 'x'", hint="set it")

    first, *rest = examine(broken, cwd=tmp_path, sync_command="sync")
    assert first == Finding("fail", "settings", "the setting port cannot be 'x'", "set it")
    assert {"caddy", "git", "resolve"} <= {finding.check for finding in rest}
    assert "watcher" not in {finding.check for finding in rest}


def test_a_state_directory_that_cannot_be_used_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    first, *_ = examine(lambda: load(state_dir=tmp_path / "state"), cwd=tmp_path, sync_command="sync")
    assert (first.level, first.check) == ("fail", "settings")


def test_outside_of_every_repository_nothing_of_worktrees_is_wrong(tmp_path: Path, free: int) -> None:
    findings = examine(lambda: load(state_dir=tmp_path / "state", port=free), cwd=tmp_path, sync_command="sync")
    assert "fail" not in levels(findings)
    assert [finding.level for finding in findings if finding.check == "worktree"] == ["ok"]

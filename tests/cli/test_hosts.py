"""`router hosts` and `router doctor` as commands: what goes where, and which exit code they have."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from router.blocks import END
from tests.cli.conftest import FakeWatcher, Workplace
from tests.e2e.routers import Said

Command = Callable[..., Said]


def test_the_block_has_every_live_host(command: Command, watching: FakeWatcher) -> None:
    said = command("hosts")
    assert (said.code, said.err) == (0, "")
    assert "::1 shop-feature-x.localhost" in said.out.splitlines()
    assert said.out.splitlines()[-1] == END


def test_without_a_watcher_the_block_is_printed_and_not_written(command: Command, tmp_path: Path) -> None:
    assert "127.0.0.1 main.localhost" in command("hosts").out
    said = command("hosts", "sync", "--file", str(tmp_path / "hosts"))
    assert said == Said(1, "", "error: no watcher is running, so no host is live\n  → run `router up --detach`\n")


def test_the_block_is_written_once_and_removed(command: Command, watching: FakeWatcher, tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("127.0.0.1 localhost\n")
    sync, clean = ("hosts", "sync", "--file", str(file)), ("hosts", "clean", "--file", str(file))
    assert command(*sync) == Said(0, "", f"{file}: 3 hosts\n")
    assert command(*sync) == Said(0, "", f"{file}: 3 hosts, nothing to change\n")
    assert command(*clean) == Said(0, "", f"{file}: the block is removed\n")
    assert command(*clean) == Said(0, "", f"{file}: it has no block of the router\n")
    assert file.read_text() == "127.0.0.1 localhost\n"


@pytest.mark.parametrize("verb", ["sync", "clean"])
def test_a_file_that_is_no_file_is_named(command: Command, watching: FakeWatcher, tmp_path: Path, verb: str) -> None:
    said = command("hosts", verb, "--file", str(tmp_path))
    assert said.code == 1
    assert str(tmp_path) in said.err.splitlines()[0]


def test_a_document_that_makes_no_sense_counts_as_none(command: Command, watching: FakeWatcher, tmp_path: Path) -> None:
    watching.store.status_file.write_text("[")
    assert command("hosts", "sync", "--file", str(tmp_path / "hosts")).code == 1


def test_findings_are_lines_or_json(command: Command, workplace: Workplace) -> None:
    said = command("doctor")
    assert said.err == ""
    assert said.out.splitlines()[-1].startswith(f"{said.out.count('ok    ')} ok, ")
    document = json.loads(command("doctor", "--json").out)
    assert (document["schema"], {"watcher", "git", "caddy"} - {f["check"] for f in document["findings"]}) == (1, set())


def test_a_finding_that_failed_is_exit_code_1(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_PORT", "many")
    said = command("doctor")
    assert said.code == 1
    assert said.out.startswith("FAIL  settings ")

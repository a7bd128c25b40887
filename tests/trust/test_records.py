"""What is allowed, kept in the state directory."""

import json
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router.store import Store
from router.trust import records
from router.trust.statements import Statement

RUN = (Statement("setup.run.0", "run npm ci"),)
COMMON = Path("/w/shop/.git")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "state")
    store.prepare()
    return store


def written(store: Store) -> Path:
    [path] = (store.directory / "allowed").iterdir()
    return path


def test_it_is_kept_per_repository_for_the_owner_alone(store: Store) -> None:
    assert records.read(store, COMMON) is None
    records.allow(store, COMMON, RUN)
    found = records.read(store, COMMON)
    assert found is not None
    assert found.statements == RUN
    assert records.read(store, Path("/w/other/.git")) is None
    assert stat.S_IMODE(written(store).stat().st_mode) == 0o600
    assert stat.S_IMODE(written(store).parent.stat().st_mode) == 0o700


def test_it_can_be_taken_back(store: Store) -> None:
    records.allow(store, COMMON, RUN)
    assert records.revoke(store, COMMON)
    assert records.read(store, COMMON) is None
    assert not records.revoke(store, COMMON)


@pytest.mark.parametrize("change", [
    {"statements": [{"key": "setup.run.0", "text": "run rm"}]}, {"repository": "/w/other/.git"}, {"schema": 9},
    {"statements": 3},
])  # fmt: skip
def test_a_record_that_is_not_what_was_written_allows_nothing(store: Store, change: dict[str, object]) -> None:
    records.allow(store, COMMON, RUN)
    document = json.loads(written(store).read_text())
    written(store).write_text(json.dumps({**document, **change}))
    assert records.read(store, COMMON) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000])
def test_what_cannot_be_read_allows_nothing(store: Store, text: str) -> None:
    records.allow(store, COMMON, RUN)
    written(store).write_text(text)
    assert records.read(store, COMMON) is None


@pytest.mark.parametrize("change", [records.revoke, lambda store, common: records.allow(store, common, ())])
def test_what_is_learnt_of_a_server_undoes_no_decision(
    store: Store, change: Callable[[Store, Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    records.allow(store, COMMON, RUN)
    decided = threading.Thread(target=change, args=(store, COMMON))
    write = records._write

    def held(*record: Any) -> None:
        """Write what is learnt when somebody decides, and has had the time to."""
        if threading.current_thread() is not decided:
            decided.start()
            decided.join(0.3)
        write(*record)

    monkeypatch.setattr(records, "_write", held)
    records.remember_server(store, COMMON, "resources.db", "1")
    decided.join()
    found = records.read(store, COMMON)
    assert found is None or (found.statements, found.servers) == ((), {})


def test_the_server_that_is_met_first_is_expected_until_it_is_allowed_again(store: Store) -> None:
    records.remember_server(store, COMMON, "resources.db", "1")
    assert records.read(store, COMMON) is None
    records.allow(store, COMMON, RUN)
    for identifier in ("1", "2"):
        records.remember_server(store, COMMON, "resources.db", identifier)
    found = records.read(store, COMMON)
    assert found is not None
    assert found.servers == {"resources.db": "1"}
    assert records.allow(store, COMMON, RUN).servers == {}

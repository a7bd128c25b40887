"""What is remembered of a port that somebody asked for."""

from dataclasses import replace
from pathlib import Path

import pytest

from router.env.handed_out import hand_out, hand_out_all
from router.model import DEFAULT_SERVICES
from router.remembered import Memory, RememberedService, RememberedWorktree
from router.settings import Settings
from router.store import Store
from tests.env.test_worktree_env import repository
from tests.fakes import worktree

TREE = worktree("x")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "state")
    store.prepare()
    services = {
        "web": RememberedService(5173, "listener", assigned=14_000, env_port=4000),
        "api": RememberedService(13_000, "hash", assigned=13_000, env_port=13_000),
    }
    assert services.keys() == {spec.name for spec in DEFAULT_SERVICES}
    store.remember(Memory(worktrees=(RememberedWorktree(TREE.id, "x", "x", "x", services, path=TREE.path),)))
    return store


def ports(store: Store) -> dict[str, int | None]:
    return {name: each.handed_out for name, each in store.memory().worktrees[0].services.items()}


@pytest.mark.parametrize(("port", "kept"), [(4000, 4000), (14_000, 14_000), (5173, None), (80, None)])
def test_a_port_that_was_assigned_or_is_the_environments_is_handed_out_and_no_other(
    store: Store, port: int, kept: int | None
) -> None:
    hand_out(Settings(), store, path=TREE.path, service="web", port=port)
    assert ports(store) == {"web": kept, "api": None}


def test_an_environment_hands_out_all_its_ports_and_writes_what_is_new_alone(store: Store) -> None:
    hand_out_all(store, path=TREE.path, ports={"web": 4000, "api": 13_000})
    assert ports(store) == {"web": 4000, "api": 13_000}
    written = store.memory_file.stat().st_mtime_ns
    hand_out_all(store, path=TREE.path, ports={"web": 4000, "api": 13_000})
    assert store.memory_file.stat().st_mtime_ns == written


def test_a_worktree_that_is_not_known_yet_is_looked_at_first(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state")
    store = Store(settings.state_dir)
    store.prepare()
    path = repository(tmp_path / "shop")
    hand_out(settings, store, path=str(path), service="web", port=1)
    [known] = store.memory().worktrees
    port = known.services["web"].assigned
    assert port
    hand_out(settings, store, path=str(path), service="web", port=port)
    assert store.memory().worktrees == (
        replace(known, services={**known.services, "web": replace(known.services["web"], handed_out=port)}),
    )

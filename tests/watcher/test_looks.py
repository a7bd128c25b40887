"""What is looked up while the dashboard is open: real git, real processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.store import Store
from router.watcher.looks import Looks
from tests.e2e import statuses
from tests.observe.shops import make, run
from tests.processes.scenes import started, wait_until


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "state")
    made.prepare()
    return made


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make(tmp_path / "shop")


@pytest.fixture
def looks(store: Store) -> Iterator[Looks]:
    now = iter(range(0, 1_000_000, 100))
    made = Looks(store, clock=lambda: float(next(now)))
    yield made
    made.close()


def told(looks: Looks, path: Path, key: str) -> Any:
    """Wait until a fact of a worktree is told."""
    return wait_until(lambda: [facts[key]] if key in (facts := looks()["worktrees"][str(path)]) else None)[0]


def show(store: Store, path: Path, pid: int | None = None) -> None:
    web = statuses.service("web", "main", 1, pid=pid)
    statuses.write(store.site, statuses.status(statuses.worktree("main", path=str(path), services={"web": web})))


def test_nothing_is_told_before_there_is_a_status(looks: Looks) -> None:
    assert looks() == {}


def test_the_last_commit_and_what_is_in_none(looks: Looks, store: Store, shop: Path) -> None:
    run(shop, "commit", "--allow-empty", "-m", "Keep the \x1b[31mcart")
    show(store, shop)
    commit = told(looks, shop, "commit")
    assert commit["subject"] == "Keep the %1B[31mcart"
    assert commit["time"] == int(run(shop, "log", "-1", "--format=%ct"))
    assert told(looks, shop, "dirty") is False
    (shop / "new").write_text("new")
    wait_until(lambda: told(looks, shop, "dirty"), what="a new file")
    run(shop, "add", "new")
    run(shop, "commit", "-m", "Add it")
    wait_until(lambda: not told(looks, shop, "dirty"), what="the commit")
    (shop / "new").write_text("changed")
    wait_until(lambda: told(looks, shop, "dirty"), what="a change")


def test_no_program_that_a_repository_names_is_run_for_it(looks: Looks, store: Store, shop: Path) -> None:
    """A filter, a monitor and a pager: an agent can write each of them into .git/config."""
    for key in ("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "core.fsmonitor", "core.pager",
                "diff.evil.textconv", "diff.external", "gpg.program"):  # fmt: skip
        run(shop, "config", key, f"sh -c 'touch {shop.parent}/ran; cat'")
    run(shop, "config", "log.showSignature", "true")
    (shop / ".gitattributes").write_text("* filter=evil diff=evil\n")
    tracked = shop / "tracked"
    tracked.write_text("one")
    plain = ("-c", "core.fsmonitor=false", "-c", "filter.evil.process=", "-c", "filter.evil.clean=")
    run(shop, *plain, "add", "tracked")
    run(shop, *plain, "commit", "-m", "one")
    (shop.parent / "ran").unlink(missing_ok=True)
    tracked.write_text("two")
    show(store, shop)
    assert told(looks, shop, "dirty") is True
    assert not (shop.parent / "ran").exists()


def test_a_directory_that_is_no_worktree_has_no_commit_and_spoils_nothing(
    looks: Looks, store: Store, shop: Path, tmp_path: Path
) -> None:
    trees = (statuses.worktree("gone", path=str(tmp_path / "gone")), statuses.worktree("main", path=str(shop)))
    statuses.write(store.site, statuses.status(*trees))
    told(looks, shop, "commit")
    assert "commit" not in looks()["worktrees"][str(tmp_path / "gone")]


def test_who_sits_there_and_since_when_a_server_runs(looks: Looks, store: Store, shop: Path) -> None:
    with started() as real:
        server, agent = real.server(shop)[0], real.idle(shop, name="claude")
        show(store, shop, pid=server)
        facts = looks()["worktrees"][str(shop)]
    assert facts["seats"] == ["Claude Code"]
    assert facts["since"]["web"] > 0
    assert {server, agent} <= {each["pid"] for each in facts["processes"]}
    assert "argv" not in str(facts)


def test_git_is_asked_once_in_a_while_however_many_ask(store: Store, shop: Path) -> None:
    show(store, shop)
    looks = Looks(store, clock=lambda: 0.0)
    first = looks()
    assert looks() is first
    looks.close()

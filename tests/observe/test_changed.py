"""Only what has changed is looked at again, and that gives what a look at the whole gives: on real git."""

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from router.model import Repository
from router.observe import repository
from router.observe.surveys import Surveys
from tests.observe.shops import added, admin, make, run


class Scene:
    """A repository with three worktrees, one that looks only at what has changed, and what it has found."""

    def __init__(self, shop: Path) -> None:
        self.shop = shop
        self.wholes = 0
        self.surveys = Surveys(survey=self._whole, patience=20.0)
        for port, branch in enumerate(("a", "b", "c/d"), 3000):
            (added(shop, branch) / ".env").write_text(f"PORT={port}")
        self.settle()

    def _whole(self, common: Path, *, before: Repository | None) -> Repository:
        self.wholes += 1
        return repository.repository(common, before=before)

    def look(self) -> Repository:
        [found] = self.surveys.look([f"{self.shop}/.git"]).repositories
        return found

    def settle(self) -> Repository:
        for _ in range(3):
            found = self.look()
        return found

    def whole(self, before: Repository | None = None) -> Repository:
        """Return what a look at the whole gives."""
        return repository.repository(self.shop / ".git", before=before)


@pytest.fixture
def scene(shop: Path) -> Iterator[Scene]:
    scene = Scene(shop)
    with closing(scene.surveys):
        yield scene


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def swap(one: Path, other: Path) -> None:
    aside = one.rename(one.parent / "aside")
    other.rename(one)
    aside.rename(other)


def interrupted(path: Path) -> None:
    run(path, "commit", "-q", "--allow-empty", "-m", "more")
    run(path, "bisect", "start", "-q", "HEAD", "HEAD~1")
    run(path, "switch", "-q", "--detach")


def another(shop: Path) -> None:
    """Put another repository in this one's place, its files with the times of those that were there."""
    other = make(shop.parent / "other")
    added(other, "q", "q")
    run(other, "switch", "-q", "-c", "else")
    for path in other.rglob("*"):
        was = shop / path.relative_to(other)
        if was.exists():
            os.utime(path, ns=(was.stat().st_atime_ns, was.stat().st_mtime_ns))
    shop.rename(shop.parent / "aside")
    other.rename(shop)


OF_ONE: dict[str, Callable[[Path], object]] = {
    "add": lambda shop: added(shop, "new/one"),
    "add detached": lambda shop: run(shop, "worktree", "add", "-q", "--detach", shop.parent / "loose"),
    "add by another name": lambda shop: added(shop, "x", "feature.x"),
    "remove": lambda shop: run(shop, "worktree", "remove", "--force", shop.parent / "a"),
    "remove and add again": lambda shop: (
        run(shop, "worktree", "remove", "--force", shop.parent / "a"),
        run(shop, "worktree", "add", "-q", shop.parent / "a", "a"),
    ),
    "move": lambda shop: run(shop, "worktree", "move", shop.parent / "a", shop.parent / "z"),
    "lock": lambda shop: run(shop, "worktree", "lock", "--reason", "why", shop.parent / "a"),
    "switch": lambda shop: run(shop.parent / "a", "switch", "-q", "-c", "other"),
    "detach": lambda shop: run(shop.parent / "a", "switch", "-q", "--detach"),
    "bisect": lambda shop: interrupted(shop.parent / "a"),
    "rm -rf": lambda shop: shutil.rmtree(shop.parent / "a"),
    "rm -rf, prune": lambda shop: (shutil.rmtree(shop.parent / "a"), run(shop, "worktree", "prune")),
    "moved by rename": lambda shop: (shop.parent / "a").rename(shop.parent / "z"),
    "moved by rename, repaired": lambda shop: (
        (shop.parent / "a").rename(shop.parent / "z"), run(shop, "worktree", "repair", shop.parent / "z"),
    ),
    "administrative directory removed": lambda shop: shutil.rmtree(admin(shop, "a")),
    "gitdir of nothing": lambda shop: (admin(shop, "a") / "gitdir").write_text(""),
    "an env file": lambda shop: write(shop.parent / "a/.env.local", "PORT=4000"),
    "an env file that cannot be read": lambda shop: (shop.parent / "a/.env.local").mkdir(),
    "a package": lambda shop: write(
        shop.parent / "a/apps/docs/package.json", '{"scripts": {"dev": "next dev -p 3002"}}'
    ),
    "an agent's file": lambda shop: write(
        shop.parent / "a/.claude/launch.json", '{"configurations": [{"name": "admin", "port": 5000}]}'
    ),
    "two change places": lambda shop: swap(shop.parent / "a", shop.parent / "b"),
    "a link to another": lambda shop: (
        shutil.rmtree(shop.parent / "a"), (shop.parent / "a").symlink_to(shop.parent / "b"),
    ),
}  # fmt: skip
OF_ALL: dict[str, Callable[[Path], object]] = {
    "main switches": lambda shop: run(shop, "switch", "-q", "-c", "other"),
    "router.toml": lambda shop: write(shop / "router.toml", '[services.docs]\nenv = ["DOCS_PORT"]\n'),
    "router.toml that is broken": lambda shop: write(shop / "router.toml", "["),
    "main's env file": lambda shop: write(shop / ".env", "DATABASE_URL=postgresql://localhost/shop\nPORT=3000\n"),
    "core.bare": lambda shop: run(shop, "config", "core.bare", "true"),
    "a whole repository in its place": another,
}


@pytest.mark.parametrize("change", OF_ONE.values(), ids=OF_ONE.keys())
def test_what_one_worktree_changes_is_found_without_a_look_at_the_whole(
    scene: Scene, change: Callable[[Path], object]
) -> None:
    before, wholes = scene.settle(), scene.wholes
    change(scene.shop)
    found = scene.look()
    assert found == scene.whole(before)
    assert scene.wholes == wholes
    assert scene.settle() == scene.whole(found)


@pytest.mark.parametrize("change", OF_ALL.values(), ids=OF_ALL.keys())
def test_what_the_repository_changes_is_found(scene: Scene, change: Callable[[Path], object]) -> None:
    before = scene.settle()
    change(scene.shop)
    assert scene.look() == scene.whole(before)
    assert scene.settle() == scene.whole(before) != before


@pytest.mark.parametrize("name", ["a", "shop/.git", "shop/.git/worktrees", "shop/.git/worktrees/a"])
def test_what_goes_and_comes_back_is_as_before(scene: Scene, name: str) -> None:
    before, place = scene.settle(), scene.shop.parent / name
    aside = place.rename(scene.shop.parent / "aside")
    gone = scene.surveys.look([f"{scene.shop}/.git"]).repositories
    assert gone != (before,)
    aside.rename(place)
    assert scene.settle() == before


def test_the_others_are_not_looked_at(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.settle()
    read: list[str] = []
    real = repository.declared.with_files

    def with_files(worktree, *rest, **more):  # type: ignore[no-untyped-def]
        read.append(Path(worktree.path).name)
        return real(worktree, *rest, **more)

    monkeypatch.setattr(repository.declared, "with_files", with_files)
    (scene.shop.parent / "b/.env").write_text("PORT=5000")
    found = scene.look()
    assert read == ["b"]
    assert [each.port for each in found.worktrees[2].declared] == [5000]


def test_a_reftable_is_read_by_git_alone(scene: Scene) -> None:
    scene.settle()
    (scene.shop / ".git" / "reftable").mkdir()
    wholes = scene.wholes
    added(scene.shop, "new")
    assert scene.look() == scene.whole()
    assert scene.wholes == wholes + 1


@pytest.mark.parametrize("seed", range(3))
def test_a_walk_of_changes_ends_where_a_look_at_the_whole_does(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    found = scene.settle()
    for _ in range(20):
        name, change = chance.choice([*OF_ONE.items(), *OF_ALL.items()])
        with suppress(OSError, subprocess.CalledProcessError):  # an earlier change has left no place for this one
            change(scene.shop)
        expected = scene.whole(found)
        found = scene.settle()
        assert found == expected, name

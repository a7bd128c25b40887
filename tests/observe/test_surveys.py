"""One fault, one blast radius: what is slow or broken in a repository is its own problem, and stops no other."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from router.model import Repository
from router.observe import repository
from router.observe.surveys import Surveyed, Surveys
from tests.hangs import hung_disk
from tests.observe.shops import added, admin, fake_git, make, run

LONG = 20.0  # seconds: a failing test ends, a passing one never waits for them
MOST = 10.0  # seconds: two that are promised, and the waits of a busy machine; what hangs does so for ever


@pytest.fixture
def blog(tmp_path: Path) -> Path:
    """The other repository, with which nothing is wrong."""
    return make(tmp_path.resolve() / "blog")


@pytest.fixture
def surveys() -> Iterator[Surveys]:
    """One that waits for every answer, so that a slow machine gives the same ones."""
    with closing(Surveys(patience=LONG)) as surveys:
        yield surveys


def commons(*repositories: Path) -> list[str]:
    return [f"{each}/.git" for each in repositories]


def branches(found: Repository) -> list[str | None]:
    return [worktree.branch for worktree in found.worktrees]


def kinds(found: Repository) -> list[str]:
    return [problem.kind for problem in found.problems]


def until(look: Callable[[], Surveyed], right: Callable[[Surveyed], bool]) -> Surveyed:
    """Look until what is found is right."""
    end = time.monotonic() + LONG
    while not right(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.01)
    return found


def settle(surveys: Surveys, *repositories: Path) -> Surveyed:
    """Look until nothing is new, and return what is known then."""
    count = -1
    while count != (found := surveys.look(commons(*repositories))).count:
        count = found.count
    return found


def in_time(look: Callable[[], Surveyed], repository: int, expected: list[str | None]) -> Surveyed:
    """Look until a repository has these branches, and check that it took no longer than is promised."""
    began = time.monotonic()
    found = until(look, lambda each: branches(each.repositories[repository]) == expected)
    assert time.monotonic() - began < MOST
    return found


# What has changed


def test_a_look_finds_what_has_changed_since_the_last_one(shop: Path, surveys: Surveys) -> None:
    assert branches(settle(surveys, shop).repositories[0]) == ["main"]
    path = added(shop, "x")
    found = settle(surveys, shop)
    assert branches(found.repositories[0]) == ["main", "x"]
    assert found.real == {str(shop): str(shop), str(path): str(path)}
    assert f"{admin(shop, 'x')}" in found.directories


def test_where_nothing_has_changed_git_is_not_asked(shop: Path, surveys: Surveys, tmp_path: Path) -> None:
    before = settle(surveys, shop)
    for _ in range(3):
        again = surveys.look(commons(shop))
        assert again.repositories[0] is before.repositories[0]
        assert again.count == before.count


def test_whoever_looks_once_is_not_told_what_to_follow(shop: Path, surveys: Surveys) -> None:
    with closing(Surveys(patience=LONG, once=True)) as once:
        found = once.look(commons(shop))
    assert found.repositories == surveys.look(commons(shop)).repositories
    assert found.directories == ()


def test_asked_for_the_whole_it_surveys_what_seems_not_to_have_changed(shop: Path, surveys: Surveys) -> None:
    before = settle(surveys, shop)
    assert surveys.look(commons(shop), whole=True).count == before.count + 1


def test_permissions_count_as_a_change(shop: Path, surveys: Surveys) -> None:
    (shop / ".env").write_text("PORT=3000\n")
    before = settle(surveys, shop)
    (shop / ".env").chmod(0o600)
    assert surveys.look(commons(shop)).count == before.count + 1


def test_a_repository_that_is_gone_is_left_out_and_comes_back(shop: Path, surveys: Surveys) -> None:
    settle(surveys, shop)
    aside = shop.rename(shop.parent / "aside")
    assert surveys.look(commons(shop)).repositories == ()
    aside.rename(shop)
    assert branches(surveys.look(commons(shop)).repositories[0]) == ["main"]


def test_repositories_keep_the_order_in_which_they_are_asked_for(shop: Path, blog: Path, surveys: Surveys) -> None:
    for order in ((shop, blog), (blog, shop)):
        found = surveys.look(commons(*order, *order)).repositories
        assert [each.name for each in found] == [each.name for each in order]


# Blocking


@contextmanager
def a_waiting_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Path) -> Iterator[None]:
    """Put a git on PATH that waits, in one repository, until the block ends; one that comes later does not wait."""
    hold = tmp_path / "hold"
    os.mkfifo(hold)
    descriptor = os.open(hold, os.O_RDWR)
    real = shutil.which("git")
    fake_git(tmp_path, f"case \"$*\" in *'{where}/'*) read -r _ <'{hold}';; esac\nexec '{real}' \"$@\"")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    try:
        yield
    finally:
        os.write(descriptor, b"go\n" * 100)  # one line for each git that waits by now
        hold.unlink()
        os.close(descriptor)


def test_a_git_that_waits_keeps_no_other_repository_waiting_and_its_last_look_stands(
    shop: Path, blog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, surveys: Surveys
) -> None:
    answered = threading.Event()
    before = settle(surveys, shop, blog).repositories
    with closing(Surveys(answered.set, before=before)) as hurried:

        def look() -> Surveyed:
            return hurried.look(commons(shop, blog))

        with a_waiting_git(tmp_path, monkeypatch, shop):
            added(blog, "new")
            (shop / "router.toml").write_text('callback_paths = ["/cb"]\n')
            assert in_time(look, 1, ["main", "new"]).repositories[0].worktrees == before[0].worktrees
            slow = until(look, lambda each: kinds(each.repositories[0]) != [])
            assert kinds(slow.repositories[0]) == ["slow-repository"]
            assert slow.repositories[0].worktrees == before[0].worktrees
            assert f"{shop}/.git" not in slow.directories
            added(blog, "newer")
            in_time(look, 1, ["main", "new", "newer"])
        assert answered.wait(LONG)
        until(look, lambda each: each.repositories[0].callback_paths == ("/cb",) and not kinds(each.repositories[0]))


def test_a_repository_that_was_never_seen_and_does_not_answer_is_reported(
    shop: Path, blog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_waiting_git(tmp_path, monkeypatch, shop), closing(Surveys()) as hurried:
        first = hurried.look(commons(shop, blog)).repositories  # a slow machine may have both: one is reported
        assert [each.name for each in first if not kinds(each)] == ["blog"]
        found = until(lambda: hurried.look(commons(shop, blog)), lambda each: len(each.repositories) == 2)
        assert (found.repositories[0].name, kinds(found.repositories[0])) == ("shop", ["slow-repository"])
        assert str(shop) in found.repositories[0].problems[0].hint


def test_a_repository_is_asked_once_at_a_time(shop: Path, surveys: Surveys) -> None:
    before = settle(surveys, shop).repositories
    release, started = threading.Event(), []

    def survey(common: Path, *, before: Repository | None) -> Repository:
        started.append(common)
        release.wait(LONG)
        return repository.repository(common, before=before)

    with closing(Surveys(before=before, survey=survey)) as hurried:
        until(lambda: hurried.look(commons(shop), whole=True), lambda _: bool(started))
        for _ in range(4):
            hurried.look(commons(shop), whole=True)
        assert len(started) == 1
        release.set()
        until(lambda: hurried.look(commons(shop)), lambda each: each.count > 0)


def test_what_usually_takes_long_is_no_problem(shop: Path, surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> None:
    before = settle(surveys, shop).repositories
    begin, release = threading.Event(), threading.Event()

    def survey(common: Path, *, before: Repository | None) -> Repository:
        begin.set()
        release.wait(LONG)
        return repository.repository(common, before=before)

    with closing(Surveys(before=before, survey=survey, patience=0.01)) as hurried:
        monkeypatch.setattr("router.observe.surveys.SLOW", 0.05)  # a slow machine would make the test take minutes
        hurried.look(commons(shop))
        time.sleep(1)
        assert kinds(hurried.look(commons(shop)).repositories[0]) == ["slow-repository"]
        release.set()
        until(lambda: hurried.look(commons(shop)), lambda each: not kinds(each.repositories[0]))
        release.clear()
        began = time.monotonic()
        while (found := hurried.look(commons(shop), whole=True)) and time.monotonic() - began < 0.3:
            assert not kinds(found.repositories[0])  # for a tenth of three times what it took
        until(lambda: hurried.look(commons(shop)), lambda each: kinds(each.repositories[0]) == ["slow-repository"])
        release.set()


def test_a_late_answer_is_taken_and_what_changed_meanwhile_is_seen(shop: Path, surveys: Surveys) -> None:
    answered, release, first = threading.Event(), threading.Event(), threading.Event()

    def survey(common: Path, *, before: Repository | None) -> Repository:
        found = repository.repository(common, before=before)
        if not first.is_set():
            first.set()
            release.wait(LONG)
        return found

    before = settle(surveys, shop).repositories
    with closing(Surveys(answered.set, before=before, survey=survey)) as hurried:
        assert hurried.look(commons(shop)).repositories[0].worktrees == before[0].worktrees
        assert first.wait(LONG)
        added(shop, "meanwhile")
        release.set()
        assert answered.wait(LONG)
        until(lambda: hurried.look(commons(shop)), lambda each: branches(each.repositories[0]) == ["main", "meanwhile"])


def test_a_hung_disk_keeps_no_other_repository_waiting(shop: Path, blog: Path, surveys: Surveys) -> None:
    before = settle(surveys, shop, blog).repositories
    with closing(Surveys(before=before)) as hurried:

        def look() -> Surveyed:
            return hurried.look(commons(shop, blog))

        with hung_disk(shop):
            added(blog, "new")
            found = in_time(look, 1, ["main", "new"])
            assert found.repositories[0].worktrees == before[0].worktrees
            slow = until(look, lambda each: kinds(each.repositories[0]) != [])
            assert kinds(slow.repositories[0]) == ["slow-repository"]
            added(blog, "newer")
            in_time(look, 1, ["main", "new", "newer"])
        until(look, lambda each: each.repositories[0] == before[0])


def test_a_hung_disk_below_a_worktree_keeps_no_other_repository_waiting(
    shop: Path, blog: Path, surveys: Surveys
) -> None:
    path = added(shop, "far")
    before = settle(surveys, shop, blog).repositories
    with closing(Surveys(before=before)) as hurried, hung_disk(path):
        added(blog, "new")
        found = in_time(lambda: hurried.look(commons(shop, blog)), 1, ["main", "new"])
        assert found.repositories[0].worktrees == before[0].worktrees


@pytest.mark.parametrize("name", ["rebase-merge/head-name", "HEAD", "gitdir", "commondir", "locked", "BISECT_START"])
def test_a_fifo_among_git_s_files_of_a_worktree_is_that_worktrees_problem(
    shop: Path, surveys: Surveys, name: str
) -> None:
    path = added(shop, "a")
    run(path, "commit", "-q", "--allow-empty", "-m", "more")
    run(path, "switch", "-q", "--detach")
    (admin(shop, "a") / "rebase-merge").mkdir()
    (admin(shop, "a") / "rebase-merge" / "head-name").write_text("refs/heads/a\n")
    before = settle(surveys, shop).repositories[0]
    assert branches(before) == ["main", "a"]
    added(shop, "b")  # before: git itself waits for a FIFO
    (admin(shop, "a") / name).unlink(missing_ok=True)
    if name == "BISECT_START":
        shutil.rmtree(admin(shop, "a") / "rebase-merge")
    os.mkfifo(admin(shop, "a") / name)
    [found] = surveys.look(commons(shop), whole=True).repositories
    assert branches(found) == ["main", "a", "b"]
    assert [[p.kind for p in w.problems] for w in found.worktrees] == [[], ["unreadable-worktree"], []]
    assert f"its {Path(name).name} " in found.worktrees[1].problems[0].message


# Uncaught


def test_nuls_in_a_gitdir_are_that_worktrees_problem(shop: Path, blog: Path, surveys: Surveys) -> None:
    for branch in ("a", "b"):
        added(shop, branch)
    before = settle(surveys, shop, blog).repositories
    (admin(shop, "a") / "gitdir").write_bytes(b"\0\0\0")  # as a power loss leaves it
    found = settle(surveys, shop, blog).repositories
    assert found[1] == before[1]
    assert branches(found[0]) == ["main", "a", "b"]
    assert [[p.kind for p in w.problems] for w in found[0].worktrees] == [[], ["unreadable-worktree"], []]
    assert replace(found[0].worktrees[1], problems=()) == before[0].worktrees[1]


def test_a_router_that_starts_meets_nuls_in_a_gitdir(shop: Path, surveys: Surveys) -> None:
    added(shop, "a")
    _age(admin(shop, "a"))
    (admin(shop, "a") / "gitdir").write_bytes(b"\0\0\0")
    _age(admin(shop, "a"))
    [found] = settle(surveys, shop).repositories
    assert [(w.branch, w.present, w.made) for w in found.worktrees] == [("main", True, True), (None, False, False)]
    assert kinds(found) == ["unreadable-worktree"]
    assert str(admin(shop, "a")) in found.problems[0].message


def test_something_else_in_the_place_of_the_list_of_worktrees_is_the_repositorys_problem(
    shop: Path, surveys: Surveys
) -> None:
    added(shop, "a")
    before = settle(surveys, shop).repositories
    aside = (shop / ".git" / "worktrees").rename(shop / "aside")
    (shop / ".git" / "worktrees").write_text("")
    [found] = settle(surveys, shop).repositories
    assert found.worktrees == before[0].worktrees
    assert (kinds(found), found.answered) == (["unreadable-file"], False)
    (shop / ".git" / "worktrees").unlink()
    aside.rename(shop / ".git" / "worktrees")
    assert settle(surveys, shop).repositories == before


def test_a_disk_that_fails_is_not_gone(shop: Path, surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> None:
    before = settle(surveys, shop).repositories
    loop = shop.rename(shop.parent / "aside")
    shop.symlink_to(shop.name)  # ELOOP at every call
    found = surveys.look(commons(shop)).repositories
    assert found[0].worktrees == before[0].worktrees
    assert kinds(found[0]) == ["unreadable-file"]
    shop.unlink()
    loop.rename(shop)
    assert settle(surveys, shop).repositories == before


def test_a_bug_of_ours_is_that_repositorys_problem_and_logged_once(
    shop: Path, blog: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def survey(common: Path, *, before: Repository | None) -> Repository:
        if common.parent == shop:
            raise TypeError("a bug")
        return repository.repository(common, before=before)

    with closing(Surveys(survey=survey, patience=LONG)) as surveys:
        for _ in range(3):
            broken, other = surveys.look(commons(shop, blog), whole=True).repositories
            assert kinds(broken) == ["unreadable-file"]
            assert "TypeError" in broken.problems[0].message
            assert branches(other) == ["main"]
    assert caplog.text.count("Traceback") == 1
    assert "TypeError: a bug" in caplog.text


@pytest.mark.parametrize(
    "error",
    [OSError(5, "Input/output error"), ValueError("embedded null byte"), RecursionError()],
)
def test_whatever_is_raised_the_last_look_stands_until_it_is_over(shop: Path, error: Exception) -> None:
    failing = threading.Event()

    def survey(common: Path, *, before: Repository | None) -> Repository:
        if failing.is_set():
            raise error
        return repository.repository(common, before=before)

    with closing(Surveys(survey=survey, patience=LONG)) as surveys:
        before = settle(surveys, shop).repositories[0]
        failing.set()
        for _ in range(2):
            [found] = surveys.look(commons(shop), whole=True).repositories
            assert found.worktrees == before.worktrees
            assert kinds(found) == ["unreadable-file"]
        failing.clear()
        assert surveys.look(commons(shop), whole=True).repositories[0] == before


def test_sockets_and_devices_in_the_place_of_files_are_no_hindrance(shop: Path, surveys: Surveys) -> None:
    path = added(shop, "a")
    before = settle(surveys, shop).repositories[0]
    (path / ".env").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path / ".env.local"))
        [found] = surveys.look(commons(shop)).repositories
    assert [p.kind for p in found.worktrees[1].problems] == ["unreadable-file", "unreadable-file"]
    assert branches(found) == branches(before)


def _age(directory: Path) -> None:
    """Let git's directory of a worktree be an old one."""
    for path in (directory, *directory.iterdir()):
        os.utime(path, (1_700_000_000, 1_700_000_000))

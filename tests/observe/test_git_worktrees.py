"""The worktrees of a repository in every shape that git gives them."""

import os
import pickle
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router.model import Repository, Worktree
from router.observe import git, git_worktrees, survey
from tests.observe.shops import added, admin, after, fake_git, found, made, make, run

NOBODY = 65534


def test_a_repository_has_its_main_checkout_at_least(shop: Path) -> None:
    [main] = git_worktrees.worktrees(shop / ".git").worktrees
    assert (main.path, main.branch, main.main, main.detached, main.present) == (str(shop), "main", True, False, True)


def test_added_worktrees_have_an_identity_of_their_own(shop: Path) -> None:
    added(shop, "feature/x", "x")
    added(shop, "y")
    trees = found(shop)
    assert trees["x"].branch == "feature/x"
    assert trees["x"].id.admin == "x"
    assert len({w.id for w in trees.values()}) == 3
    assert not trees["x"].main


def test_the_identity_stays_through_switch_and_move(shop: Path) -> None:
    path = added(shop, "x")
    before = found(shop)["x"].id
    run(path, "switch", "-q", "-c", "y")
    run(shop, "worktree", "move", path, shop.parent / "moved")
    moved = found(shop)["moved"]
    assert moved.id == before
    assert moved.branch == "y"


def test_a_successor_of_the_same_name_is_another_worktree(shop: Path) -> None:
    path = added(shop, "x")
    before = found(shop)["x"].id
    run(shop, "worktree", "remove", path)
    run(shop, "worktree", "add", "-q", path, "x")
    assert found(shop)["x"].id != before


def test_an_unborn_branch_is_a_branch(tmp_path: Path) -> None:
    run(tmp_path, "init", "-q", "new")
    assert found(tmp_path / "new")["new"].branch == "main"


@pytest.mark.parametrize("branch", ["${{x}}", "分支", "a" * 200, 'a"b{c}', "x-", "a/b/c", "$(id)", "a'b;c", "ünï|code"])
def test_any_name_that_git_takes_is_a_branch(shop: Path, branch: str) -> None:
    run(shop, "worktree", "add", "-q", "-b", branch, shop.parent / "w")
    assert found(shop)["w"].branch == branch


def test_a_branch_that_begins_with_a_hyphen_is_read(shop: Path) -> None:
    path = added(shop, "x")
    run(path, "symbolic-ref", "HEAD", "refs/heads/-x")
    assert found(shop)["x"].branch == "-x"


def test_a_branch_in_another_encoding_keeps_its_bytes(shop: Path) -> None:
    path = added(shop, "x")
    run(path, "symbolic-ref", "HEAD", b"refs/heads/caf\xe9")
    assert found(shop)["x"].branch == "caf\udce9"


@pytest.mark.parametrize("name", ["with space", 'quo"te', "apo'strophe", "new\nline", "tab\t", "{x}", b"caf\xe9", "分"])
def test_any_directory_name_is_a_path(shop: Path, name: str | bytes) -> None:
    path = added(shop, "x", name)
    tree = found(shop)[os.fsdecode(name)]
    assert (tree.path, tree.present, tree.branch) == (str(path), True, "x")
    assert tree.id.admin


def test_a_detached_head_is_no_branch(shop: Path) -> None:
    run(added(shop, "x"), "switch", "-q", "--detach")
    tree = found(shop)["x"]
    assert tree.branch is None
    assert tree.detached


def test_during_a_rebase_the_branch_stays(shop: Path) -> None:
    path = added(shop, "x")
    run(path, "commit", "-q", "--allow-empty", "-m", "second")
    subprocess.run(["git", "rebase", "-q", "--exec", "false", "HEAD~1"], cwd=path, capture_output=True, check=False)
    tree = found(shop)["x"]
    assert tree.branch == "x"
    assert tree.detached


def asked_while(monkeypatch: pytest.MonkeyPatch, place: Path, command: str) -> None:
    """Let a command run after git has listed the worktrees, and before anybody hears of it."""
    slow, real = place / "bin" / "git", shutil.which("git")
    slow.parent.mkdir()
    slow.write_text(f"#!/bin/sh\n'{real}' \"$@\"\ncase \"$*\" in *'worktree list'*) {{ {command}; }} >&2;; esac\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")


@pytest.mark.parametrize("how", ["--continue", "--abort"])
def test_a_rebase_that_ends_while_git_is_asked_keeps_the_branch(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = added(shop, "rebased")
    run(path, "commit", "-q", "--allow-empty", "-m", "second")
    run(path, "-c", "sequence.editor=echo break >", "rebase", "-q", "--interactive", "HEAD~1")
    asked_while(monkeypatch, tmp_path, f"git -C '{path}' rebase {how}")
    tree = found(shop)["rebased"]
    assert (tree.branch, tree.detached) == ("rebased", False)


def test_a_head_whose_branch_is_in_a_reftable_names_none(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(added(shop, "x"), "switch", "-q", "--detach")
    asked_while(monkeypatch, tmp_path, f"echo 'ref: refs/heads/.invalid' >'{admin(shop, 'x')}/HEAD'")
    tree = found(shop)["x"]
    assert (tree.branch, tree.detached) == (None, True)


def test_during_a_rebase_by_apply_the_branch_stays(shop: Path) -> None:
    path = added(shop, "x")
    for place, text in ((shop, "ours"), (path, "theirs")):
        (place / "file").write_text(text)
        run(place, "add", "file")
        run(place, "commit", "-q", "-m", text)
    subprocess.run(["git", "rebase", "-q", "--apply", "main"], cwd=path, capture_output=True, check=False)
    assert found(shop)["x"].branch == "x"
    assert found(shop)["x"].detached


def test_during_a_bisect_the_branch_stays(shop: Path) -> None:
    path = added(shop, "x")
    for name in "abcd":
        run(path, "commit", "-q", "--allow-empty", "-m", name)
    run(path, "bisect", "start", "HEAD", "HEAD~4")
    tree = found(shop)["x"]
    assert tree.branch == "x"
    assert tree.detached
    run(path, "bisect", "reset")
    assert not found(shop)["x"].detached


def test_a_bisect_that_began_on_a_commit_has_no_branch(shop: Path) -> None:
    path = added(shop, "x")
    for name in "abcd":
        run(path, "commit", "-q", "--allow-empty", "-m", name)
    run(path, "switch", "-q", "--detach")
    run(path, "bisect", "start", "HEAD", "HEAD~4")
    assert found(shop)["x"].branch is None


def test_a_bisect_in_the_main_checkout_keeps_its_branch(shop: Path) -> None:
    for name in "abcd":
        run(shop, "commit", "-q", "--allow-empty", "-m", name)
    run(shop, "bisect", "start", "HEAD", "HEAD~4")
    assert found(shop)["shop"].branch == "main"


def test_a_missing_directory_is_not_present(shop: Path) -> None:
    path = added(shop, "x")
    path.rename(shop.parent / "elsewhere")
    assert not found(shop)["x"].present


def test_a_locked_worktree_whose_directory_is_missing_is_not_present_either(shop: Path) -> None:
    path = added(shop, "x")
    run(shop, "worktree", "lock", path)
    path.rename(shop.parent / "elsewhere")
    assert not found(shop)["x"].present


def test_a_path_that_no_file_system_takes_is_not_present(shop: Path) -> None:
    added(shop, "x")
    (admin(shop, "x") / "gitdir").write_text(f"/{'a' * 300}/.git\n")
    assert not found(shop)["a" * 300].present


def test_a_locked_worktree_is_one_like_any_other(shop: Path) -> None:
    run(shop, "worktree", "lock", "--reason", "on a disk", added(shop, "x"))
    assert found(shop)["x"].present


def test_a_worktree_that_git_is_still_adding_is_not_there_yet(shop: Path) -> None:
    added(shop, "x")
    (admin(shop, "x") / "locked").write_text("initializing")
    assert made(shop, now=after(shop, "x", 4)) == ["shop"]


def test_it_is_not_there_yet_in_every_language(shop: Path) -> None:
    run(added(shop, "x"), "switch", "-q", "--detach")
    (admin(shop, "x") / "locked").write_text("wird initialisiert")
    (admin(shop, "x") / "HEAD").write_text("0" * 40 + "\n")
    assert made(shop, now=after(shop, "x", 4)) == ["shop"]


def test_it_is_not_there_yet_before_git_has_written_where_it_belongs(shop: Path) -> None:
    added(shop, "x")
    (admin(shop, "x") / "locked").write_text("initializing")
    (admin(shop, "x") / "commondir").unlink()
    assert [name for name, worktree in found(shop).items() if worktree.made] == ["shop"]


def test_what_a_killed_git_left_locked_counts_as_there_after_some_seconds(shop: Path) -> None:
    added(shop, "x")
    (admin(shop, "x") / "locked").write_text("initializing")
    assert made(shop, now=after(shop, "x", 6)) == ["shop", "x"]


def test_a_worktree_that_goes_while_we_look_takes_nobody_with_it(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added(shop, "x")
    added(shop, "y")
    listed = run(shop, "worktree", "list", "--porcelain", "-z")
    (tmp_path / "listed").write_bytes(os.fsencode(listed))
    run(shop, "worktree", "remove", shop.parent / "x")
    fake_git(tmp_path, f'cat "{tmp_path}/listed"')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    trees = {Path(w.path).name: w for w in git_worktrees.worktrees(shop / ".git").worktrees}
    assert list(trees) == ["shop", "y"]
    assert trees["shop"].id.admin == ""


def test_two_administrative_directories_of_one_path_are_one_worktree(shop: Path) -> None:
    added(shop, "x")
    added(shop, "y")
    (admin(shop, "y") / "gitdir").write_text((admin(shop, "x") / "gitdir").read_text())
    assert list(found(shop)) == ["shop", "x"]


def test_an_administrative_directory_of_rubbish_takes_nobody_with_it(shop: Path) -> None:
    added(shop, "x")
    admin(shop, "rubbish").mkdir()
    (admin(shop, "file")).write_text("")
    assert list(found(shop)) == ["shop", "x"]


def test_a_path_that_git_writes_otherwise_is_recognised(shop: Path) -> None:
    path = added(shop, "x")
    before = found(shop)["x"].id
    (shop.parent / "link").symlink_to(path)
    (admin(shop, "x") / "gitdir").write_text(f"{shop.parent}/./link/.git\n")
    [_, tree] = git_worktrees.worktrees(shop / ".git").worktrees
    assert tree.id == before


# Bare repositories


@pytest.fixture
def bare(shop: Path) -> Path:
    """A bare repository with its worktrees beside it, as many keep them."""
    project = shop.parent / "project"
    run(shop.parent, "clone", "-q", "--bare", shop, project / ".bare")
    (project / ".git").write_text("gitdir: ./.bare\n")
    run(project, "worktree", "add", "-q", "-b", "x", project / "x")
    return project


def test_a_bare_record_is_no_worktree(bare: Path) -> None:
    assert list(found(bare)) == ["x"]
    assert git.common_dir(bare) == bare / ".bare"


def test_without_a_worktree_of_the_default_branch_that_is_said(bare: Path) -> None:
    [problem] = git_worktrees.worktrees(bare / ".bare").problems
    assert "default branch has no worktree" in problem.message
    assert problem.hint == f"give it one: `git -C {bare / '.bare'} worktree add ../main main`"
    run(bare / ".bare", "worktree", "add", "-q", "../main", "main")
    assert git_worktrees.worktrees(bare / ".bare").problems == ()


@pytest.mark.parametrize("where", ["config", "config.worktree"])
def test_a_checkout_that_git_takes_for_a_bare_repository_is_the_main_one(shop: Path, where: str) -> None:
    (shop / "file").touch()
    run(shop, "add", "file")
    run(shop, "config", "extensions.worktreeConfig", "true")
    run(shop, "config", *(["--worktree"] if where == "config.worktree" else []), "core.bare", "true")
    listing = git_worktrees.worktrees(shop / ".git")
    assert [(each.path, each.main, each.branch) for each in listing.worktrees] == [(str(shop), True, "main")]
    [problem] = listing.problems
    assert "core.bare is true" in problem.message
    subprocess.run(problem.hint.strip("`"), shell=True, check=True)  # noqa: S602 - as a user would paste it
    assert git_worktrees.worktrees(shop / ".git").problems == ()


def test_the_worktree_of_the_default_branch_is_the_main_checkout(bare: Path) -> None:
    run(bare, "worktree", "add", "-q", bare / "main", "main")
    assert {name: w.main for name, w in found(bare).items()} == {"main": True, "x": False}


# Relative paths, which git knows since 2.48


@pytest.fixture
def relative(shop: Path) -> Path:
    """A repository as `worktree.useRelativePaths` makes it; a git before 2.48 refuses it."""
    path = added(shop, "feature/x", "x")
    (admin(shop, "x") / "gitdir").write_text("../../../../x/.git\n")
    (path / ".git").write_text("gitdir: ../shop/.git/worktrees/x\n")
    run(shop, "config", "core.repositoryformatversion", "1")
    run(shop, "config", "extensions.relativeWorktrees", "true")
    return shop


def test_relative_paths_are_understood_whatever_git_says(relative: Path) -> None:
    (relative.parent / "x" / "deep").mkdir()
    for place in (relative, relative.parent / "x", relative.parent / "x" / "deep", relative / ".git"):
        assert git.common_dir(place) == relative / ".git"
    trees = found(relative)
    assert {name: (w.path, w.branch, w.main) for name, w in trees.items()} == {
        "shop": (str(relative), "main", True), "x": (str(relative.parent / "x"), "feature/x", False),
    }  # fmt: skip
    assert trees["x"].id.admin == "x"


def test_relative_paths_are_understood_in_a_bare_repository(bare: Path) -> None:
    (bare / ".bare" / "worktrees" / "x" / "gitdir").write_text("../../../x/.git\n")
    (bare / "x" / ".git").write_text("gitdir: ../.bare/worktrees/x\n")
    run(bare, "config", "core.repositoryformatversion", "1")
    run(bare, "config", "extensions.relativeWorktrees", "true")
    assert git.common_dir(bare) == git.common_dir(bare / "x") == git.common_dir(bare / ".bare") == bare / ".bare"
    assert list(found(bare)) == ["x"]


def test_without_git_s_help_detached_locked_and_half_added_worktrees_are_told_apart(relative: Path) -> None:
    (admin(relative, "x") / "HEAD").write_text("0" * 40 + "\n")
    assert found(relative)["x"].detached
    (admin(relative, "x") / "locked").write_text("initializing")
    assert made(relative, now=after(relative, "x", 4)) == ["shop"]


# Files that are of no use


def kinds(worktree: Worktree) -> list[str]:
    return [problem.kind for problem in worktree.problems]


def settled(shop: Path, *names: str) -> tuple[Worktree, ...]:
    """Return the worktrees as they are known once `git worktree add` is done for long."""
    for name in names:
        for path in (admin(shop, name), *admin(shop, name).iterdir()):
            os.utime(path, (1_700_000_000, 1_700_000_000))
    return git_worktrees.worktrees(shop / ".git").worktrees


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gitdir", b"\0\0\0", "its gitdir holds a NUL"),
        ("gitdir", b"", "its gitdir is empty"),
        ("gitdir", b"\n\n", "its gitdir is empty"),
        ("gitdir", None, "it has no gitdir"),
        ("gitdir", b"/" * 70_000, "its gitdir is larger than 64 KiB"),
        ("HEAD", b"\0\0\0", "its HEAD holds a NUL"),
        ("HEAD", b"", "its HEAD names neither a branch nor a commit"),
        ("HEAD", b"rubbish\xff\n", "its HEAD names neither a branch nor a commit"),
        ("HEAD", b"ref: refs/heads/../x\n", "its HEAD names neither a branch nor a commit"),
        ("HEAD", None, "its HEAD names neither a branch nor a commit"),
        ("commondir", None, "its commondir is missing"),
    ],
)
def test_a_file_that_makes_no_sense_is_its_worktrees_problem_and_the_last_look_stands(
    shop: Path, name: str, content: bytes | None, reason: str
) -> None:
    for branch in ("a", "b"):
        added(shop, branch)
    before = settled(shop, "a", "b")
    (admin(shop, "a") / name).unlink()
    if content is not None:
        (admin(shop, "a") / name).write_bytes(content)
    listing = git_worktrees.worktrees(shop / ".git", before=before)
    assert [kinds(worktree) for worktree in listing.worktrees] == [[], ["unreadable-worktree"], []]
    assert reason in listing.worktrees[1].problems[0].message
    assert tuple(replace(worktree, problems=()) for worktree in listing.worktrees) == before
    assert git_worktrees.worktrees(shop / ".git", before=listing.worktrees) == listing  # for as long as it is so


def test_what_was_never_seen_right_is_reported_and_not_routed(shop: Path) -> None:
    for branch in ("a", "b"):
        added(shop, branch)
    before = settled(shop, "a", "b")
    (admin(shop, "a") / "HEAD").write_text("rubbish")
    trees = git_worktrees.worktrees(shop / ".git").worktrees
    assert [(w.present, w.made, kinds(w)) for w in trees] == [
        (True, True, []), (False, False, ["unreadable-worktree"]), (True, True, []),
    ]  # fmt: skip
    assert [w.id for w in trees] == [w.id for w in before]  # its names and ports are kept


def test_what_git_is_only_about_to_write_is_no_problem(shop: Path) -> None:
    added(shop, "a")
    (admin(shop, "a") / "gitdir").write_text("")
    assert made(shop) == ["shop"]


def test_a_worktree_that_is_being_removed_is_gone_and_no_problem(shop: Path) -> None:
    path = added(shop, "a")
    before = settled(shop, "a")
    shutil.rmtree(path)
    (admin(shop, "a") / "gitdir").unlink()
    assert [w.branch for w in git_worktrees.worktrees(shop / ".git", before=before).worktrees] == ["main"]


def test_a_successor_in_the_same_administrative_directory_is_not_taken_for_the_one_before(shop: Path) -> None:
    path = added(shop, "a")
    before = settled(shop, "a")
    run(shop, "worktree", "remove", path)
    run(shop, "worktree", "add", "-q", path, "a")
    (admin(shop, "a") / "commondir").unlink()  # as in the moment before git writes it
    (admin(shop, "a") / "locked").write_text("initializing")
    [_, tree] = git_worktrees.worktrees(shop / ".git", before=before).worktrees
    assert (tree.made, kinds(tree), tree.id.created) == (False, [], 0)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("name", ["HEAD", "gitdir", "commondir", "locked"])
def test_what_git_would_wait_for_or_give_up_at_is_its_worktrees_problem_alone(
    shop: Path, name: str, make: Callable[[Path], None]
) -> None:
    for branch in ("a", "b"):
        added(shop, branch)
    before = settled(shop, "a", "b")
    (admin(shop, "a") / name).unlink(missing_ok=True)
    make(admin(shop, "a") / name)
    began = time.monotonic()
    trees = git_worktrees.worktrees(shop / ".git", before=before).worktrees
    assert time.monotonic() - began < 20  # who opens a FIFO waits for ever
    assert [(w.branch, kinds(w)) for w in trees] == [("main", []), ("a", ["unreadable-worktree"]), ("b", [])]


def test_a_git_that_gives_up_at_a_file_of_one_worktree_is_not_needed(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for branch in ("a", "b"):
        added(shop, branch)
    before = settled(shop, "a", "b")
    (admin(shop, "a") / "HEAD").write_text("rubbish")
    fake_git(tmp_path, '[ "$1" = version ] && echo "git version 2.39.5" && exit; echo "fatal: no" >&2; exit 128')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    trees = git_worktrees.worktrees(shop / ".git", before=before).worktrees
    assert [(w.branch, kinds(w)) for w in trees] == [("main", []), ("a", ["unreadable-worktree"]), ("b", [])]


def test_a_git_without_end_gives_way_to_its_own_files(shop: Path) -> None:
    added(shop, "a")
    (shop / ".git" / "refs" / "heads" / "a").unlink()
    (shop / ".git" / "refs" / "heads" / "a").symlink_to("/dev/zero")  # git reads it until its memory is full
    listing = git_worktrees.worktrees(shop / ".git")
    assert [w.branch for w in listing.worktrees] == ["main", "a"]
    assert [problem.kind for problem in listing.problems] == ["slow-repository"]


def test_no_more_worktrees_are_looked_at_than_the_bound(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_worktrees, "MOST", 2)  # adding two thousand takes a minute
    for number, branch in enumerate("abc"):
        added(shop, branch)
        os.utime(admin(shop, branch) / "commondir", (1_700_000_000 - number,) * 2)
    listing = git_worktrees.worktrees(shop / ".git")
    assert [w.branch for w in listing.worktrees] == ["main", "b", "c"]  # the oldest
    [problem] = listing.problems
    assert (problem.kind, "3 linked worktrees: only the 2 oldest" in problem.message) == ("too-many", True)


# Other users' files, for a user who is not root


def as_nobody(look: Callable[[], object], *owned: Path) -> Any:
    """Return what a function finds as a user who may not read everything, and who owns these directories."""
    if os.getuid():
        return look()
    for top in owned:
        for path in (top, *top.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            os.environ["HOME"] = "/"
            os.write(writing, pickle.dumps(look()))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        found = answer.read()
    os.waitpid(child, 0)
    return pickle.loads(found)  # noqa: S301 - our own child wrote it


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that every user may enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o755)
        yield Path(place)


def test_a_list_of_worktrees_that_may_not_be_read_is_the_repositorys_problem_and_all_stay(open_place: Path) -> None:
    shop = make(open_place / "shop")
    added(shop, "a")
    common = f"{shop}/.git"

    def look() -> tuple[Repository, ...]:
        before = survey.repositories([common])
        (shop / ".git" / "worktrees").chmod(0)
        closed = survey.repositories([common], before=before)
        (shop / ".git" / "worktrees").chmod(0o755)
        return (*before, *closed, *survey.repositories([common], before=closed))

    before, closed, after = as_nobody(look, open_place)
    assert [w.branch for w in before.worktrees] == ["main", "a"]
    assert closed.worktrees == before.worktrees
    assert [problem.kind for problem in closed.problems] == ["unreadable-file"]
    assert after == before


@pytest.mark.parametrize("closed", [".git", "."])
def test_a_git_directory_that_may_not_be_entered_is_its_repositorys_problem_and_all_stay(
    open_place: Path, closed: str
) -> None:
    shop = make(open_place / "shop")
    added(shop, "a")
    blog = make(open_place / "blog")
    commons = [f"{shop}/.git", f"{blog}/.git"]

    def look() -> tuple[Repository, ...]:
        before = survey.repositories(commons)
        (shop / closed).chmod(0)
        return (*before, *survey.repositories(commons, before=before))

    shop_before, blog_before, shop_after, blog_after = as_nobody(look, open_place)
    assert shop_after.worktrees == shop_before.worktrees
    assert [problem.kind for problem in shop_after.problems] == ["unreadable-file"]
    assert blog_after == blog_before


def test_a_worktree_below_a_directory_that_may_not_be_entered_stays(open_place: Path) -> None:
    shop = make(open_place / "shop")
    (open_place / "private").mkdir()
    added(shop, "a", "private/a")
    common = f"{shop}/.git"

    def look() -> tuple[Repository, ...]:
        before = survey.repositories([common])
        (open_place / "private").chmod(0)
        found = survey.repositories([common], before=before)
        (open_place / "private").chmod(0o755)
        return (*before, *found)

    before, found = as_nobody(look, open_place)
    assert [(w.branch, w.present) for w in found.worktrees] == [("main", True), ("a", True)]
    assert kinds(found.worktrees[1])[0] == "unreadable-worktree"
    assert before.worktrees[0] == found.worktrees[0]

"""Git as it is on this machine, in repositories of every shape."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import GitError, NotARepositoryError
from router.model import Worktree
from router.observe import git, git_worktrees
from router.observe.git import ListedWorktree, parse


def run(place: Path, *args: str | bytes) -> str:
    done = subprocess.run(["git", *args], cwd=place, capture_output=True, check=True)
    return os.fsdecode(done.stdout)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with one commit, in a directory whose real path is known."""
    path = tmp_path.resolve() / "shop"
    path.mkdir()
    run(path, "init", "-q")
    run(path, "commit", "-q", "--allow-empty", "-m", "first")
    return path


def added(shop: Path, branch: str, name: str | bytes | None = None) -> Path:
    """Add a worktree beside the repository and return its path."""
    path = shop.parent / os.fsdecode(name or branch.replace("/", "-"))
    run(shop, "worktree", "add", "-q", "-b", branch, path)
    return path


def found(shop: Path, **rest: float) -> dict[str, Worktree]:
    """Return the worktrees by the name of their directory."""
    return {Path(w.path).name: w for w in git_worktrees.worktrees(git.common_dir(shop), **rest).worktrees}


def made(shop: Path, **rest: float) -> list[str]:
    """Return the names of those that git is not at work on."""
    return [name for name, tree in found(shop, **rest).items() if tree.made]


def admin(shop: Path, name: str) -> Path:
    return shop / ".git" / "worktrees" / name


def after(shop: Path, name: str, seconds: float) -> float:
    """Return the time so many seconds after git made a worktree."""
    return (admin(shop, name) / "commondir").stat().st_mtime + seconds


# Reading what git prints

LISTED = (
    b"worktree /r/main\0HEAD 0705\0branch refs/heads/other\0\0worktree /r/wt-d\0HEAD 0705\0detached\0\0"
    b"worktree /r/wt-o\0HEAD 0000\0branch refs/heads/orph\0\0"
)


def test_records_are_read() -> None:
    assert parse(LISTED) == (
        ListedWorktree("/r/main", "0705", "other"),
        ListedWorktree("/r/wt-d", "0705"),
        ListedWorktree("/r/wt-o", "0000", "orph"),
    )  # fmt: skip


def test_a_bare_record_and_locks_with_and_without_a_reason_are_read() -> None:
    output = (
        b"worktree /p/.bare\0bare\0\0worktree /a\0HEAD 1\0detached\0locked\0\0worktree /b\0HEAD 1\0locked on a disk\0\0"
    )
    assert [(r.bare, r.locked) for r in parse(output)] == [(True, None), (False, ""), (False, "on a disk")]


def test_attributes_of_a_later_git_are_ignored() -> None:
    assert parse(b"worktree /a\0HEAD 1\0shiny new thing\0prunable gone\0\0") == (ListedWorktree("/a", "1"),)


def test_paths_keep_their_newlines_and_bytes() -> None:
    assert [r.path for r in parse(b"worktree /a b\nc\0HEAD 1\0\0worktree /\xff\0HEAD 1\0\0")] == ["/a b\nc", "/\udcff"]


@given(st.binary() | st.lists(st.sampled_from([b"worktree", b" ", b"\0", b"/a", b"HEAD", b"locked"])).map(b"".join))
def test_no_bytes_upset_the_reader(output: bytes) -> None:
    for record in parse(output):
        assert isinstance(record.path, str)


# Where a repository is


def test_the_common_directory_is_the_same_from_everywhere(shop: Path) -> None:
    path = added(shop, "feature/x")
    (path / "deep").mkdir()
    for place in (shop, path, path / "deep", shop / ".git"):
        assert git.common_dir(place) == shop / ".git"


def test_a_link_leads_to_the_real_place(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(shop)
    assert git.common_dir(tmp_path / "link") == shop / ".git"


def test_inside_submodules_the_outermost_repository_counts(shop: Path, tmp_path: Path) -> None:
    for name in ("middle", "inner"):
        run(tmp_path, "init", "-q", name)
        run(tmp_path / name, "commit", "-q", "--allow-empty", "-m", "first")
    run(tmp_path / "middle", "submodule", "--quiet", "add", str(tmp_path / "inner"), "sub")
    run(tmp_path / "middle", "commit", "-q", "-m", "sub")
    run(shop, "submodule", "--quiet", "add", str(tmp_path / "middle"), "sub")
    run(shop, "submodule", "--quiet", "update", "--init", "--recursive")
    assert git.common_dir(shop / "sub" / "sub") == shop / ".git"


def test_a_directory_outside_of_git_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(NotARepositoryError, match="is not inside a git repository"):
        git.common_dir(tmp_path)


def test_a_path_that_is_no_directory_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(NotARepositoryError, match="is not a directory"):
        git.common_dir(tmp_path / "nothing")


def test_a_common_directory_that_is_none_any_more_is_named(shop: Path) -> None:
    (shop / ".git" / "HEAD").unlink()
    with pytest.raises(NotARepositoryError, match=str(shop)):
        git_worktrees.worktrees(shop / ".git")


def test_git_variables_from_outside_lead_nowhere(shop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(tmp_path, "init", "-q", "other")
    for name in ("GIT_DIR", "GIT_COMMON_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    assert git.common_dir(shop) == shop / ".git"
    assert list(found(shop)) == ["shop"]


def test_without_git_the_error_says_so(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GitError, match="git is not installed"):
        git.common_dir(shop)


@pytest.mark.parametrize("version", ["2.35.8", "1.8.3.1"])
def test_a_git_that_is_too_old_is_named(
    shop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    _fake_git(tmp_path, f'[ "$1" = version ] && echo "git version {version}" && exit; exit 129')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(GitError, match=f"git version {version} is too old") as caught:
        git_worktrees.worktrees(shop / ".git")
    assert "2.36" in caught.value.hint


def test_git_s_own_reason_is_passed_on_with_a_hint(shop: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = (
        "warning: odd\\nfatal: detected dubious ownership in repository at '/x'\\nTo add an exception: safe.directory"
    )
    _fake_git(tmp_path, f'[ "$1" = version ] && echo "git version 2.39.5" && exit; printf "{said}" >&2; exit 128')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(GitError) as caught:
        git_worktrees.worktrees(shop / ".git")
    assert caught.value.message.endswith("failed: detected dubious ownership in repository at '/x'")
    assert "safe.directory" in caught.value.hint


def _fake_git(tmp_path: Path, script: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bin" / "git").chmod(0o755)


def test_the_directory_of_the_router_may_be_gone(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    assert list(found(shop)) == ["shop"]


@pytest.mark.parametrize(
    ("common", "name"),
    [("/w/shop/.git", "shop"), ("/w/shop/.bare", "shop"), ("/w/shop.git", "shop"), ("/w/elsewhere", "elsewhere")],
)
def test_a_repository_is_called_like_its_main_checkout(common: str, name: str) -> None:
    assert git.name(Path(common)) == name


# Its worktrees


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


def test_a_worktree_that_git_is_making_is_not_made_yet(shop: Path) -> None:
    added(shop, "x")
    (admin(shop, "x") / "locked").write_text("initializing")
    assert [name for name, worktree in found(shop).items() if worktree.made] == ["shop"]


def test_it_is_not_made_yet_in_every_language(shop: Path) -> None:
    run(added(shop, "x"), "switch", "-q", "--detach")
    (admin(shop, "x") / "locked").write_text("wird initialisiert")
    (admin(shop, "x") / "HEAD").write_text("0" * 40 + "\n")
    assert [name for name, worktree in found(shop).items() if worktree.made] == ["shop"]


def test_it_is_not_made_yet_before_git_has_written_where_it_belongs(shop: Path) -> None:
    added(shop, "x")
    (admin(shop, "x") / "locked").write_text("initializing")
    (admin(shop, "x") / "commondir").unlink()
    assert [name for name, worktree in found(shop).items() if worktree.made] == ["shop"]


def test_what_a_killed_git_left_locked_counts_as_made_after_some_seconds(shop: Path) -> None:
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
    _fake_git(tmp_path, f'cat "{tmp_path}/listed"')
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


def test_without_git_s_help_detached_locked_and_half_made_worktrees_are_told_apart(relative: Path) -> None:
    (admin(relative, "x") / "HEAD").write_text("0" * 40 + "\n")
    assert found(relative)["x"].detached
    (admin(relative, "x") / "locked").write_text("initializing")
    assert made(relative, now=after(relative, "x", 4)) == ["shop"]

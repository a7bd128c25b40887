"""Worktrees made whole or not at all, and removed only when nothing would be lost. With real git."""

import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from router.errors import FileError, GitError, RouterError, SettingsError, UnsavedWorkError, UsageError
from router.settings import Settings, load
from router.store import Store
from router.worktrees import create


def git(checkout: Path, *args: str | Path) -> str:
    done = subprocess.run(["git", *map(str, args)], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class Shop:
    """A repository, and what was said about it."""

    path: Path
    settings: Settings
    store: Store
    said: list[str] = field(default_factory=list)

    def create(self, name: str = "x", cwd: Path | None = None) -> Path:
        return create.create(name, cwd=cwd or self.path, settings=self.settings, store=self.store, say=self.said.append)

    def post_create(self, cwd: Path) -> None:
        create.post_create(cwd=cwd, settings=self.settings, store=self.store, say=self.said.append)

    def remove(self, path: Path, *, force: bool = False) -> None:
        create.remove(path, force=force, say=self.said.append)

    def commit(self, **files: str) -> str:
        return commit(self.path, files)

    @property
    def left(self) -> tuple[list[str], list[str], bool]:
        """Branches, worktrees and whether the directory of worktrees is there."""
        branches = git(self.path, "for-each-ref", "--format=%(refname)", "refs/heads").splitlines()
        worktrees = git(self.path, "worktree", "list", "--porcelain").split("\n\n")
        return branches, [w.splitlines()[0] for w in worktrees], (self.path / ".claude" / "worktrees").exists()


def commit(checkout: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text)
    git(checkout, "add", "--force", "--", *files)
    git(checkout, "commit", "-q", "--allow-empty", "-m", "more")
    return git(checkout, "rev-parse", "HEAD")


IGNORED = "node_modules\n.env*\n.mise.local.toml\n.venv/\n/.claude/worktrees/\n*.key\n"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    path = tmp_path.resolve() / "shop"
    path.mkdir()
    git(path, "init", "-q")
    store = Store(tmp_path / "state")
    store.prepare()
    made = Shop(path, load(state_dir=tmp_path / "state"), store)
    made.commit(**{".gitignore": IGNORED, "page": "one\n"})
    return made


# Making one


def test_a_worktree_is_made_on_its_branch_with_its_env_block(shop: Shop) -> None:
    path = shop.create("fix-auth")
    assert path == shop.path / ".claude" / "worktrees" / "fix-auth"
    assert git(path, "branch", "--show-current") == "worktree-fix-auth"
    assert git(path, "rev-parse", "HEAD") == git(shop.path, "rev-parse", "HEAD")
    assert ">>> worktree-router >>>" in (path / ".env.local").read_text()
    assert git(path, "status", "--porcelain") == ""


def test_it_begins_where_the_session_is(shop: Shop) -> None:
    first = shop.create("first")
    at = commit(first, {"new": "1"})
    (first / "deep").mkdir()
    second = shop.create("second", cwd=first / "deep")
    assert second.parent == first.parent
    assert git(second, "rev-parse", "HEAD") == at


def test_mise_s_file_is_written_where_mise_is_used(shop: Shop) -> None:
    shop.commit(**{"mise.toml": "[tools]\n"})
    assert "[env]" in (shop.create() / ".mise.local.toml").read_text()


def test_a_hidden_worktree_is_made_without_values_of_its_own(shop: Shop) -> None:
    (shop.path / "router.toml").write_text('[worktrees."worktree-x"]\nhide = true\n')
    path = shop.create("x")
    assert not (path / ".env.local").exists()
    assert any("it is hidden" in line for line in shop.said)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "/etc", "../x", ".git", "a..b", "a b", "a~1", "x.lock", "@{-1}", "a\nb", "a\0b", "\udc80",
     "x" * 101, "ü" * 51, "a:b", "a?", "a*", "a[", "a\\b", "x."],
)  # fmt: skip
def test_a_name_that_is_no_directory_and_branch_is_refused(shop: Shop, name: str) -> None:
    before = shop.left
    with pytest.raises(UsageError, match="a worktree cannot be called"):
        shop.create(name)
    assert shop.left == before


@pytest.mark.parametrize("name", ["-x", "--force", "ünïcode", "a.b_c-d+e", "agent-a8f3", "$(id)", "x;y", "x" * 100])
def test_any_other_name_is_data(shop: Shop, name: str) -> None:
    path = shop.create(name)
    assert path.name == name
    shop.remove(path)
    assert shop.left[2] is False


@pytest.mark.parametrize("link", [".claude", ".claude/worktrees"])
def test_nothing_is_made_behind_a_link(shop: Shop, link: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "worktrees").mkdir(parents=True)
    (shop.path / link).parent.mkdir(exist_ok=True)
    (shop.path / link).symlink_to(elsewhere)
    with pytest.raises(FileError, match="is not a directory"):
        shop.create()
    assert list((elsewhere / "worktrees").iterdir()) == []


def test_a_worktree_that_is_there_is_used_as_it_is(shop: Shop) -> None:
    path = shop.create()
    commit(path, {"mine": "1"})
    assert shop.create() == path
    assert (path / "mine").exists()
    assert f"{path} is there already and is used as it is" in shop.said


@pytest.mark.parametrize("what", ["directory", "file", "link"])
def test_what_is_in_the_way_stays(shop: Shop, what: str) -> None:
    path = shop.path / ".claude" / "worktrees" / "x"
    path.parent.mkdir(parents=True)
    {"directory": path.mkdir, "file": path.touch, "link": lambda: path.symlink_to(shop.path)}[what]()
    with pytest.raises(GitError, match="is in the way"):
        shop.create()
    assert os.path.lexists(path)


def test_a_branch_that_is_there_is_taken_as_it_is(shop: Shop) -> None:
    git(shop.path, "branch", "worktree-x")
    shop.commit(later="1")
    path = shop.create()
    assert not (path / "later").exists()
    shop.remove(path)
    assert shop.left[0] == ["refs/heads/main", "refs/heads/worktree-x"]


def test_another_git_at_work_is_waited_for(shop: Shop) -> None:
    lock = shop.path / ".git" / "refs" / "heads" / "worktree-x.lock"
    lock.touch()
    timer = threading.Timer(0.4, lock.unlink)
    timer.start()
    assert shop.create().is_dir()
    timer.join()


# What it is given


def test_what_worktreeinclude_names_and_git_ignores_is_copied(shop: Shop) -> None:
    shop.commit(**{".worktreeinclude": ".env*\n!.env.not\nconf/*.key\nfree.txt\npage\n.venv\n"})
    for name in (".env", ".env.not", "conf/a.key", "free.txt", "other.key", ".venv/bin/tool"):
        (shop.path / name).parent.mkdir(parents=True, exist_ok=True)
        (shop.path / name).write_text(name)
    (shop.path / ".env").chmod(0o600)
    (shop.path / ".venv" / "bin" / "python").symlink_to("/usr/bin/python3")
    path = shop.create()
    there = {str(p.relative_to(path)) for p in path.rglob("*") if not p.is_dir()}
    assert there == {".git", ".gitignore", ".worktreeinclude", "page", ".env", ".env.local", "conf/a.key",
                     ".venv/bin/tool", ".venv/bin/python"}  # fmt: skip
    assert (path / ".env").stat().st_mode & 0o777 == 0o600
    assert (path / ".venv" / "bin" / "python").readlink() == Path("/usr/bin/python3")


def test_a_copied_env_file_keeps_what_is_the_user_s_and_gets_its_own_block(shop: Shop) -> None:
    shop.commit(**{".worktreeinclude": ".env.local\n"})
    (shop.path / ".env.local").write_text("SECRET=1\n")
    shop.post_create(shop.path)
    main = (shop.path / ".env.local").read_text()
    own = (shop.create() / ".env.local").read_text()
    assert own.startswith("SECRET=1\n# >>> worktree-router >>>")
    assert own != main


def test_dependencies_are_linked_and_copied_as_router_toml_says(shop: Shop) -> None:
    shop.commit(**{"router.toml": '[setup]\nlink = ["node_modules", "gone"]\ncopy = [".venv", "web/.venv"]\n'})
    for name in ("node_modules/a.js", ".venv/pyvenv.cfg", "web/.venv/x"):
        (shop.path / name).parent.mkdir(parents=True)
        (shop.path / name).write_text(name)
    path = shop.create()
    assert (path / "node_modules").readlink() == shop.path / "node_modules"
    assert (path / "web" / ".venv" / "x").read_text() == "web/.venv/x"
    assert not (path / ".venv").is_symlink()
    assert (path / ".venv" / "pyvenv.cfg").exists()
    assert not os.path.lexists(path / "gone")


def test_a_link_that_git_would_commit_is_told(shop: Shop) -> None:
    shop.commit(**{".gitignore": "node_modules/\n", "router.toml": '[setup]\nlink = ["node_modules"]\n'})
    (shop.path / "node_modules").mkdir()
    shop.create()
    assert any("ignore `/node_modules`" in line for line in shop.said)


def test_what_the_branch_has_itself_stays(shop: Shop) -> None:
    shop.commit(**{".worktreeinclude": "a.key\n", "router.toml": '[setup]\nlink = ["lib"]\n', "lib/x": "tracked"})
    (shop.path / "a.key").write_text("main's")
    git(shop.path, "checkout", "-q", "-b", "worktree-x")
    shop.commit(**{"a.key": "the branch's"})
    git(shop.path, "checkout", "-q", "main")
    (shop.path / "a.key").write_text("main's")
    path = shop.create()
    assert (path / "a.key").read_text() == "the branch's"
    assert not (path / "lib").is_symlink()


def test_nothing_is_copied_through_a_link_of_the_branch_s(shop: Shop, tmp_path: Path) -> None:
    shop.commit(**{".worktreeinclude": "conf/*.key\n"})
    outside = tmp_path / "outside"
    outside.mkdir()
    git(shop.path, "checkout", "-q", "-b", "worktree-x")
    (shop.path / "conf").symlink_to(outside)
    shop.commit(conf2="1")
    git(shop.path, "add", "conf")
    git(shop.path, "commit", "-q", "-m", "link")
    git(shop.path, "checkout", "-q", "main")
    (shop.path / "conf").mkdir()
    (shop.path / "conf" / "a.key").write_text("secret")
    shop.create()
    assert list(outside.iterdir()) == []
    assert "left out conf/a.key: a link leads to it" in shop.said


@pytest.mark.parametrize("path", ["/etc", "../x", "a/../../x", "", ".", ".git", "a//b", "a\nb", "sub/.git/hooks"])
def test_setup_names_only_what_is_inside(shop: Shop, path: str) -> None:
    shop.commit(**{"router.toml": f"[setup]\ncopy = [{path!r}]\n".replace("\\n", "\\u000a").replace("'", '"')})
    before = shop.left
    with pytest.raises(SettingsError, match=r"router\.toml: setup\.copy\.0: "):
        shop.create()
    assert shop.left == before


def test_a_worktree_that_somebody_else_made_is_given_the_same(shop: Shop, tmp_path: Path) -> None:
    shop.commit(**{".worktreeinclude": ".env\n"})
    (shop.path / ".env").write_text("A=1\n")
    path = tmp_path / "elsewhere"
    git(shop.path, "worktree", "add", "-q", "-b", "feature/y", path)
    shop.post_create(path)
    once = (path / ".env.local").read_text()
    (path / ".env").write_text("A=2\n")
    shop.post_create(path)
    assert (path / ".env").read_text() == "A=2\n"
    assert (path / ".env.local").read_text() == once


# Origin


@pytest.fixture
def cloned(shop: Shop, tmp_path: Path) -> Shop:
    """A clone of the shop with `fetch = true`, a commit behind it."""
    path = tmp_path.resolve() / "clone"
    git(tmp_path, "clone", "-q", shop.path, path)
    shop.commit(later="1")
    (path / "router.toml").write_text("[setup]\nfetch = true\n")
    return Shop(path, shop.settings, shop.store)


def test_a_branch_begins_at_origin_s_default_branch_where_fetching_is_wanted(shop: Shop, cloned: Shop) -> None:
    path = cloned.create()
    assert git(path, "rev-parse", "HEAD") == git(shop.path, "rev-parse", "HEAD")
    assert git(path, "rev-parse", "HEAD") != git(cloned.path, "rev-parse", "HEAD")
    with pytest.raises(AssertionError):
        git(path, "rev-parse", "@{upstream}")  # so that `git push` does not go to main


def test_a_default_branch_that_is_not_known_is_asked_for(shop: Shop, cloned: Shop) -> None:
    git(cloned.path, "remote", "set-head", "origin", "--delete")
    assert git(cloned.create(), "rev-parse", "HEAD") == git(shop.path, "rev-parse", "HEAD")


def test_without_the_network_what_is_known_will_do(shop: Shop, cloned: Shop) -> None:
    git(cloned.path, "remote", "set-url", "origin", "/gone")
    commit(cloned.path, {"mine": "1"})
    assert git(cloned.create(), "rev-parse", "HEAD") == git(cloned.path, "rev-parse", "origin/main")
    assert any(line.startswith("nothing was fetched: ") for line in cloned.said)


def test_without_an_origin_it_begins_where_the_session_is(shop: Shop) -> None:
    shop.commit(**{"router.toml": "[setup]\nfetch = true\n"})
    assert git(shop.create(), "rev-parse", "HEAD") == git(shop.path, "rev-parse", "HEAD")


# Failing


def test_a_failure_removes_what_was_made(shop: Shop) -> None:
    shop.commit(**{".worktreeinclude": ".env.local\n"})
    (shop.path / ".env.local").symlink_to(shop.path / "page")  # which the env block is never written through
    before = shop.left
    with pytest.raises(FileError, match="is a link"):
        shop.create()
    assert shop.left == before
    assert not (shop.path / ".claude").exists()


def test_a_failure_keeps_a_branch_that_was_there(shop: Shop) -> None:
    git(shop.path, "branch", "worktree-x")
    before = shop.left
    (shop.path / ".git" / "hooks").mkdir(exist_ok=True)
    hook = shop.path / ".git" / "hooks" / "post-checkout"
    hook.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitError):
        shop.create()
    assert shop.left == before


def test_a_repository_without_a_commit_is_told(shop: Shop, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "empty")
    with pytest.raises(GitError, match="has no commit yet"):
        shop.create(cwd=tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == [tmp_path / "empty" / ".git"]


def test_a_repository_of_bare_and_siblings_has_its_worktrees_in_the_default_one(shop: Shop, tmp_path: Path) -> None:
    project = tmp_path.resolve() / "project"
    git(tmp_path, "clone", "-q", "--bare", shop.path, project / ".bare")
    git(project / ".bare", "worktree", "add", "-q", project / "main", "main")
    path = shop.create(cwd=project / "main")
    assert path == project / "main" / ".claude" / "worktrees" / "x"
    shop.remove(path)
    assert not path.exists()


# Removing one


def test_removing_leaves_nothing_that_was_not_there(shop: Shop) -> None:
    before = shop.left
    shop.remove(shop.create())
    assert shop.left == before
    assert not (shop.path / ".claude").exists()


def test_what_only_the_router_put_there_is_no_work(shop: Shop) -> None:
    shop.commit(**{".gitignore": "", "router.toml": '[setup]\nlink = ["node_modules"]\n', "mise.toml": "[tools]\n"})
    (shop.path / "node_modules").mkdir()
    path = shop.create()
    seen = git(path, "status", "--porcelain").splitlines()
    assert seen == ["?? .env.local", "?? .mise.local.toml", "?? node_modules"]
    shop.remove(path)
    assert not path.exists()
    assert (shop.path / "node_modules").is_dir()


def own_env_file(path: Path) -> None:
    (path / ".gitignore").write_text("")
    with (path / ".env.local").open("a") as file:
        file.write("SECRET=1\n")


def detached(path: Path) -> None:
    git(path, "checkout", "-q", "--detach")
    commit(path, {"a": "1"})


def rebasing(path: Path) -> None:
    (path / "page").write_text("two\n")
    git(path, "commit", "-q", "-am", "two")
    git(path, "tag", "kept")
    subprocess.run(["git", "rebase", "-q", "-x", "false", "HEAD~1"], cwd=path, capture_output=True, check=False)
    git(path, "status")


WORK: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file changed": (lambda path: (path / "page").write_text("two\n"), "not committed: page"),
    "a file staged": (lambda path: git(path, "rm", "-q", "page"), "not committed: page"),
    "a new file": (lambda path: (path / "a b").touch(), "not committed: a b"),
    "an env file of one's own": (own_env_file, "not committed: .gitignore, .env.local"),
    "a commit": (lambda path: commit(path, {"a": "1"}), "1 commit is on worktree-x alone"),
    "a commit on no branch": (detached, "1 commit is on"),
    "a rebase": (rebasing, "a rebase is under way"),
    "a lock": (lambda path: git(path, "worktree", "lock", "--reason", "agent 7", path), "it is locked (agent 7)"),
}


@pytest.mark.parametrize("work", WORK)
def test_work_that_is_nowhere_else_keeps_the_worktree(shop: Shop, work: str) -> None:
    path = shop.create()
    do, told = WORK[work]
    do(path)
    with pytest.raises(UnsavedWorkError) as refused:
        shop.remove(path)
    assert refused.value.message.startswith(f"{path} stays: ")
    assert told in refused.value.message
    assert path.is_dir()
    shop.remove(path, force=True)
    assert not path.exists()


def test_a_branch_with_commits_of_its_own_stays_even_when_told(shop: Shop) -> None:
    path = shop.create()
    commit(path, {"a": "1"})
    shop.remove(path, force=True)
    assert "refs/heads/worktree-x" in shop.left[0]
    assert "branch worktree-x stays: 1 commit is on it alone" in shop.said


@pytest.mark.parametrize("holder", ["branch", "tag", "remote", "main"])
def test_commits_that_something_else_holds_are_not_lost(shop: Shop, holder: str) -> None:
    path = shop.create()
    commit(path, {"a": "1"})
    where = {"branch": "refs/heads/other", "tag": "refs/tags/v1", "remote": "refs/remotes/origin/x"}.get(holder)
    git(shop.path, *(("update-ref", where, "worktree-x") if where else ("merge", "-q", "worktree-x")))
    shop.remove(path)
    assert "refs/heads/worktree-x" not in shop.left[0]


def test_another_branch_that_was_checked_out_there_stays(shop: Shop) -> None:
    path = shop.create()
    git(path, "checkout", "-q", "-b", "feature/y")
    commit(path, {"a": "1"})
    shop.remove(path)
    assert shop.left[0] == ["refs/heads/feature/y", "refs/heads/main"]


def test_a_worktree_whose_directory_is_gone_is_forgotten_with_its_branch(shop: Shop) -> None:
    before = shop.left
    path = shop.create()
    subprocess.run(["rm", "-rf", path], check=True)
    shop.remove(path)
    shop.remove(path)
    assert shop.left[:2] == before[:2]
    assert shop.said[-1] == f"{path} is gone already"


def test_only_what_the_hook_makes_is_removed(shop: Shop, tmp_path: Path) -> None:
    other = tmp_path.resolve() / "other"
    git(shop.path, "worktree", "add", "-q", other)
    foreign = shop.path / ".claude" / "worktrees" / "foreign"
    foreign.mkdir(parents=True)
    (foreign.parent / "link").symlink_to(other)
    main = foreign / ".." / ".." / ".."
    for path in (shop.path, other, foreign, foreign.parent / "link", main, Path("x"), Path("/")):
        with pytest.raises(RouterError):
            shop.remove(path, force=True)
    assert other.is_dir()
    assert foreign.is_dir()


@pytest.mark.parametrize("path", ["/a\0b", "/\ud800"])
def test_what_is_no_path_is_told(shop: Shop, path: str) -> None:
    with pytest.raises(RouterError):
        shop.remove(Path(path))


# Submodules


@pytest.fixture
def with_submodule(shop: Shop, tmp_path: Path) -> Shop:
    git(tmp_path, "init", "-q", "lib")
    commit(tmp_path / "lib", {"lib.txt": "1"})
    git(shop.path, "submodule", "--quiet", "add", tmp_path / "lib", "lib")
    git(shop.path, "commit", "-q", "-m", "lib")
    return shop


def test_submodules_that_the_main_checkout_has_are_checked_out(with_submodule: Shop) -> None:
    path = with_submodule.create()
    assert (path / "lib" / "lib.txt").read_text() == "1"
    with_submodule.remove(path)
    assert not path.exists()


def test_submodules_elsewhere_are_left_out_unless_fetching_is_wanted(with_submodule: Shop) -> None:
    git(with_submodule.path, "config", "submodule.lib.url", "https://example.invalid/lib")
    path = with_submodule.create()
    assert list((path / "lib").iterdir()) == []
    assert any(line.startswith("left out the submodule lib: it is elsewhere") for line in with_submodule.said)


def test_submodules_that_the_main_checkout_has_not_are_left_alone(with_submodule: Shop) -> None:
    git(with_submodule.path, "submodule", "--quiet", "deinit", "--all", "--force")
    assert list((with_submodule.create() / "lib").iterdir()) == []


@pytest.mark.parametrize("work", ["commit", "stash", "file"])
def test_work_in_a_submodule_keeps_the_worktree(with_submodule: Shop, work: str) -> None:
    path = with_submodule.create()
    (path / "lib" / "lib.txt").write_text("2")
    if work == "commit":
        commit(path / "lib", {"lib.txt": "2"})
        commit(path, {"lib2": "1"})
        git(path, "add", "lib")
        git(path, "commit", "-q", "-m", "lib")
        git(with_submodule.path, "merge", "-q", "worktree-x")
    elif work == "stash":
        git(path / "lib", "stash", "-q")
    told = "not committed: lib" if work == "file" else "in the submodule lib alone"
    with pytest.raises(UnsavedWorkError, match=told):
        with_submodule.remove(path)
    with_submodule.remove(path, force=True)
    assert not path.exists()

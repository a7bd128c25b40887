"""What one look at repositories on disk finds."""

import os
import time
from pathlib import Path

import pytest

from router.model import Override, Repository, WorktreeId
from router.observe import git_files, survey, watched
from router.remembered import Memory, RememberedWorktree
from router.routes.plan import plan
from tests.fakes import listener, worktree
from tests.hangs import hung_disk
from tests.observe.shops import added, make, run


def made(path: Path) -> Path:
    """Make a repository with one worktree beside it; return its path."""
    added(make(path), "feature/x", f"{path.name}.x")
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with one worktree beside it."""
    return made(tmp_path.resolve() / "shop")


def one(shop: Path, *before: Repository) -> Repository:
    [found] = survey.repositories([str(shop / ".git")], before=before)
    return found


def watch(found: Repository) -> watched.Watched:
    return watched.watched(found, git_files.names(Path(found.common_dir)))


def test_a_repository_has_its_name_its_place_and_its_worktrees(shop: Path) -> None:
    found = one(shop)
    assert (found.name, found.path, found.common_dir) == ("shop", str(shop), str(shop / ".git"))
    assert [(w.branch, w.main) for w in found.worktrees] == [("main", True), ("feature/x", False)]
    assert found.problems == ()


def test_each_worktree_has_what_its_own_files_declare(shop: Path) -> None:
    (shop / ".env").write_text("PORT=3000")
    (shop.parent / "shop.x" / ".env").write_text("PORT=3001")
    assert [[d.port for d in w.declared] for w in one(shop).worktrees] == [[3000], [3001]]


def test_a_file_that_cannot_be_read_is_its_worktrees_own_problem(shop: Path) -> None:
    (shop.parent / "shop.x" / ".env").mkdir()
    assert [[p.kind for p in w.problems] for w in one(shop).worktrees] == [[], ["unreadable-file"]]


def _monorepo(root: Path) -> None:
    files = {
        "package.json": '{"workspaces": ["apps/*"]}',
        "apps/web/package.json": '{"scripts": {"dev": "next dev -p 3000"}}',
        "apps/web/.env.local": "PORT=3100",
        "apps/docs/package.json": '{"scripts": {"dev": "docusaurus start -p 3002"}}',
        "server/manage.py": "import django",
        "server/.env": "PORT=8100\nBACKEND_PORT=oops",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_the_services_of_a_monorepo_are_found_with_their_env_files(shop: Path) -> None:
    _monorepo(shop)
    main, other = one(shop).worktrees
    assert ([spec.name for spec in main.services], other.services) == (["docs"], ())
    assert [(each.service, each.port, each.source) for each in main.declared] == [
        ("web", 3100, "env:apps/web/.env.local"),
        ("api", None, "env:server/.env"),
        ("api", 8100, "env:server/.env"),
        ("docs", 3002, "package:apps/docs/package.json"),
        ("web", 3000, "package:apps/web/package.json"),
    ]


def test_an_env_file_of_a_package_that_cannot_be_read_keeps_what_it_said(shop: Path) -> None:
    _monorepo(shop)
    before = one(shop)
    (shop / "apps/web/.env.local").unlink()
    (shop / "apps/web/.env.local").symlink_to(".env.local")  # a loop: the system refuses to read it
    main, _ = one(shop, before).worktrees
    assert ("web", 3100) in [(each.service, each.port) for each in main.declared]
    assert [problem.kind for problem in main.problems] == ["unreadable-file"]


def test_a_change_in_a_file_that_says_something_is_noticed(shop: Path) -> None:
    _monorepo(shop)
    files = watch(one(shop)).files
    for name in ("package.json", "apps/", "apps/web/.env.local", "apps/docs/package.json", ".claude/launch.json"):
        assert f"{shop}/{name}" in files


def test_a_missing_directory_is_not_read(shop: Path) -> None:
    (shop.parent / "shop.x").rename(shop.parent / "elsewhere")
    [_, missing] = one(shop).worktrees
    assert not missing.present
    assert survey.roots([one(shop)]) == (str(shop),)


def test_a_worktree_that_git_is_making_is_watched_and_nobodys_root_yet(shop: Path) -> None:
    admin = shop / ".git" / "worktrees" / "shop.x"
    (admin / "locked").write_text("initializing")
    later = time.time() + 600  # git is at work for seconds, however slow the test is
    os.utime(admin / "commondir", (later, later))
    found = one(shop)
    assert survey.roots([found]) == (str(shop),)
    assert f"{admin}/locked" in watch(found).files


def test_a_worktree_that_git_does_not_list_yet_is_watched(shop: Path) -> None:
    admin = shop / ".git" / "worktrees" / "begun"
    admin.mkdir()
    found = one(shop)
    assert [Path(worktree.path).name for worktree in found.worktrees] == ["shop", "shop.x"]
    assert str(admin) in watched.directories([watch(found)])
    assert f"{admin}/gitdir" in watch(found).files


def test_router_toml_of_the_main_checkout_counts(shop: Path) -> None:
    (shop / "router.toml").write_text(
        'callback_paths = ["/cb"]\n[services.docs]\nenv = ["DOCS_PORT"]\n[worktrees."feature/x"]\nhide = true'
    )
    (shop.parent / "shop.x" / ".env").write_text("DOCS_PORT=4000")
    found = one(shop)
    assert found.callback_paths == ("/cb",)
    assert [service.name for service in found.services] == ["web", "api", "docs"]
    assert found.overrides == {"feature/x": Override(hide=True)}
    assert [d.port for d in found.worktrees[1].declared] == [4000]


@pytest.mark.parametrize("content", ["", " \n", "\ufeff"])
def test_an_empty_router_toml_says_what_one_without_a_key_says(shop: Path, content: str) -> None:
    (shop / "router.toml").write_text("# nothing\n")
    [said] = survey.repositories([f"{shop}/.git"])
    (shop / "router.toml").write_text(content)
    [empty] = survey.repositories([f"{shop}/.git"])
    (shop / "router.toml").unlink()
    [none] = survey.repositories([f"{shop}/.git"])
    assert said == empty == none


def test_folder_copies_beside_the_main_checkout_are_worktrees_named_by_their_directories(shop: Path) -> None:
    (shop / "router.toml").write_text('[copies]\nglob = "../shop-*"\n')
    for name in ("shop-2", "shop-3"):
        (shop.parent / name).mkdir()
    (shop.parent / "shop-3" / ".env").write_text("PORT=4003\n")
    (shop.parent / "shop-file").write_text("")
    (shop.parent / "shop-link").symlink_to("/")
    found = one(shop)
    routes = plan(survey.observed((found,), (), reserved=frozenset()), Memory()).table.routes
    assert [(r.name, r.services[0].source, r.worktree.detached) for r in routes] == [
        ("feature-x", "hash", False), ("main", "hash", False), ("shop-2", "hash", False), ("shop-3", "env:.env", False),
    ]  # fmt: skip
    assert f"{shop.parent}/" in watch(found).files


@pytest.mark.parametrize(
    "glob", ["/*", "../*", "../../x-*", "../**", "x-*", "../a/b-*", "../shop-**", "../..", "../.", "../a b*"]
)
def test_a_pattern_that_could_match_anything_else_than_copies_is_refused(shop: Path, glob: str) -> None:
    (shop / "router.toml").write_text(f'[copies]\nglob = "{glob}"\n')
    found = one(shop)
    assert "copies.glob" in found.problems[0].message
    assert len(found.worktrees) == 2


def test_router_toml_of_another_worktree_does_not_count(shop: Path) -> None:
    (shop.parent / "shop.x" / "router.toml").write_text('callback_paths = ["/cb"]')
    assert one(shop).callback_paths == ()


def test_in_a_bare_repository_the_default_branch_s_worktree_has_the_router_toml(shop: Path) -> None:
    project = shop.parent / "project"
    run(shop.parent, "clone", "-q", "--bare", shop, project / ".bare")
    run(project / ".bare", "worktree", "add", "-q", project / "main", "main")
    (project / "main" / "router.toml").write_text('callback_paths = ["/cb"]')
    [found] = survey.repositories([str(project / ".bare")])
    assert found.callback_paths == ("/cb",)
    assert found.path == str(project / "main")


@pytest.mark.parametrize("content", ["a = = 1", "services = 3", "[" * 9000, "a\x00", "\x1b[31m = 1"])
def test_a_router_toml_that_cannot_be_used_is_reported_and_leaves_the_defaults(shop: Path, content: str) -> None:
    (shop / "router.toml").write_text(content)
    found = one(shop)
    [problem] = found.problems
    assert problem.kind == "unreadable-file"
    assert str(shop / "router.toml") in problem.message
    assert problem.message.isprintable()
    assert [service.name for service in found.services] == ["web", "api"]


def test_of_too_many_services_the_first_count_and_the_look_stays_fast(shop: Path) -> None:
    (shop / "router.toml").write_text("".join(f"[services.s{number}]\n" for number in range(3900)))
    before = time.process_time()
    found = one(shop)
    assert time.process_time() - before < 0.5
    assert len(found.services) == 102
    [problem] = found.problems
    assert (problem.kind, problem.severity) == ("too-many", "warning")
    assert problem.message.endswith("router.toml: services has 3900 entries, of which the first 100 count")


def test_a_directory_called_router_toml_is_reported(shop: Path) -> None:
    (shop / "router.toml").mkdir()
    assert "not a regular file" in one(shop).problems[0].message


def test_a_repository_that_does_not_answer_stays_as_it_was(shop: Path) -> None:
    before = one(shop)
    (shop / ".git" / "HEAD").rename(shop / ".git" / "HEAD.away")
    found = one(shop, before)
    assert found.worktrees == before.worktrees
    assert [p.kind for p in found.problems] == ["unreadable-file"]
    assert one(shop, found) == found
    (shop / ".git" / "HEAD.away").rename(shop / ".git" / "HEAD")
    assert one(shop, found) == before


def test_the_last_reason_why_it_does_not_answer_is_the_one_that_is_reported(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = one(shop)
    (shop / ".git" / "HEAD").unlink()
    found = one(shop, before)
    monkeypatch.setenv("PATH", "")
    [problem] = one(shop, found).problems
    assert "git is not installed" in problem.message


def test_one_repository_that_does_not_answer_leaves_the_others_alone(shop: Path) -> None:
    blog = made(shop.parent / "blog")
    (shop / ".git" / "HEAD").unlink()
    found = survey.repositories([str(shop / ".git"), str(blog / ".git")])
    assert [len(repository.worktrees) for repository in found] == [0, 2]


def test_a_repository_that_is_gone_is_left_out(tmp_path: Path) -> None:
    assert survey.repositories([str(tmp_path / "nothing"), f"/{'a' * 300}"]) == ()


def test_the_routers_own_listeners_are_nobodys(shop: Path) -> None:
    tree = worktree("x")
    seen = survey.observed((), (listener(8080, tree), listener(3000, tree)), reserved=frozenset({8080}))
    assert [found.port for found in seen.listeners] == [3000]


def test_what_is_watched_is_all_that_tells_of_a_change(shop: Path) -> None:
    found = watch(one(shop))
    admin = f"{shop}/.git/worktrees/shop.x"
    assert watched.directories([found]) == (
        f"{shop}/.git", f"{shop}/.git/worktrees", admin, str(shop), f"{shop.parent}/shop.x",
    )  # fmt: skip
    for file in (f"{admin}/HEAD", f"{admin}/gitdir", f"{admin}/locked", f"{shop}/.git/HEAD",
                 f"{shop}/.env.local", f"{shop.parent}/shop.x/mise.toml", f"{shop}/router.toml"):  # fmt: skip
        assert file in found.files


def test_the_reftables_of_a_repository_are_watched(shop: Path) -> None:
    for place in (shop / ".git", shop / ".git" / "worktrees" / "shop.x"):
        (place / "reftable").mkdir()
    found = watched.directories([watch(one(shop))])
    assert {f"{shop}/.git/reftable", f"{shop}/.git/worktrees/shop.x/reftable"} < set(found)


def test_no_file_of_the_repository_is_written(shop: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in shop.rglob("*")}
    one(shop)
    assert {path: path.stat().st_mtime_ns for path in shop.rglob("*")} == before


def test_what_is_gone_from_the_disk_is_no_longer_remembered(shop: Path) -> None:
    common = str(shop / ".git")
    admins = (shop / ".git" / "worktrees").iterdir()
    there = [
        RememberedWorktree(WorktreeId(common, admin, 1), "x", "x", "x")
        for admin in ("", "copy:x", *(a.name for a in admins))
    ]
    gone = [
        RememberedWorktree(WorktreeId(common, "gone", 1), "y", "y", "y"),
        RememberedWorktree(WorktreeId("/no/.git", "", 1), "z", "z", "z"),
    ]
    living = survey.living(Memory((), (*there, *gone)), now=5.0)
    assert living.worktrees == tuple(there)
    assert {(each.id, each.names, each.since) for each in living.gone} == {(k.id, (k.label,), 5.0) for k in gone}


def remembered(shop: Path, *admins: str) -> Memory:
    return Memory((), tuple(RememberedWorktree(WorktreeId(f"{shop}/.git", a, 1), "x", "x", "x") for a in admins))


def test_what_a_failing_disk_does_not_say_is_not_gone(shop: Path) -> None:
    memory = remembered(shop, "", "shop.x")
    aside = shop.rename(shop.parent / "aside")
    shop.symlink_to(shop.name)  # ELOOP at every call
    assert survey.living(memory).worktrees == memory.worktrees
    shop.unlink()
    aside.rename(shop)


def test_what_does_not_answer_is_not_gone_and_keeps_a_command_waiting_for_a_moment_only(shop: Path) -> None:
    memory = remembered(shop, "", "shop.x", "gone")
    with hung_disk(shop):
        began = time.monotonic()
        assert survey.living(memory).worktrees == memory.worktrees
        assert time.monotonic() - began < 20  # who asks the hung disk waits for ever


def test_a_command_looks_at_a_repository_that_does_not_answer_for_some_seconds_at_most(shop: Path) -> None:
    blog = made(shop.parent / "blog")
    with hung_disk(shop):
        began = time.monotonic()
        found = survey.repositories([f"{shop}/.git", f"{blog}/.git"])
        assert time.monotonic() - began < survey.ONCE + 20
    assert [(each.name, len(each.worktrees), [p.kind for p in each.problems]) for each in found] == [
        ("shop", 0, ["slow-repository"]), ("blog", 2, []),
    ]  # fmt: skip

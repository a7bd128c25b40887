"""The environment of real worktrees: decided, remembered, written, guarded."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.env import assignments, env_files, worktree_env
from router.errors import (
    EnvironmentValueError,
    FileError,
    LeakError,
    NotARepositoryError,
    SettingsError,
    TemplateValueError,
    UsageError,
)
from router.ports import service_port
from router.remembered import Memory
from router.settings import Settings
from router.store import Store


def git(*arguments: str | Path, cwd: Path) -> None:
    subprocess.run(["git", *map(str, arguments)], cwd=cwd, check=True, capture_output=True)


def repository(path: Path) -> Path:
    path.mkdir(parents=True)
    git("init", "-q", cwd=path)
    git("commit", "-q", "--allow-empty", "-m", "first", cwd=path)
    return path


class Shop:
    """A repository with a worktree, and a state directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.main = repository(directory / "shop")
        self.tree = self.add("feature/x")
        self.settings = Settings(state_dir=directory / "state")
        self.store = Store(self.settings.state_dir)
        self.store.prepare()

    def add(self, branch: str) -> Path:
        path = self.main.parent / f"shop.{branch.replace('/', '-')}"
        git("worktree", "add", "-q", "-b", branch, path, cwd=self.main)
        return path

    def env(self, path: Path) -> dict[str, str]:
        return dict(worktree_env.resolve(self.settings, self.store, cwd=path).environment.values)

    def write(self, path: Path, form: env_files.Form = "dotenv") -> str:
        return env_files.write(self.settings, self.store, cwd=path, form=form).read_text()

    def for_command(self, environ: dict[str, str], *, fix: bool = False) -> dict[str, str]:
        made = worktree_env.command_environment(self.settings, self.store, cwd=self.tree, environ=environ, fix=fix)
        return dict(made.values)

    def leaks(self, path: Path, **environ: str) -> list[tuple[str, str]]:
        found, _ = worktree_env.foreign_values(self.settings, self.store, cwd=path, environ=environ)
        return [(leak.assignment.variable, leak.assignment.source) for leak in found]

    def copied(self, path: Path, **environ: str) -> list[tuple[str, str]]:
        _, found = worktree_env.foreign_values(self.settings, self.store, cwd=path, environ=environ)
        return [(each.assignment.variable, each.assignment.source) for each in found]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def foreign() -> Iterator[int]:
    """A port on which this very process listens: it works in no worktree."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


# Resolving


def test_a_worktree_has_one_environment_everywhere_inside_and_every_time(shop: Shop) -> None:
    (shop.tree / "deep" / "er").mkdir(parents=True)
    first = shop.env(shop.tree)
    assert first["DATABASE_NAME"] == "shop_feature_x"
    assert shop.env(shop.tree / "deep" / "er") == first
    shop.store.memory_file.unlink()
    assert shop.env(shop.tree) == first


def test_it_is_remembered_and_the_repository_is_not_joined(shop: Shop) -> None:
    shop.env(shop.tree)
    memory = shop.store.memory()
    assert memory.repositories == ()
    assert sorted(each.project for each in memory.worktrees) == ["shop", "shop-feature-x"]
    before = shop.store.memory_file.stat().st_mtime_ns
    shop.env(shop.tree)
    assert shop.store.memory_file.stat().st_mtime_ns == before


def test_a_worktree_that_another_command_creates_meanwhile_keeps_what_it_was_assigned(shop: Shop) -> None:
    class Overtaken(Store):
        """A store that another command has changed by the time it is locked."""

        @contextlib.contextmanager
        def changing(self) -> Iterator[Memory]:
            other = shop.env(shop.add("late"))
            assigned.append(other["PORT"])
            with super().changing() as memory:
                yield memory

    assigned: list[str] = []
    (shop.main / "router.toml").write_text('[services.web]\nports = "index"\nbase = 28000')
    shop.env(shop.tree)
    worktree_env.resolve(shop.settings, Overtaken(shop.store.directory), cwd=shop.tree)
    assert "late" in {each.branch for each in shop.store.memory().worktrees}
    assert [shop.env(shop.main.parent / "shop.late")["PORT"]] == assigned


SHARED = ("DATABASE_NAME", "RABBITMQ_VHOST", "REDIS_KEY_PREFIX", "COMPOSE_PROJECT_NAME")


def test_names_in_shared_servers_stay_when_another_branch_is_checked_out(shop: Shop) -> None:
    before = {name: shop.env(shop.tree)[name] for name in SHARED}
    git("switch", "-q", "-c", "feature/y", cwd=shop.tree)
    after = shop.env(shop.tree)
    assert after["FEATURE"] == "feature-y"
    assert {name: after[name] for name in SHARED} == before
    new = shop.env(shop.add("feature-y"))
    git("worktree", "add", "-q", shop.main.parent / "again", "feature/x", cwd=shop.main)
    again = shop.env(shop.main.parent / "again")
    assert all(len({before[name], new[name], again[name]}) == 3 for name in SHARED)


def test_a_written_block_keeps_its_names_where_the_memory_is_lost(shop: Shop) -> None:
    shop.write(shop.tree)
    git("switch", "-q", "-c", "feature/y", cwd=shop.tree)
    shop.store.memory_file.unlink()
    assert shop.env(shop.tree)["DATABASE_NAME"] == "shop_feature_x"
    git("worktree", "add", "-q", "-b", "feature-x", shop.main.parent / "other", cwd=shop.main)
    assert shop.env(shop.main.parent / "other")["DATABASE_NAME"] != "shop_feature_x"


def test_the_database_of_main_is_that_of_its_own_url_and_nobody_elses(shop: Shop) -> None:
    (shop.main / ".env").write_text("DATABASE_URL=postgres://me:secret@localhost:5432/shop_dev\n")
    assert shop.env(shop.main)["DATABASE_NAME"] == "shop_dev"
    assert shop.env(shop.add("dev"))["DATABASE_NAME"].startswith("shop_dev_")
    assert shop.env(shop.tree)["DATABASE_NAME"] == "shop_feature_x"


def test_outside_of_every_worktree_it_says_so(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(NotARepositoryError, match="not inside a git repository"):
        shop.env(tmp_path)
    git("init", "-q", "--bare", "bare.git", cwd=tmp_path)
    with pytest.raises(UsageError, match="in no worktree"):
        shop.env(tmp_path / "bare.git")


def test_a_port_that_a_stranger_holds_is_stepped_over(shop: Shop, foreign: int) -> None:
    (shop.main / "router.toml").write_text(f'[services.web]\nports = "free"\nbase = {foreign}')
    ports = [int(shop.env(path)["PORT"]) for path in (shop.main, shop.tree)]
    assert len({foreign, *ports}) == 3
    assert all(port > foreign for port in ports)


def test_two_repositories_of_one_name_share_nothing(shop: Shop, tmp_path: Path) -> None:
    other = repository(tmp_path / "elsewhere" / "shop")
    first, second = shop.env(shop.main), shop.env(other)
    for name in ("DATABASE_NAME", "RABBITMQ_VHOST", "REDIS_KEY_PREFIX", "COMPOSE_PROJECT_NAME"):
        assert first[name] != second[name]


def test_a_repository_that_is_gone_blocks_nothing(shop: Shop, tmp_path: Path) -> None:
    other = repository(tmp_path / "elsewhere" / "shop")
    assert shop.env(other)["DATABASE_NAME"] == "shop"
    (other / ".git").rename(tmp_path / "gone")
    assert shop.env(shop.main)["DATABASE_NAME"] == "shop"


def test_three_clones_differ_before_they_are_served(shop: Shop, tmp_path: Path) -> None:
    settings = '[services.web]\nports = "index"\n[services.api]\nports = "index"\nbase = 28000'
    environments = []
    for number in (1, 2, 3):
        clone = repository(tmp_path / f"project-{number}")
        (clone / "router.toml").write_text(settings)
        environments.append(shop.env(clone))
    assert [values["BACKEND_PORT"] for values in environments] == ["28001", "28002", "28003"]
    same = {name for name in environments[0] if len({values[name] for values in environments}) < 3}
    assert same == {"WORKTREE_BRANCH", "OAUTH_REDIRECT_URI"}


def test_copies_differ_as_seen_from_inside_too(shop: Shop, tmp_path: Path) -> None:
    first = repository(tmp_path / "project-1")
    (first / "router.toml").write_text('[copies]\nglob = "../project-*"\n[services.api]\nports = "index"\nbase = 28000')
    copies = [repository(tmp_path / f"project-{number}") for number in (2, 3)]
    shop.store.start_serving([first / ".git"])
    environments = [shop.env(path) for path in (first, *copies)]
    assert [values["BACKEND_PORT"] for values in environments] == ["28001", "28002", "28003"]
    assert [values["FEATURE"] for values in environments] == ["main", "project-2", "project-3"]
    assert [values["DATABASE_NAME"] for values in environments] == ["project_1", "project_2", "project_3"]


def test_a_worktree_inside_another_has_its_own(shop: Shop) -> None:
    git("worktree", "add", "-q", "-b", "inner", shop.main / ".worktrees" / "inner", cwd=shop.main)
    assert shop.env(shop.main / ".worktrees" / "inner")["FEATURE"] == "inner"


def test_a_hidden_worktree_has_no_environment(shop: Shop) -> None:
    (shop.main / "router.toml").write_text('[worktrees."feature/x"]\nhide = true')
    with pytest.raises(UsageError, match="hidden"):
        shop.env(shop.tree)


# router.toml


def test_router_toml_adds_to_it(shop: Shop) -> None:
    (shop.main / "router.toml").write_text('[env]\nDATABASE_URL = "postgres://localhost/{{ DATABASE_NAME }}"\n')
    assert shop.env(shop.tree)["DATABASE_URL"] == "postgres://localhost/shop_feature_x"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('# mine\n[env]\nA = "x"\nURL = "{{ DATABASE_NAM }}"\n', 4),
        ('[env]\nURL = """\none\n{{ DATABASE_NAM }}"""\n', 4),
        ("[env]\n'URL' = '''one\n{{ DATABASE_NAM }}'''\n", 3),
    ],
)
def test_an_undefined_name_is_reported_with_the_line_of_the_file(shop: Shop, text: str, line: int) -> None:
    (shop.main / "router.toml").write_text(text)
    with pytest.raises(TemplateValueError) as caught:
        shop.env(shop.tree)
    assert caught.value.message == f"router.toml, line {line}: [env] URL: 'DATABASE_NAM' is undefined"


def test_an_undefined_name_in_a_linked_router_toml_is_reported_with_its_line_too(shop: Shop) -> None:
    (shop.main / "shared.toml").write_text('[env]\nURL = "{{ DATABASE_NAM }}"\n')
    (shop.main / "router.toml").symlink_to("shared.toml")
    with pytest.raises(TemplateValueError, match=r"^router\.toml, line 2: \[env\] URL"):
        shop.env(shop.tree)


def test_a_router_toml_that_cannot_be_read_is_no_reason_to_guess(shop: Shop) -> None:
    (shop.main / "router.toml").write_text("[env\n")
    with pytest.raises(SettingsError, match=r"router\.toml"):
        shop.env(shop.tree)


# Files


def test_a_written_file_changes_no_port_and_no_route(shop: Shop) -> None:
    before = shop.env(shop.tree)
    (shop.tree / ".env.local").write_text("MINE=1\n")
    text = shop.write(shop.tree)
    assert text.startswith("MINE=1\n# >>>")
    assert f"PORT={service_port('web', 'feature/x')}\n" in text
    assert shop.write(shop.tree) == text
    shop.write(shop.tree, "mise")
    assert shop.env(shop.tree) == before


def test_a_block_copied_from_another_worktree_declares_nothing(shop: Shop) -> None:
    shop.write(shop.main)
    (shop.tree / ".env.local").write_text((shop.main / ".env.local").read_text())
    assert shop.env(shop.tree)["PORT"] == str(service_port("web", "feature/x"))
    assert ("DATABASE_NAME", ".env.local") in shop.leaks(shop.tree)
    shop.write(shop.tree)
    assert shop.leaks(shop.tree) == []


def test_a_declared_port_stands_above_the_block(shop: Shop) -> None:
    (shop.tree / ".env.local").write_text("PORT=4321\n")
    assert "\nFRONTEND_PORT=4321\n" in shop.write(shop.tree)
    assert shop.env(shop.tree)["PORT"] == "4321"


def test_a_template_file_is_filled_into_the_block(shop: Shop) -> None:
    (shop.tree / ".env.agent.template").write_text(
        "# for agents\nVITE_API='$WORKTREE_API_URL/v1'\nexport DATABASE_NAME=test_${DATABASE_NAME}\nPRICE=$$5\n"
        'GREETING="hello $FEATURE"\nMORE=$VITE_API\n'
    )
    lines = shop.write(shop.tree).splitlines()
    api = "http://api.feature-x.localhost:8080/v1"
    for line in (f"VITE_API={api}", "DATABASE_NAME=test_shop_feature_x", "PRICE='$5'", "GREETING='hello feature-x'",
                 f"MORE={api}"):  # fmt: skip
        assert lines.count(line) == 1
    assert shop.env(shop.tree)["DATABASE_NAME"] == "shop_feature_x"


@pytest.mark.parametrize(
    ("text", "message"),
    [("A=1\nB=$OTHER\n", r"\.env\.agent\.template, line 2: B: 'OTHER' is undefined"), ('A=1\n\nB="x\n', "line 3")],
)
def test_a_template_that_cannot_be_filled_is_reported_with_its_line(shop: Shop, text: str, message: str) -> None:
    (shop.tree / ".env.agent.template").write_text(text)
    with pytest.raises((TemplateValueError, FileError), match=message):
        shop.write(shop.tree)
    assert not (shop.tree / ".env.local").exists()


def test_another_template_file_may_be_named(shop: Shop) -> None:
    (shop.main / "router.toml").write_text('env_template = ".env.tpl"')
    (shop.tree / ".env.tpl").write_text("A=$FEATURE")
    assert "\nA=feature-x\n" in shop.write(shop.tree)


@pytest.mark.parametrize("name", [".env.local", ".env.agent.template"])
def test_no_link_is_followed(shop: Shop, name: str) -> None:
    (shop.main / name).write_text("A=1\n")
    (shop.tree / name).symlink_to(shop.main / name)
    with pytest.raises(FileError, match="is a link"):
        shop.write(shop.tree)
    assert (shop.main / name).read_text() == "A=1\n"


def test_a_branch_that_no_dotenv_file_can_hold_is_left_out(shop: Shop) -> None:
    text = shop.write(shop.add("a$b`'\"c"))
    assert "WORKTREE_BRANCH" not in text
    assert "DATABASE_NAME=shop_a_b_c\n" in text


def test_a_value_that_no_dotenv_file_can_hold_is_reported(shop: Shop) -> None:
    (shop.main / "router.toml").write_text("[env]\nURL = 'pa$word'")
    with pytest.raises(EnvironmentValueError, match="URL"):
        shop.write(shop.tree)
    assert 'URL = "pa$$word"' in shop.write(shop.tree, "mise")


def test_it_knows_whether_git_sees_a_file(shop: Shop) -> None:
    shop.write(shop.tree)
    assert env_files.is_seen_by_git(shop.tree / ".env.local")
    (shop.tree / ".gitignore").write_text(".env.local\n")
    assert not env_files.is_seen_by_git(shop.tree / ".env.local")


# The guard


def test_ones_own_values_are_no_leaks_and_anothers_are(shop: Shop) -> None:
    other = shop.add("y")
    assert shop.leaks(shop.tree, **shop.env(shop.tree)) == []
    leaked = dict(shop.leaks(shop.tree, **shop.env(other)))
    assert {"PORT", "DATABASE_NAME", "RABBITMQ_VHOST", "REDIS_KEY_PREFIX", "COMPOSE_PROJECT_NAME"} <= leaked.keys()
    assert set(leaked.values()) == {assignments.SHELL}


def test_a_file_that_git_tracks_counts_where_nothing_covers_it(shop: Shop) -> None:
    (shop.main / ".env").write_text("DATABASE_NAME=shop\n")
    git("add", "-f", ".env", cwd=shop.main)
    git("commit", "-qm", "env", cwd=shop.main)
    git("merge", "-q", "main", cwd=shop.tree)
    assert shop.leaks(shop.tree) == [("DATABASE_NAME", ".env")]
    assert shop.leaks(shop.tree, **shop.env(shop.tree)) == []
    assert shop.leaks(shop.main) == []


def test_the_strongest_file_counts(shop: Shop) -> None:
    (shop.tree / ".env").write_text("DATABASE_NAME=shop\n")
    (shop.tree / ".env.local").write_text("DATABASE_NAME=shop_feature_x\n")
    assert shop.leaks(shop.tree) == []


def test_a_leak_of_a_repository_that_is_not_joined_is_found_too(shop: Shop, tmp_path: Path) -> None:
    other = repository(tmp_path / "blog")
    shop.env(other)
    assert shop.leaks(shop.tree, DATABASE_NAME="blog") == [("DATABASE_NAME", assignments.SHELL)]


def test_a_command_is_refused_another_worktrees_values_and_gets_its_own(shop: Shop) -> None:
    own, other = (
        {**shop.env(shop.tree), "ROUTER_EXPECT": "feature-x", "ROUTER_RESOLVE": "*:8080:127.0.0.1"},
        shop.env(shop.main),
    )
    assert shop.for_command({"HOME": "/h", "PORT": "1"}) == {"HOME": "/h", **own}
    mixed = {**other, "VIRTUAL_ENV": str(shop.main / ".venv"), "PATH": f"{shop.main}/bin{os.pathsep}/bin"}
    with pytest.raises(LeakError, match="VIRTUAL_ENV"):
        shop.for_command(mixed)
    assert shop.for_command(mixed, fix=True) == {"PATH": "/bin", **own}


def test_a_command_expects_its_own_worktree_whatever_the_shell_expected(shop: Shop) -> None:
    assert shop.for_command({"ROUTER_EXPECT": "main"})["ROUTER_EXPECT"] == "feature-x"
    assert "ROUTER_EXPECT" not in shop.env(shop.tree)
    assert "ROUTER_EXPECT" not in shop.write(shop.tree)


def test_a_file_with_anothers_values_is_refused_too_and_replaced_for_the_command(shop: Shop) -> None:
    (shop.tree / ".env.local").write_text("DB_URL=postgres://localhost/shop\n")
    with pytest.raises(LeakError, match=r"DB_URL=postgres://localhost/shop in \.env\.local is the database of main"):
        shop.for_command({})
    assert shop.for_command({}, fix=True)["DB_URL"] == "postgres://localhost/shop_feature_x"


# What is the main checkout's too


def test_a_copied_database_is_found_where_it_counts(shop: Shop) -> None:
    url = "postgres://app:pw@localhost/acme_development"
    for place in (shop.main, shop.tree):
        (place / ".env").write_text(f"DATABASE_URL={url}\nREDIS_URL=redis://localhost:6379\n")
    assert shop.copied(shop.tree) == [("DATABASE_URL", ".env"), ("REDIS_URL", ".env")]
    assert shop.copied(shop.tree, DATABASE_URL=url) == [("DATABASE_URL", assignments.SHELL), ("REDIS_URL", ".env")]
    assert shop.copied(shop.tree, DATABASE_URL="postgres://localhost/own") == [("REDIS_URL", ".env")]
    assert shop.copied(shop.main) == []
    (shop.tree / ".env.local").write_text("DATABASE_URL=postgres://localhost/own\n")
    assert shop.copied(shop.tree) == [("REDIS_URL", ".env")]
    (shop.main / "router.toml").write_text('shared = ["REDIS_URL"]')
    assert shop.copied(shop.tree) == []


def test_a_command_sees_what_router_env_sets_and_no_copy_behind_it(shop: Shop) -> None:
    for place in (shop.main, shop.tree):
        (place / ".env").write_text("DB_URL=postgres://localhost/acme\nREDIS_URL=redis://localhost\n")
    (shop.main / "router.toml").write_text('[env]\nDB_URL = "postgres://localhost/{{ DATABASE_NAME }}"')
    made = worktree_env.command_environment(shop.settings, shop.store, cwd=shop.tree, environ={}, fix=False)
    assert [each.assignment.variable for each in made.copied] == ["REDIS_URL"]
    assert shop.copied(shop.tree) == [("DB_URL", ".env"), ("REDIS_URL", ".env")]


def test_a_file_that_was_copied_from_the_main_checkout_stops_no_command(shop: Shop) -> None:
    for place in (shop.main, shop.tree):
        (place / ".env").write_text("PORT=3000\nDB_URL=postgres://localhost/shop\n")
    own = shop.env(shop.tree)
    assert shop.for_command({})["PORT"] == own["PORT"] != "3000"
    made = worktree_env.command_environment(shop.settings, shop.store, cwd=shop.tree, environ={}, fix=False)
    assert [each.assignment.variable for each in made.copied] == ["DB_URL"]
    assert made.replaced == ()
    assert {"PORT", "DB_URL"} <= {variable for variable, _ in shop.leaks(shop.tree)}
    with pytest.raises(LeakError):
        shop.for_command({"DB_URL": "postgres://localhost/shop"})
    (shop.main / "router.toml").write_text('shared = ["DB_URL"]')
    assert "DB_URL" not in {variable for variable, _ in shop.leaks(shop.tree)}

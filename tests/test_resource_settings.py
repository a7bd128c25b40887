"""What a router.toml may say of resources and of the commands for a new worktree."""

import pytest

from router.errors import SettingsError
from router.repository_settings import RepositorySettings, read_repository_settings
from router.resource_settings import words


def read(text: str) -> RepositorySettings:
    return read_repository_settings(text)


def refused(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(text)
    return caught.value.message


def test_the_smallest_resource_is_two_lines() -> None:
    db = read('[resources.db]\nfrom = "DATABASE_URL"\n').resources["db"]
    assert (db.variable, db.kind, db.test, db.keep, db.largest, db.refresh) == (
        "DATABASE_URL", None, False, 3600.0, 2_000_000_000, 3600.0,
    )  # fmt: skip
    assert [db.copied(kind) for kind in ("postgres", "sqlite", "mysql", "redis", "amqp")] == [True, True, *[False] * 3]


@pytest.mark.parametrize(("written", "kind"), [("postgresql", "postgres"), ("valkey", "redis")])
def test_a_server_of_the_routers_own_is_two_lines_too(written: str, kind: str) -> None:
    db = read(f'[resources.db]\nkind = "{written}"\n').resources["db"]
    assert (db.variable, db.kind) == ("", kind)


def test_everything_of_a_resource_can_be_said() -> None:
    db = read(
        '[resources.main-db]\nfrom = "PRIMARY_URL"\nkind = "postgresql"\ncopy = "empty"\ntest = true\nkeep = "2d"\n'
        'max = "500MB"\nrefresh = "1h30m"\ntemplate_files = ["db/migrate/**", "db/schema.rb"]\n'
    ).resources["main-db"]
    assert (db.variable, db.kind, db.copied("postgres"), db.test) == ("PRIMARY_URL", "postgres", False, True)
    assert (db.keep, db.largest, db.refresh) == (172_800.0, 500_000_000, 5400.0)
    assert db.template_files == ("db/migrate/**", "db/schema.rb")


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("postgresql", "postgres"),
        ("mariadb", "mysql"),
        ("sqlite3", "sqlite"),
        ("valkey", "redis"),
        ("rabbitmq", "amqp"),
    ],
)
def test_a_kind_has_the_names_that_people_give_it(written: str, kind: str) -> None:
    assert read(f'[resources.x]\nfrom = "X"\nkind = "{written}"').resources["x"].kind == kind


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('kind = "oracle"', "resources.db.kind: write one of postgres, "),
        ('kind = "oracle"', "not 'oracle'"),
        ("kind = 3", "resources.db.kind: write one of"),
        ('kind = "mysql"', 'resources.db: write from = "DATABASE_URL"'),
        ('kind = "sqlite"', 'for a server of the router\'s own kind = "postgres" or "redis"'),
        ("test = true", 'resources.db: write from = "DATABASE_URL"'),
        ('from = "A-B"', "resources.db.from: write the name of a variable"),
        ("from = 3", "resources.db.from: "),
        ('from = "X"\nsource = "X"', "resources.db.source: there is no such key"),
        ('from = "X"\ncopy = "all"', "resources.db.copy: Input should be 'template' or 'empty', not 'all'"),
        ('from = "X"\nkind = "redis"\ncopy = "template"', 'copy = "template" is for postgres and sqlite'),
        ('from = "X"\ntest = "yes"', "resources.db.test: "),
        ('from = "X"\nkeep = "a while"', "resources.db.keep: a duration is like 30s, 15m, 1h or 2d"),
        ('from = "X"\nkeep = "a while"', "not 'a while'"),
        ('from = "X"\nkeep = -1', "resources.db.keep: a duration"),
        ('from = "X"\nkeep = nan', "resources.db.keep: a duration"),
        ('from = "X"\nrefresh = "20y"', "resources.db.refresh: a duration"),
        ('from = "X"\nmax = "2 boxes"', "resources.db.max: a size is a number of bytes, or like 50MB or 64MiB"),
        ('from = "X"\nmax = 0', "resources.db.max: a size"),
        ('from = "X"\nmax = true', "resources.db.max: a size"),
        ('from = "X"\ntemplate_files = ["../x"]', "resources.db.template_files.0: write a pattern below the main"),
        ('from = "X"\ntemplate_files = "db/**"', "resources.db.template_files: "),
        ('from = "X"\n[resources.other]\nfrom = "X"', "other and db are both from X"),
    ],
)
def test_what_is_wrong_is_said_with_its_key_its_value_and_what_to_write(line: str, message: str) -> None:
    assert message in refused(f"[resources.db]\n{line}\n")


def test_a_url_in_the_place_of_a_variable_is_not_repeated() -> None:
    message = refused('[resources.db]\nfrom = "postgres://me:hunter2@localhost/shop"')
    assert "such as DATABASE_URL" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("name", ["DB", "a b", "-a", "a" * 33, "1", ""])
def test_a_resource_has_a_plain_name(name: str) -> None:
    assert "a resource is called like db or cache" in refused(f'[resources."{name}"]\nkind = "postgres"')


def test_the_first_twenty_resources_count() -> None:
    found = read("".join(f'[resources.r{n}]\nfrom = "R{n}"\n' for n in range(21)))
    assert len(found.resources) == 20
    assert found.too_many == ("resources has 21 entries, of which the first 20 count",)


# [setup] run


def test_commands_are_lines_of_words() -> None:
    assert read('[setup]\nrun = ["npm run db:migrate", "sh -c \'a && b\'"]').setup.run == (
        "npm run db:migrate",
        "sh -c 'a && b'",
    )
    assert words("sh -c 'a && b' \"x y\" $HOME") == ("sh", "-c", "a && b", "x y", "$HOME")


@pytest.mark.parametrize("line", ["npm ci && npm test", "cd web; npm ci", "a | b", "a > log", "CI=1 npm ci", "a &"])
def test_what_needs_a_shell_is_refused_with_what_to_write(line: str) -> None:
    assert "is run without a shell" in refused(f'[setup]\nrun = ["{line}"]')
    assert "sh -c" in refused(f'[setup]\nrun = ["{line}"]')


@pytest.mark.parametrize("line", ["", "  ", "a 'b", "a\\nb"])
def test_what_is_no_command_is_refused(line: str) -> None:
    assert "setup.run.0: " in refused(f'[setup]\nrun = ["{line}"]')
    assert "is no command" in refused(f'[setup]\nrun = ["{line}"]')


def test_run_is_a_list() -> None:
    assert "setup.run: " in refused('[setup]\nrun = "npm ci"')

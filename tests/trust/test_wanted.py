"""What a router.toml has done: commands, and resources with where they really lead."""

from pathlib import Path

import pytest

from router.errors import SettingsError
from router.trust.wanted import Wanted, wanted


def asked(root: Path, settings: str, env: str = "", *, hosts: tuple[str, ...] = ()) -> Wanted:
    (root / "router.toml").write_text(settings)
    (root / ".env").write_text(env)
    return wanted(root, hosts=hosts)


def texts(found: Wanted) -> list[str]:
    return [str(each) for each in found.statements]


DB = '[resources.db]\nfrom = "DATABASE_URL"\n'
KEPT = "; dropped 3600 s after the worktree is gone"


def test_commands_are_statements_in_their_order(tmp_path: Path) -> None:
    found = asked(tmp_path, '[setup]\nrun = ["npm ci", "npm run db:migrate"]\n')
    assert texts(found) == ["setup.run.0: run npm ci", "setup.run.1: run npm run db:migrate"]
    assert texts(asked(tmp_path, "")) == []


def test_a_start_command_is_a_statement_and_so_are_the_variables_of_commands(tmp_path: Path) -> None:
    env = '[env]\nA = "x"\n'
    assert texts(asked(tmp_path, f'[services.web]\nrun = "npm run dev"\n{env}')) == [
        "services.web.run: start web with npm run dev", "env.A: give commands A = x",
    ]  # fmt: skip
    assert texts(asked(tmp_path, env)) == []


def test_what_starts_a_server_without_being_asked_is_a_statement(tmp_path: Path) -> None:
    api = '[services.api]\nrun = "b"\n'
    web = '[services.web]\nrun = "a"\nwake = true\nneeds = ["api"]\n'
    assert texts(asked(tmp_path, web + api))[2:] == [
        "services.web.needs: start api together with web", "services.web.wake: start web when it is visited",
    ]  # fmt: skip
    assert "services.api.wake: do not start api when it is visited" in texts(asked(tmp_path, f"{api}wake = false\n"))


def test_what_stops_and_starts_servers_by_itself_is_stated_key_by_key(tmp_path: Path) -> None:
    text = '[sleep]\nafter = "30m"\npressure = "15%"\nadopted = true\ncontainers = true\nwake = true\n'
    assert texts(asked(tmp_path, text)) == [
        "sleep.after: stop the servers of a worktree that nobody used for 1800 s",
        "sleep.pressure: stop the servers of the worktrees that are idle longest while less than 15% of the memory is "
        "available",
        "sleep.adopted: stop those as well that the router did not start",
        "sleep.containers: stop and start the containers of a worktree's Compose projects with them",
        "sleep.wake: start every service that has a command when somebody visits it",
    ]
    assert texts(asked(tmp_path, "[sleep]\nadopted = false\n")) == []


def test_a_password_in_a_variable_is_not_shown_and_another_one_has_to_be_allowed_again(tmp_path: Path) -> None:
    text = '[setup]\nrun = ["a"]\n[env]\nU = "postgres://a:%s@localhost/x"\n'
    first, second = (asked(tmp_path, text % word).statements[-1].text for word in ("hunter2", "hunter3"))
    assert "hunter" not in first
    assert first.startswith("give commands U = postgres://a:…@localhost/x (sha256 ")
    assert first != second


@pytest.mark.parametrize(
    ("more", "url", "text"),
    [
        ("", "postgres://u:p@localhost:5433/shop", "a copy of shop | postgres on localhost:5433, by DATABASE_URL"),
        ("", "postgres:///shop?host=/run/pg", "a copy of shop | postgres on /run/pg, by DATABASE_URL"),
        ("", "mysql://[::1]/shop", "an empty one | mysql on [::1]:3306, by DATABASE_URL"),
        ('copy = "empty"', "postgres:///shop", "an empty one | postgres on this machine:5432, by DATABASE_URL"),
        ("test = true", "postgres:///a",
         "a copy of a | postgres on this machine:5432, by DATABASE_URL, and one for tests"),
        ('template_files = ["db/*"]', "postgres:///a",
         "a copy of a | postgres on this machine:5432, by DATABASE_URL, made again by db/*"),
    ],
)  # fmt: skip
def test_a_resource_says_kind_host_port_and_what_is_copied(more: str, url: str, text: str, tmp_path: Path) -> None:
    data, _, rest = text.partition(" | ")
    assert texts(asked(tmp_path, f"{DB}{more}\n", f"DATABASE_URL={url}\n")) == [
        f"resources.db: make {data} for each worktree: {rest}{KEPT}"
    ]


@pytest.mark.parametrize(
    "url", ["localhost:5433/shop", "127.0.0.1:5432/shop", "localhost:5432/prod", "me@localhost/shop"]
)
def test_another_address_has_to_be_allowed_again(url: str, tmp_path: Path) -> None:
    before = asked(tmp_path, DB, "DATABASE_URL=postgres://a:b@localhost:5432/shop\n").statements
    after = asked(tmp_path, DB, f"DATABASE_URL=postgres://{url}\n").statements
    assert (before == after) == (url == "me@localhost/shop")


def test_no_credential_is_stored_or_printed(tmp_path: Path) -> None:
    env = "DATABASE_URL=postgres://root:hunter2@localhost/shop\nREDIS_URL=ftp://a:hunter2@x\nAMQP_URL=amqp://a:hunter2@far/x\n"
    settings = f'{DB}[resources.cache]\nfrom = "REDIS_URL"\n[resources.queue]\nfrom = "AMQP_URL"\n'
    found = asked(tmp_path, settings, env)
    assert len(found.refused) == 2
    shown = f"{texts(found)} {[(each.message, each.hint) for each in found.refused]}".replace(
        "hunter2: is the scheme", ""
    )
    assert "hunter2" not in shown


def test_another_machine_is_refused_unless_the_user_named_it(tmp_path: Path) -> None:
    env = "DATABASE_URL=postgres://db.internal/shop\n"
    found = asked(tmp_path, DB, env)
    assert found.statements == ()
    [refused] = found.refused
    assert refused.message == "DATABASE_URL leads to db.internal, which is not this machine"
    assert 'data_hosts = ["db.internal"]' in refused.hint
    assert "postgres on db.internal:5432" in texts(asked(tmp_path, DB, env, hosts=("db.internal",)))[0]


def test_one_bad_resource_refuses_no_other(tmp_path: Path) -> None:
    found = asked(tmp_path, f'{DB}[resources.q]\nfrom = "AMQP_URL"\n', "DATABASE_URL=postgres:///shop\n")
    assert [each.key for each in found.statements] == ["resources.db"]
    assert [(each.key, each.message) for each in found.refused] == [
        ("resources.q", "AMQP_URL is not set in the main checkout's own env files")
    ]


def test_a_url_without_a_database_has_nothing_to_copy(tmp_path: Path) -> None:
    [refused] = asked(tmp_path, DB, "DATABASE_URL=postgres://localhost\n").refused
    assert refused.message == "the URL in DATABASE_URL names no database to copy"


def test_a_router_toml_that_says_something_wrong_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"/router\.toml: resources\.db"):
        asked(tmp_path, "[resources.db]\n")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ('kind = "postgres"', "run PostgreSQL on this machine alone, and make a database for main and a copy of it"),
        ('kind = "postgres"\ncopy = "empty"',
         "run PostgreSQL on this machine alone, and make a database for main and an empty one"),
        ('kind = "redis"', "run Valkey on this machine alone, and make a user with keys of its own for main and"),
    ],
)  # fmt: skip
def test_a_server_of_the_routers_own_is_said(settings: str, text: str, tmp_path: Path) -> None:
    assert texts(asked(tmp_path, f"[resources.db]\n{settings}\n")) == [f"resources.db: {text} for each worktree{KEPT}"]


def test_no_server_is_run_where_an_env_file_names_one(tmp_path: Path) -> None:
    found = asked(tmp_path, '[resources.db]\nkind = "postgres"\n', "DATABASE_URL=postgres://u:hunter2@localhost/shop\n")
    assert not found.statements
    (refused,) = found.refused
    assert "DATABASE_URL is set" in refused.message
    assert 'from = "DATABASE_URL"' in refused.hint
    assert "hunter2" not in f"{refused}"

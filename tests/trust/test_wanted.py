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

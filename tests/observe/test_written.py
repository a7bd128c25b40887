"""What a checkout's files call it in shared servers."""

from pathlib import Path

import pytest

from router.observe.written import own_database, written_names
from router.shared_names import WrittenNames

LINES = "WORKTREE_BRANCH=feature/x\nRABBITMQ_VHOST=/x\nCOMPOSE_PROJECT_NAME=shop-x"


def block(lines: str) -> str:
    from router.blocks import with_block

    return with_block("MINE=1\n", f"{lines}\n", maker="router env --write")


def test_the_block_in_an_env_file_or_a_mise_file_says_it(tmp_path: Path) -> None:
    assert written_names(tmp_path) is None
    (tmp_path / ".env.local").write_text(block(LINES))
    assert written_names(tmp_path) == WrittenNames("feature/x", "shop-x", "x")
    (tmp_path / ".env.local").unlink()
    mise = "[env]\n" + "\n".join(f'{n} = "{v}"' for n, v in (line.split("=") for line in LINES.splitlines()))
    (tmp_path / ".mise.local.toml").write_text(block(mise).replace("MINE=1\n", ""))
    assert written_names(tmp_path) == WrittenNames("feature/x", "shop-x", "x")


@pytest.mark.parametrize("lines", ["COMPOSE_PROJECT_NAME=shop-x", LINES.replace("shop-x", "Shop X"),
                                   LINES.replace("=/x", "=/../x"), LINES.replace("=/x", "=x")])  # fmt: skip
def test_what_the_router_never_gave_out_does_not_count(lines: str, tmp_path: Path) -> None:
    (tmp_path / ".env.local").write_text(block(lines))
    assert written_names(tmp_path) is None


def test_what_stands_outside_of_the_block_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ".env.local").write_text(LINES)
    assert written_names(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("DATABASE_URL=postgres://u:p@localhost:5432/shop_dev?sslmode=disable", "shop_dev"),
        ("DB_URL=mysql2://root@127.0.0.1/app%2Ddev", "app-dev"),
        ("DATABASE_URL=postgresql+asyncpg:///app", "app"),
        ("POSTGRES_URL=postgres://a/other\nDATABASE_URL=postgres://a/own", "own"),
        ("TEST_DATABASE_URL=postgres://a/shop_test", ""),
        ("DATABASE_URL=sqlite:///dev.db", ""),
        ("DATABASE_URL=postgres://localhost", ""),
        ("SENTRY_URL=https://a/b", ""),
        ("DATABASE_URL=postgres://[/x", ""),
        (f"DATABASE_URL=postgres:///{'a' * 64}", ""),
    ],
)
def test_the_database_of_main_is_that_of_its_url(text: str, name: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"{text}\n")
    assert own_database(tmp_path) == name


def test_a_variable_that_is_named_counts_first(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgres:///one\nMAIN=postgres:///two\n")
    assert own_database(tmp_path, first=["MAIN"]) == "two"
    assert own_database(tmp_path, first=["OTHER"]) == "one"


def test_what_the_router_wrote_itself_is_no_url_of_main(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgres:///new\n")
    (tmp_path / ".env.local").write_text(block("DATABASE_URL=postgres:///old"))
    assert own_database(tmp_path) == "new"

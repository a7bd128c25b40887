"""The router's block in a mise file that is somebody else's."""

import tomllib

import pytest

from router.env.block import in_dotenv, in_mise
from router.errors import BlockError, FileError

VALUES = {"PORT": "4001", "DATABASE_NAME": "shop_x"}


def written(text: str, values: dict[str, str] | None = None) -> str:
    return in_mise(text, values or VALUES, name=".mise.local.toml")


def env(text: str) -> dict[str, object]:
    return dict(tomllib.loads(text)["env"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[tools]\nnode = '22'\n",
        "[tools]\nnode = '22'",
        "[env]\nMINE = 'x'\n",
        "# mine\n[env] # here\nMINE = 'x'\n_.file = '.env'\n\n[tools]\nnode = '22'\n",
        "  [ env ]\nMINE = 'x'\n",
        "['env']\r\nMINE = 'x'\r\n",
        "min_version = '2026.1'\n[env]\n",
        "[tools]\nx = '''\n[env]\n'''\n",
        "[env._]\nfile = '.env'\n",
    ],
)
def test_the_block_adds_its_variables_and_changes_nothing_else(text: str) -> None:
    after = written(text)
    before = tomllib.loads(text)
    after_document = tomllib.loads(after)
    assert {k: v for k, v in after_document.pop("env").items() if k not in VALUES} == before.pop("env", {})
    assert after_document == before
    assert VALUES.items() <= env(after).items()
    assert all(line in after.splitlines() for line in text.splitlines())


@pytest.mark.parametrize("text", ["", "[tools]\nnode = '22'\n", "[env]\nMINE = 'x'\n\n[tools]\nnode = '22'\n"])
def test_written_again_it_is_the_same(text: str) -> None:
    assert written(written(text)) == written(text)
    assert written(written(text, {"PORT": "1", "OLD": "x"})) == written(text)


def test_what_stands_behind_the_block_stays_there() -> None:
    text = written("") + "MINE = 'x'\n\n[tools]\nnode = '22'\n"
    after = written(text, {"PORT": "5"})
    assert tomllib.loads(after) == {"env": {"PORT": "5", "MINE": "x"}, "tools": {"node": "22"}}


def test_a_variable_that_the_file_sets_itself_stays_its_own() -> None:
    text = written("[env]\nPORT = '9'\n")
    assert env(text) == {"PORT": "9", "DATABASE_NAME": "shop_x"}
    assert env(written(text)) == env(text)


@pytest.mark.parametrize("text", ["env = { MINE = 'x' }\n", "env.MINE = 'x'\n", "[env]\nMINE = = 3\n", "env = 3\n"])
def test_a_file_with_no_room_for_a_block_is_reported(text: str) -> None:
    with pytest.raises(FileError, match=r"\.mise\.local\.toml|\[env\] is not a table"):
        written(text)


def test_damaged_marks_are_reported() -> None:
    damaged = written("").replace("# <<< worktree-router <<<\n", "")
    with pytest.raises(BlockError):
        written(damaged)


def test_a_dotenv_file_keeps_its_own_lines() -> None:
    once = in_dotenv("MINE=x\n", "PORT=1\n")
    assert once.startswith("MINE=x\n# >>> worktree-router >>>")
    assert in_dotenv(once, "PORT=2\n") == once.replace("PORT=1", "PORT=2")

"""The environment as text: real shells, python-dotenv and TOML read back what was meant."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import assume, given
from hypothesis import strategies as st

from router.env import formats
from router.errors import EnvironmentValueError
from tests.e2e.browsers import missing
from tests.fuzz import part

SHELLS = ("bash", "zsh", "fish", "dash")
PRINT = f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
HOSTILE = {
    "PLAIN": "feature-x",
    "EMPTY": "",
    "SUBSTITUTION": "$(touch /tmp/pwned) `touch /tmp/pwned` ${HOME} $HOME",
    "QUOTES": """it's "quoted" '' "" \\' \\" '\\''""",
    "BACKSLASHES": "a\\b\\\\c\\\\\\d\\n\\",
    "SEVERAL": "one\ntwo\n\nfour",
    "SEVERAL_AND_ALL": "it's\n\\two\n$(touch /tmp/pwned)",
    "SEPARATORS": "a;b&c|d<e>f(g)h{i}j[k]l*m?n!o#p~q%r^s=t",
    "GLOBS": "* ? [a-z] ~ {a,b} !x !! #c",
    "SPACES": "  lead \t and trail  ",
    "UNICODE": "ünïcode 分支 \u2028",
    "DASHES": "--x -n",
}
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=30)


def evaluated(shell: str, text: str, home: Path, *, how: str) -> dict[str, str]:
    """Return the environment after a shell has evaluated a text as a user would let it."""
    found = shutil.which(shell) or missing(f"{shell} (apt-get install {shell})")
    (home / "env.sh").write_text(text, encoding="utf-8")
    flags = ["--no-config"] if shell == "fish" else []
    done = subprocess.run(
        [found, *flags, "-c", f"{how}\n{PRINT}"], cwd=home, capture_output=True, text=True, check=False,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return dict(json.loads(done.stdout))


HOW = {"fish": "cat env.sh | source"}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_reads_hostile_values_as_they_are(shell: str, tmp_path: Path) -> None:
    how = HOW.get(shell, 'eval "$(cat env.sh)"')
    environ = evaluated(shell, formats.shell(HOSTILE), tmp_path, how=how)
    assert {name: environ.get(name) for name in HOSTILE} == HOSTILE
    assert not Path("/tmp/pwned").exists()


def test_only_a_value_of_several_lines_is_set_in_fish_s_own_way() -> None:
    plain, several = formats.shell({"A": "x", "B": "x\ny"}).split("\n", 1)
    assert plain == "export A='x';"
    assert several == (
        "string length -q a 2>/dev/null && set -gx B 'x\ny' || export B='x\ny';\n"  # fish 3.0 has another `export`
    )


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_strict_shell_reads_them_too(shell: str, tmp_path: Path) -> None:
    environ = evaluated(shell, formats.shell(HOSTILE), tmp_path, how='set -eu\neval "$(cat env.sh)"')
    assert {name: environ.get(name) for name in HOSTILE} == HOSTILE


def test_fish_may_eval_it_line_by_line(tmp_path: Path) -> None:
    values = {name: value for name, value in HOSTILE.items() if "\n" not in value}
    environ = evaluated("fish", formats.shell(values), tmp_path, how="eval (cat env.sh)")
    assert {name: environ.get(name) for name in values} == values


@part(0.15)
@given(st.dictionaries(st.from_regex(r"\AX_[A-Z]{1,8}\Z"), TEXT, min_size=1, max_size=30))
@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_reads_any_text(
    shell: str, tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    home = tmp_path_factory.mktemp("home")
    environ = evaluated(shell, formats.shell(values), home, how=HOW.get(shell, ". ./env.sh"))
    assert {name: environ.get(name) for name in values} == values


def test_a_nul_is_reported() -> None:
    with pytest.raises(EnvironmentValueError):
        formats.shell({"X": "a\0b"})


# dotenv; what Vite and Compose read stands in tests/e2e/test_env.py

READABLE = {
    "PLAIN": "http://feature-x.localhost:8080/a?b=c", "EMPTY": "", "HASH": "a b#c", "QUOTE": "don't #x",
    "DOUBLE": 'a"b',
    "DOLLAR": "a $1 $( $ b$", "JSON": '{"a": [1]}', "SPACES": "  lead and trail ", "UNICODE": "ünïcode 分支",
}  # fmt: skip


def test_python_dotenv_reads_what_is_written(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(formats.dotenv(READABLE), encoding="utf-8")
    assert dotenv_values(tmp_path / ".env") == READABLE


@given(TEXT)
def test_python_dotenv_reads_any_text_that_can_be_written(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    try:
        text = formats.dotenv({"X": value, "Y": "y"})
    except EnvironmentValueError:
        assume(False)
    file = tmp_path_factory.getbasetemp() / "any.env"
    file.write_text(text, encoding="utf-8")
    assert dotenv_values(file) == {"X": value, "Y": "y"}


@pytest.mark.parametrize("value", ["a$HOME", "a${HOME}", "a\nb", "a\\b", "a'b\"c", "a'b`c", "a'$c"])
def test_what_readers_understand_differently_is_refused(value: str) -> None:
    with pytest.raises(EnvironmentValueError, match="DATABASE_URL"):
        formats.dotenv({"DATABASE_URL": value})


# mise and JSON


@given(TEXT)
def test_a_mise_file_is_toml_with_no_template_in_it(value: str) -> None:
    read = tomllib.loads(f"[env]\n{formats.mise({'X': value})}")["env"]["X"]
    opened = read.replace("{{ '{' }}", "")
    assert not any(mark in opened for mark in ("{{", "{%", "{#"))
    assert read.replace("{{ '{' }}", "{").replace("$$", "$") == value


@given(st.dictionaries(TEXT, TEXT))
def test_json_is_json(values: dict[str, str]) -> None:
    assert json.loads(formats.as_json(values)) == values

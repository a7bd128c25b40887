"""Dotenv files: plain lines are read here, all others by python-dotenv, and nobody can tell."""

import io
import subprocess
import sys

import pytest
from dotenv.parser import parse_stream
from hypothesis import given
from hypothesis import strategies as st

from router.observe import dotenv

PLAIN = """# written by hand

PORT=3000
export API_PORT=4000
URL=http://localhost:$PORT/?a=b&c=d
EMPTY=
QUOTED="a # b"
SINGLE='a "b" c'
TICKS="`a`"
PORT=3001
"""
OTHERS = [
    "A=a b", "A=a # c", "A='a\\'b'", 'A="a\\nb"', "A=a\\b", 'A="a\nb"', " A=1", "A =1", "A= 1", "A=1 ", "A=1\r\nB=2",
    "A", "A=é", "\ufeffA=1", "'A'=1", "A-B=1", "A=`a b`", "A=a'b", "A=#b", "export  A=1", "A='a", "A=1\x0cB=2",
    "A=1\u2028B=2",
]  # fmt: skip


def by_python_dotenv(content: str) -> dict[str, str]:
    found = {}
    for each in parse_stream(io.StringIO(content)):
        value = each.value
        if not each.error and each.key is not None and value is not None:
            found[each.key] = value[1:-1] if len(value) > 1 and value[0] == value[-1] == "`" else value
    return found


@pytest.mark.parametrize(
    "content", [PLAIN, PLAIN.rstrip("\n"), "", "\n", *OTHERS, *(f"{PLAIN}{each}" for each in OTHERS)]
)
def test_a_file_says_what_python_dotenv_says(content: str) -> None:
    assert dotenv.values(content)[0] == by_python_dotenv(content)


@given(st.text("Aa_1=# \"'`\\$\n\r\t.-éexport", max_size=40))
def test_any_file_says_what_python_dotenv_says(content: str) -> None:
    assert dotenv.values(content)[0] == by_python_dotenv(content)


def test_plain_lines_do_not_take_python_dotenv() -> None:
    code = "import sys; from router.observe import dotenv; dotenv.values(sys.argv[1]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, PLAIN], capture_output=True, text=True, check=True)
    assert {"dotenv", "logging"} & set(done.stdout.split()) == set()

"""Lines of scripts: taken apart where that is certain, and else not at all."""

import pytest

from router.launch.shell_line import Simple, commands


def test_commands_have_their_variables_words_and_operators() -> None:
    assert commands("A=b C='d e' vite --port 1 && tsc -w") == (
        Simple((("A", "b"), ("C", "d e")), ("vite", "--port", "1"), "&&"),
        Simple((), ("tsc", "-w")),
    )


@pytest.mark.parametrize(("line", "words"), [
    ("a 'b c' \"d e\"", ["a", "b c", "d e"]),
    (r"a b\ c", ["a", "b c"]),
    (r'a "b \"c\" \$d \x"', ["a", r'b "c" $d \x']),
    ("a ''", ["a", ""]),
    ("a $B ${C:-3 0}", ["a", "$B", "${C:-3 0}"]),
    ("a --port=$(cat port)", ["a", "--port=$(cat port)"]),
    ("a 2>&1 >/dev/null <in b", ["a", "b"]),
    ("a \\\n  b", ["a", "b"]),
    ("a b#c", ["a", "b#c"]),
    ("  a  ", ["a"]),
])  # fmt: skip
def test_words_are_as_a_shell_has_them(line: str, words: list[str]) -> None:
    assert commands(line) == (Simple((), tuple(words)),)


@pytest.mark.parametrize(("line", "operators"), [
    ("a && b || c", ["&&", "||", ""]), ("a & b", ["&", ""]), ("a | b", ["|", ""]), ("a; b", [";", ""]),
    ("a\nb", [";", ""]), ("a &", ["&", ""]), ("a && 'b && c'", ["&&", ""]), ("a&&b", ["&&", ""]),
])  # fmt: skip
def test_operators_stand_behind_their_commands(line: str, operators: list[str]) -> None:
    assert [each.then for each in commands(line) or ()] == operators


@pytest.mark.parametrize(
    "line", ["(cd a; b)", "if a; then b; fi", "a `b`", "a 'b", 'a "b', "a # b", "a <<END", "{ a; }", "a $((1 + (2)))",
             "for a in b; do c; done", "a > ", "a" * 9000, "a \"$(b)\" `c`"]
)  # fmt: skip
def test_what_is_more_than_commands_is_left_alone(line: str) -> None:
    assert commands(line) is None

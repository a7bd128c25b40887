"""Keys and tables added to TOML: exactly the lines that are new, whatever the text ends in."""

import tomllib

import pytest

from router.errors import FileError
from router.tools.toml_edit import appended, plain, read, with_key, with_subtable


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[env]", '[env]\nA = "x"\n'),
        ("[env]\n", '[env]\nA = "x"\n'),
        ("[env] # mine\nB = 1\n", '[env] # mine\nA = "x"\nB = 1\n'),
        ("", '[env]\nA = "x"\n'),
        ("[tools]", '[tools]\n\n[env]\nA = "x"\n'),
        ("[tools]\n", '[tools]\n\n[env]\nA = "x"\n'),
    ],
)
def test_a_key_is_added_below_its_header_or_with_a_new_one(before: str, after: str) -> None:
    assert with_key(before, "env", "A", "x") == after


def test_a_table_on_one_line_stays_on_it() -> None:
    [line] = with_key("env = { B = 1 }\n", "env", "A", "x").splitlines()
    assert tomllib.loads(line) == {"env": {"B": 1, "A": "x"}}


def test_a_table_is_appended_after_one_empty_line() -> None:
    assert appended("", "[a]\n") == "[a]\n"
    assert appended("[b]", "[a]\n") == appended("[b]\n", "[a]\n") == "[b]\n\n[a]\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = = 1", r"it is not TOML \(.*line 1"),
        ("a = " + "[" * 5000, r"it is not TOML \(.*nested"),
        (".".join("a" * 102) + " = 1", "it has a line with more than 100 dots"),
    ],
)
def test_what_cannot_be_edited_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(FileError, match=reason):
        read(text)


def test_a_table_of_another_kind_is_refused() -> None:
    with pytest.raises(FileError, match="`env` in it is no table"):
        with_key("env = 3\n", "env", "A", "x")


@pytest.mark.parametrize(
    "before", ["", "# mine", "[a.x]\nk = 1\n", "[a]\n[a.x]\nk = 1", "[b]\nx = 1  # why\n\n[[c]]\n", "a.x.k = 1\n"]
)
def test_a_table_within_a_table_is_added_at_the_end(before: str) -> None:
    after = with_subtable(before, "a", "db", 'from = "X"  # there\n')
    assert after.startswith(before)
    assert after.endswith('[a.db]\nfrom = "X"  # there\n')
    was = plain(before)
    assert plain(after) == {**was, "a": {**was.get("a", {}), "db": {"from": "X"}}}


@pytest.mark.parametrize("before", ["a = 1\n", "a = { x = 1 }\n", "[[a]]\n", "[a.db]\nfrom = 1\n"])
def test_a_table_within_what_cannot_be_added_to_is_refused(before: str) -> None:
    with pytest.raises(FileError):
        with_subtable(before, "a", "db", 'from = "X"\n')

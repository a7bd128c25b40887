"""Members and items added to JSON as its author would: on one line or several, with his indentation."""

import pytest

from router.errors import FileError
from router.tools.json_edit import read, with_item, with_member


def member_added(text: str) -> str:
    return with_member(text, read(text), "b", {"c": 2})


def item_added(text: str) -> str:
    array = read(text).member("a")
    assert array is not None
    return with_item(text, array, {"c": 2})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{\n  "b": {\n    "c": 2\n  }\n}'),
        ('{"a": 1}', '{"a": 1, "b": {"c": 2}}'),
        ('{\n  "a": 1\n}\n', '{\n  "a": 1,\n  "b": {\n    "c": 2\n  }\n}\n'),
        ('{\n\t"a": 1\n}', '{\n\t"a": 1,\n\t"b": {\n\t\t"c": 2\n\t}\n}'),
        ('\ufeff{"a": 1}', '\ufeff{"a": 1, "b": {"c": 2}}'),
    ],
)
def test_a_member_is_added_in_the_object_s_own_layout(before: str, after: str) -> None:
    assert member_added(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a": []}', '{"a": [{"c": 2}]}'),
        ('{"a": [ ]}', '{"a": [{"c": 2}]}'),
        ('{"a": [1]}', '{"a": [1, {"c": 2}]}'),
        ('{"a": [1 ]}', '{"a": [1, {"c": 2} ]}'),
        ('{\n  "a": [\n    1\n  ]\n}', '{\n  "a": [\n    1,\n    {\n      "c": 2\n    }\n  ]\n}'),
    ],
)
def test_an_item_is_added_in_the_array_s_own_layout(before: str, after: str) -> None:
    assert item_added(before) == after


@pytest.mark.parametrize("text", ["", "[]", "{} {}", '{"a": 1,}', "// x\n{}", '{"a":' * 100_000])
def test_what_is_not_one_json_object_is_refused(text: str) -> None:
    with pytest.raises(FileError, match=r"it is not (plain JSON|one JSON object)"):
        read(text)


def test_a_member_that_is_there_twice_is_refused() -> None:
    with pytest.raises(FileError, match="it has 'a' twice"):
        read('{"a": 1, "a": 2}').member("a")

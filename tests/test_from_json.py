"""Dataclasses out of JSON, and what is none."""

from collections.abc import Mapping
from typing import Any

import pytest

from router.from_json import build
from router.values import dataclass, field


@dataclass(frozen=True)
class Leaf:
    """Something inside."""

    number: int
    text: str | None = None


@dataclass(frozen=True)
class Tree:
    """Something of every type that is known."""

    name: str
    leaf: Leaf
    leaves: Mapping[str, Leaf] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    weight: float = 0.0
    up: bool = False


WHOLE: dict[str, Any] = {
    "name": "x",
    "leaf": {"number": 1},
    "leaves": {"a": {"number": 2, "text": "b"}},
    "names": ["c"],
}


def test_every_field_is_made_and_what_is_not_declared_is_ignored() -> None:
    expected = Tree("x", Leaf(1), {"a": Leaf(2, "b")}, ("c",), 2, up=True)
    assert build(Tree, {**WHOLE, "weight": 2, "up": True, "later": [1]}) == expected


@pytest.mark.parametrize(
    "odd",
    [{"name": 1}, {"name": None}, {"leaf": 5}, {"leaf": {"number": True}}, {"leaf": {"number": "1"}}, {"leaf": {}},
     {"leaf": {"number": 1.0}}, {"leaves": []}, {"leaves": {"a": 1}}, {"names": "c"}, {"names": [1]}, {"weight": "1"},
     {"up": 1}, {"leaf": {"number": 1, "text": 2}}],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"is not of its type|missing|no object"):
        build(Tree, {**WHOLE, **odd})


@pytest.mark.parametrize("values", [None, 1, "x", [], {}])
def test_what_is_no_object_or_lacks_something_is_refused(values: object) -> None:
    with pytest.raises(ValueError, match=r"no object|missing"):
        build(Tree, values)


@dataclass(frozen=True)
class Pot:
    """Something that may have a leaf in it."""

    leaf: Leaf | None = None


@pytest.mark.parametrize(("values", "pot"), [
    ({}, Pot()), ({"leaf": None}, Pot()), ({"leaf": {"number": 1}}, Pot(Leaf(1))),
])  # fmt: skip
def test_what_may_be_missing_is_made_where_it_is_there(values: Any, pot: Pot) -> None:
    assert build(Pot, values) == pot


@pytest.mark.parametrize("leaf", [3, "leaf", [], {"number": "one"}])
def test_what_may_be_missing_is_of_its_type_where_it_is_there(leaf: Any) -> None:
    with pytest.raises(ValueError, match=r"Leaf is no object|number is not of its type"):
        build(Pot, {"leaf": leaf})

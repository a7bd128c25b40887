"""Our dataclasses beside those of the standard library: the same classes, made by both."""

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar

import pytest

from router import values


def _made(way: Any) -> dict[str, Any]:
    """Return the same classes made by `router.values` or by `dataclasses`."""

    @way.dataclass(frozen=True, slots=True)
    class Leaf:
        """Something inside."""

        number: int
        text: str | None = None

        @property
        def twice(self) -> int:
            return 2 * self.number

    @way.dataclass(frozen=True, slots=True)
    class Tree:
        """Something of every kind of field."""

        name: str
        leaves: tuple[Leaf, ...] = ()
        more: Mapping[str, Any] = way.field(default_factory=dict)
        secret: str = way.field(default="", repr=False)
        kind: ClassVar[str] = "tree"

    @way.dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        """Something to sort."""

        first: int
        second: str

    @way.dataclass
    class Open:
        """Something to change."""

        number: int = 1
        lines: list[str] = way.field(default_factory=list)

        @cached_property
        def doubled(self) -> int:
            return 2 * self.number

    @way.dataclass(frozen=True)
    class Deeper(Leaf):  # type: ignore[misc,valid-type]
        """A leaf with a default of its own, and one more field."""

        text: str | None = "deep"
        depth: int = 0

    @way.dataclass(eq=False)
    class Single:
        """Something that is equal to itself alone."""

        number: int

    @way.dataclass(frozen=True)
    class Own:  # noqa: PLW1641 - it gets one
        """Something that says itself what is equal, and how it is shown."""

        number: int
        text: str = ""

        def __eq__(self, other: object) -> bool:
            return isinstance(other, type(self)) and other.number == self.number

        def __repr__(self) -> str:
            return f"<{self.number}>"

    @way.dataclass(frozen=True, slots=True)
    class Empty:
        """Something without a field."""

    classes = (Leaf, Tree, Ordered, Open, Deeper, Single, Own, Empty)
    return {each.__name__: each for each in classes}


OURS, THEIRS = _made(values), _made(dataclasses)
Make = Callable[[Mapping[str, Any]], Any]
INSTANCES: dict[str, Make] = {
    "leaf": lambda made: made["Leaf"](1),
    "leaf with text": lambda made: made["Leaf"](1, text="a"),
    "tree": lambda made: made["Tree"]("oak", (made["Leaf"](1), made["Leaf"](2)), {"a": made["Leaf"](3), "b": [1]}, "x"),
    "bare tree": lambda made: made["Tree"](name="oak"),
    "ordered": lambda made: made["Ordered"](1, "a"),
    "open": lambda made: made["Open"](),
    "deeper": lambda made: made["Deeper"](1),
    "all of deeper": lambda made: made["Deeper"](1, "a", 2),
    "single": lambda made: made["Single"](1),
    "own": lambda made: made["Own"](1, "a"),
    "empty": lambda made: made["Empty"](),
}
NOT_TO_HASH = {"open", "single", "tree", "bare tree"}  # they may change, or have a dictionary in them


@pytest.mark.parametrize("make", INSTANCES.values(), ids=INSTANCES)
def test_an_instance_is_what_the_standard_librarys_is(make: Make) -> None:
    ours, theirs = make(OURS), make(THEIRS)
    assert repr(ours) == repr(theirs)
    assert values.asdict(ours) == dataclasses.asdict(theirs) == dataclasses.asdict(ours)
    assert (ours == make(OURS), ours == theirs) == (theirs == make(THEIRS), False)
    assert [each.name for each in values.fields(ours)] == [each.name for each in dataclasses.fields(theirs)]
    assert [each.name for each in dataclasses.fields(ours)] == [each.name for each in dataclasses.fields(theirs)]
    assert type(ours).__match_args__ == type(theirs).__match_args__
    assert hasattr(ours, "__dict__") == hasattr(theirs, "__dict__")
    assert (type(ours).__hash__ is None) == (type(theirs).__hash__ is None)
    assert values.is_dataclass(ours)
    assert dataclasses.is_dataclass(ours)


@pytest.mark.parametrize("make", [make for name, make in INSTANCES.items() if name not in NOT_TO_HASH])
def test_a_frozen_one_has_a_hash_and_is_not_changed(make: Make) -> None:
    ours = make(OURS)
    assert {ours: 1}[make(OURS)] == 1
    for change in (lambda: setattr(ours, "number", 2), lambda: delattr(ours, "number")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()


@pytest.mark.parametrize("name", ["Leaf", "Tree", "Ordered", "Own"])
def test_what_is_missing_or_too_much_is_said_in_the_same_words(name: str) -> None:
    for arguments in ((), (1, 2, 3, 4, 5, 6)):
        said = []
        for made in (OURS, THEIRS):
            with pytest.raises(TypeError) as caught:
                made[name](*arguments)
            said.append(str(caught.value))
        assert said[0] == said[1]


def test_each_instance_has_a_default_of_its_own() -> None:
    one, other = OURS["Open"](), OURS["Open"]()
    one.lines.append("a")
    one.number = 4
    assert (one.doubled, other.lines, other.number) == (8, [], 1)


def test_order_goes_field_by_field_and_only_within_a_class() -> None:
    one, other = OURS["Ordered"](1, "b"), OURS["Ordered"](2, "a")
    assert sorted([other, one]) == [one, other]
    assert (one < other, one <= one, one > other, other >= one) == (True, True, False, True)  # noqa: PLR0124
    with pytest.raises(TypeError):
        _ = one < THEIRS["Ordered"](2, "a")


def test_both_replace_a_field() -> None:
    leaf = OURS["Leaf"](1, "a")
    for replace in (values.replace, dataclasses.replace):
        assert replace(leaf, number=2) == OURS["Leaf"](2, "a")
        with pytest.raises(TypeError):
            replace(leaf, nothing=2)


@values.dataclass(frozen=True, slots=True)
class Kept:
    """Something at the top of a module, where pickle finds it."""

    number: int
    text: str = ""


def test_an_instance_is_copied_and_pickled() -> None:
    assert pickle.loads(pickle.dumps(Kept(1, "a"))) == copy.deepcopy(Kept(1, "a")) == copy.copy(Kept(1, "a"))  # noqa: S301


def test_it_takes_no_import_of_the_standard_librarys() -> None:
    code = (
        "import sys; from router import values, model; "
        "values.replace(model.Wake(), patience=1.0) == model.Wake(); repr(model.Wake()); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"dataclasses", "inspect", "ast", "dis"} & set(done.stdout.split()) == set()

"""A dataclass out of JSON: every field is of its declared type, and what is not declared is ignored."""

import functools
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from router.values import is_dataclass

Built = TypeVar("Built")


def build(kind: type[Built], values: object) -> Built:
    """Return an instance of a dataclass with these values; ValueError names what is missing or of another type."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{kind.__name__} is no object")
    key: Any = kind
    given, declared = {}, _declared(key)
    for name, (plain, hint) in declared.items():
        if name in values:
            value = values[name]
            given[name] = value if type(value) in plain else _value(hint, value, name)
    try:
        return kind(**given)
    except TypeError as exc:
        raise ValueError(str(exc)) from exc


@functools.cache
def _declared(kind: Any) -> Mapping[str, tuple[frozenset[Any], Any]]:
    """Return each field with its type and, apart for speed, the types whose values need no second look."""
    return {name: (_plain(hint), hint) for name, hint in get_type_hints(kind).items()}


def _plain(hint: Any) -> frozenset[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        return frozenset().union(*map(_plain, get_args(hint)))
    return frozenset({float, int} if hint is float else {hint} & {str, int, bool, types.NoneType})


def _value(hint: Any, value: object, name: str) -> Any:
    inner = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(filter(is_dataclass, inner), hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value)
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_each(inner[0], each, name) for each in value)
    if get_origin(hint) is Mapping and isinstance(value, dict):
        return {key: _each(inner[1], each, name) for key, each in value.items()}
    raise ValueError(f"{name} is not of its type")


def _each(hint: Any, value: object, name: str) -> Any:
    return value if type(value) in _plain(hint) else _value(hint, value, name)

"""What an expression of Django's settings is worth, found without running it: a value, or why that is not known."""

import ast
from collections.abc import Mapping
from typing import Any

from router.values import dataclass


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that only running the settings would show, and `why`."""

    why: str


Names = Mapping[str, Any]
"""The names of a module with their values: constants, tuples for every kind of list, or Unknown."""

_COMPUTED = Unknown("is computed")
_ARGUMENTS = ("manage.py", "runserver")
_LISTS = frozenset({"list", "tuple", "set", "frozenset", "sorted"})
_MOST = 200  # items of a list, characters of a text


def value(node: ast.expr, names: Names) -> Any:  # noqa: PLR0911 - one for each kind of expression
    """Return what an expression is worth where these names are known."""
    match node:
        case ast.Constant():
            return node.value
        case ast.List() | ast.Tuple() | ast.Set():
            return _items(node.elts, names)
        case ast.Name():
            return names.get(node.id, _COMPUTED)
        case ast.BinOp(op=ast.Add()):
            return total(value(node.left, names), value(node.right, names))
        case ast.UnaryOp(op=ast.Not()):
            operand = truth(value(node.operand, names))
            return operand if isinstance(operand, Unknown) else not operand
        case ast.BoolOp():
            return _chosen(node, names)
        case ast.Compare(ops=[operator], comparators=[right]):
            return _compared(value(node.left, names), operator, value(right, names))
        case ast.Attribute(value=ast.Name(id="sys"), attr="argv"):
            return _ARGUMENTS
        case ast.Call(func=ast.Name(id=function), args=[argument], keywords=[]) if function in {*_LISTS, "bool"}:
            inner = value(argument, names)
            return truth(inner) if function == "bool" else inner if isinstance(inner, tuple) else unknown(node)
    return unknown(node)


def truth(known: Any) -> bool | Unknown:
    """Return whether a value counts as true; a list of items that are not known may be empty."""
    if isinstance(known, tuple) and known and all(isinstance(item, Unknown) for item in known):
        return _COMPUTED
    return known if isinstance(known, Unknown) else bool(known)


def unknown(node: ast.AST) -> Unknown:
    """Return that an expression is computed, and of which variable of the environment where it shows."""
    for inner in ast.walk(node):
        named = (
            inner.args[:1] if isinstance(inner, ast.Call) else [inner.slice] if isinstance(inner, ast.Subscript) else []
        )
        for argument in named:
            text = argument.value if isinstance(argument, ast.Constant) else None
            if isinstance(text, str) and text.isidentifier() and text.isupper():
                return Unknown(f"comes from the variable {text}")
    return _COMPUTED


def total(left: Any, right: Any) -> Any:
    """Return `left + right`; in a sum of lists one that is not known is an item that is not known."""
    if isinstance(left, tuple) or isinstance(right, tuple):
        known = all(isinstance(part, tuple | Unknown) for part in (left, right))
        parts = [part if isinstance(part, tuple) else (part,) for part in (left, right)]
        return (*parts[0], *parts[1])[:_MOST] if known else _COMPUTED
    if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) < _MOST:
        return left + right
    return next((part for part in (left, right) if isinstance(part, Unknown)), _COMPUTED)


def _items(nodes: list[ast.expr], names: Names) -> Any:
    items: list[Any] = []
    for node in nodes[:_MOST]:
        inner = value(node.value if isinstance(node, ast.Starred) else node, names)
        items += inner if isinstance(node, ast.Starred) and isinstance(inner, tuple) else [inner]
    return tuple(items)


def _chosen(node: ast.BoolOp, names: Names) -> Any:
    """Return what `and` and `or` choose."""
    last: Any = None
    for each in node.values:
        last = value(each, names)
        known = truth(last)
        if isinstance(known, Unknown) or known == isinstance(node.op, ast.Or):
            return known if isinstance(known, Unknown) else last
    return last


def _compared(left: Any, operator: ast.cmpop, right: Any) -> Any:
    both = (left, right, *(right if isinstance(right, tuple) else ()))
    if any(isinstance(each, Unknown) for each in both):
        return next(each for each in both if isinstance(each, Unknown))
    contains = isinstance(right, tuple) or (isinstance(right, str) and isinstance(left, str))
    match operator:
        case ast.Eq() | ast.Is():
            return left == right
        case ast.NotEq() | ast.IsNot():
            return left != right
        case ast.In() if contains:
            return left in right
        case ast.NotIn() if contains:
            return left not in right
    return _COMPUTED

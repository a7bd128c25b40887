"""Templates of values: Jinja expressions in `router.toml`, `$NAME` in a worktree's template file.

Agents write both. Only a few kinds of expression are allowed, none that loops, calls or reads an object's internals,
so that no template takes more time or memory than its own length allows.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from router.env.values import LONGEST
from router.env.worktrunk_filters import sanitize, sanitize_db
from router.errors import TemplateValueError
from router.naming import hash3
from router.ports import hash_port

_DEEPEST = 40  # nodes below each other; Python's own compiler fails not far beyond
_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Const, nodes.Concat, nodes.Add, nodes.Sub, nodes.Mul,
    nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr,
    nodes.If, nodes.Getattr, nodes.Name, nodes.Filter, nodes.Call,
)  # fmt: skip
_REFERENCE = re.compile(r"\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})", re.ASCII)


class _Engine(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, whose operators take only numbers where text could grow without bound."""

    intercepted_binops = frozenset({"*", "%", "+", "-", "//"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Apply the operator to numbers; text is joined with `~`."""
        if not (isinstance(left, int) and isinstance(right, int)):
            raise TypeError(f"{operator} takes numbers; text is joined with ~")
        return super().call_binop(context, operator, left, right)


def _replace(text: object, old: str, new: str) -> str:
    original = str(text)
    if len(original) + original.count(old) * len(new) > LONGEST:
        raise ValueError("the text becomes too long")
    return original.replace(old, new)


def _default(value: Any, fallback: Any = "") -> Any:
    return fallback if isinstance(value, StrictUndefined) else value


def _int(value: object) -> int:
    return int(str(value)[:20])


FILTERS: Mapping[str, Callable[..., Any]] = {
    "sanitize": lambda text: sanitize(str(text)),
    "sanitize_db": lambda text: sanitize_db(str(text)),
    "hash": lambda text: hash3(str(text)),
    "hash_port": lambda text: hash_port(str(text)),
    "upper": lambda text: str(text).upper(),
    "lower": lambda text: str(text).lower(),
    "trim": lambda text: str(text).strip(),
    "replace": _replace,
    "default": _default,
    "int": _int,
}


def _engine() -> _Engine:
    engine = _Engine(undefined=StrictUndefined, optimized=False, cache_size=0, keep_trailing_newline=True)
    engine.filters.clear()
    engine.filters.update(FILTERS)
    engine.globals.clear()
    return engine


_ENGINE = _engine()


def filled(text: str, names: Mapping[str, Any]) -> str:
    """Return a Jinja template with its expressions filled in from `names`, whose functions it may call.

    TemplateValueError says what is wrong, and in which `line`, counted from 1.
    """
    if len(text) > LONGEST:
        raise TemplateValueError(f"it is longer than {LONGEST} characters", line=1)
    try:
        tree = _ENGINE.parse(text)
    except TemplateError as exc:
        raise TemplateValueError(str(exc), line=getattr(exc, "lineno", 1)) from exc
    except RecursionError as exc:
        raise TemplateValueError("it is nested too deeply", line=1) from exc
    _check(tree, names)
    try:
        value = _ENGINE.from_string(tree).render(names)
    except Exception as exc:  # whatever a wrong type or number raises in there
        raise TemplateValueError(str(exc), line=_line(exc.__traceback__)) from exc
    if len(value) > LONGEST:
        raise TemplateValueError(f"its value is longer than {LONGEST} characters", line=1)
    return value


def substituted(text: str, values: Mapping[str, str]) -> str:
    """Return text with `$NAME` and `${NAME}` filled in, and `$$` as `$`; any other `$` stays.

    KeyError names a variable that is unknown.
    """
    return _REFERENCE.sub(lambda match: "$" if match[1] else values[match[2] or match[3]], text)


def _check(tree: nodes.Template, names: Mapping[str, Any]) -> None:
    for node, parent, depth in _walk(tree):
        if depth > _DEEPEST:
            raise TemplateValueError("it is nested too deeply", line=node.lineno)
        if not isinstance(node, _ALLOWED):
            raise TemplateValueError(f"{_kind(node)} is not allowed in a value", line=node.lineno)
        if problem := _unknown(node, parent, names):
            raise TemplateValueError(problem, line=node.lineno)


def _unknown(node: nodes.Node, parent: nodes.Node, names: Mapping[str, Any]) -> str | None:
    if isinstance(node, nodes.Name) and node.name not in names:
        guarded = isinstance(parent, nodes.Filter) and parent.name == "default" and parent.node is node
        return None if guarded else f"{node.name!r} is undefined"
    if isinstance(node, nodes.Name) and callable(names[node.name]) and not isinstance(parent, nodes.Call):
        return f"{node.name} is called: {node.name}('…')"
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        return f"there is no filter {node.name!r}"
    if isinstance(node, nodes.Call) and not _allowed_call(node, names):
        return "only hash_port('…') and service('…') can be called"
    if isinstance(node, nodes.Getattr) and not isinstance(node.node, nodes.Call):
        return f"only service('…') has attributes such as .{node.attr}"
    return None


def _allowed_call(node: nodes.Call, names: Mapping[str, Any]) -> bool:
    is_function = isinstance(node.node, nodes.Name) and callable(names.get(node.node.name))
    return is_function and not (node.kwargs or node.dyn_args or node.dyn_kwargs)


def _walk(tree: nodes.Node) -> Iterator[tuple[nodes.Node, nodes.Node, int]]:
    """Yield every node with the one above it and its depth, without recursion."""
    pending = [(tree, tree, 0)]
    while pending:
        node, parent, depth = pending.pop()
        yield node, parent, depth
        pending.extend((child, node, depth + 1) for child in node.iter_child_nodes())


def _kind(node: nodes.Node) -> str:
    return {"Getitem": "[…]", "Pow": "**", "Div": "/"}.get(type(node).__name__, type(node).__name__.lower())


def _line(trace: TracebackType | None) -> int:
    """Return the line of the template in which an exception was raised; Jinja calls its frames `<template>`."""
    line = 1
    while trace:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line

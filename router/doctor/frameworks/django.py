"""Whether a Django project accepts `*.localhost`: its settings are read as Python, and never run.

`django.http.request.validate_host` decides: with DEBUG an empty ALLOWED_HOSTS accepts `.localhost`, any other accepts
what is in it; `.localhost` stands for every depth.
"""

import ast
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from router.doctor.frameworks.framework import Files, Framework

MARKER = "manage.py"
_ENV_FILES = (".env", ".env.local")
_NAMED = re.compile(r"DJANGO_SETTINGS_MODULE[\"']\s*,\s*[\"']([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)[\"']")
_IN_ENV = re.compile(r"^\s*(?:export\s+)?DJANGO_SETTINGS_MODULE\s*=\s*[\"']?([A-Za-z_][\w.]*)", re.MULTILINE)
_LINE = 'ALLOWED_HOSTS = [*ALLOWED_HOSTS, ".localhost"]'
_ACCEPTING = {"*", ".localhost"}
_DEEPEST = 10  # modules that import each other
_MOST = 16  # ways that the branches of a module may go

Value = tuple[str, ...] | bool | None
"""What a name stands for: a list of strings, a truth value, None where only running it would show that."""


@dataclass(frozen=True, slots=True)
class _State:
    """What names stand for on one way through the settings, and whether an import hides what else there is."""

    names: dict[str, Value] = field(default_factory=dict)
    hidden: bool = False

    def value(self, name: str, default: Value) -> Value:
        return self.names.get(name, None if self.hidden else default)

    def having(self, name: str, value: Value) -> "_State":
        return replace(self, names={**self.names, name: value})


def is_used(files: Files) -> bool:
    """Tell whether a directory has a Django project."""
    return "DJANGO_SETTINGS_MODULE" in files.get(MARKER, "")


def further_files(files: Files) -> Iterator[str]:
    """Yield the names of further files to read, by those read so far: settings, and what they import all of."""
    if not is_used(files):
        return
    yield from _ENV_FILES
    for module in _modules(files):
        yield from _places(module)
    for name, text in files.items():
        if name.endswith(".py") and name != MARKER:
            yield from (place for module in _imports(text, name) for place in _places(module))


def framework(files: Files) -> Framework:
    """Return what a Django project needs."""
    modules = _modules(files)
    file = next((place for module in modules for place in _places(module) if place in files), "")
    if not file:
        return Framework("django", unsure="which settings it uses is decided when it runs: see ALLOWED_HOSTS in them")
    answers = {_accepts(state) for state in _run(files, file, (), (_State(),))}
    if answers == {True}:
        return Framework("django")
    if None in answers or True in answers:
        reason = f"ALLOWED_HOSTS of {file} depends on what runs: it has to have '.localhost', or be empty with DEBUG on"
        return Framework("django", file=file, unsure=reason)
    return Framework("django", line=_LINE, file=file, without="it answers 400, DisallowedHost")


def _accepts(state: _State) -> bool | None:
    hosts, debug = state.value("ALLOWED_HOSTS", ()), state.value("DEBUG", False)
    if hosts is None or isinstance(hosts, bool):
        return None
    if hosts:
        return bool(_ACCEPTING & set(hosts)) or (None if _OPEN in hosts else False)
    return debug if isinstance(debug, bool) else None


_UNKNOWN = _State(hidden=True)
_OPEN = "\0"
"""Stands in a list for items that only running it would show."""


def _modules(files: Files) -> tuple[str, ...]:
    """Return the settings modules that may count: an env file's stands before the one that manage.py has by default."""
    named = [match[1] for name in _ENV_FILES for match in _IN_ENV.finditer(files.get(name, ""))]
    match = _NAMED.search(files.get(MARKER, ""))
    return (*named, *((match[1],) if match else ()))


def _places(module: str) -> tuple[str, str]:
    path = module.replace(".", "/")
    return f"{path}.py", f"{path}/__init__.py"


def _imports(text: str, file: str) -> Iterator[str]:
    """Yield the modules that a module imports all names of."""
    for node in ast.walk(_parsed(text) or ast.Module([], [])):
        if isinstance(node, ast.ImportFrom) and _is_of_all(node):
            yield _absolute(node, file)


def _is_of_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)


def _absolute(node: ast.ImportFrom, file: str) -> str:
    """Return the module that an import names, as seen from the project's directory."""
    if not node.level:
        return node.module or ""
    package = posixpath.dirname(file)
    for _ in range(node.level - 1):
        package = posixpath.dirname(package)
    return ".".join(part for part in (*package.split("/"), node.module or "") if part)


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _run(files: Files, file: str, within: tuple[str, ...], states: tuple[_State, ...]) -> tuple[_State, ...]:
    """Return the states after a module, for each before it."""
    if file in within or len(within) > _DEEPEST:
        return states
    module = _parsed(files.get(file, ""))
    return (_UNKNOWN,) if module is None else _block(files, (*within, file), module.body, states)


def _block(
    files: Files, within: tuple[str, ...], body: Iterable[ast.stmt], states: tuple[_State, ...]
) -> tuple[_State, ...]:
    for statement in body:
        after = [new for state in states for new in _statement(files, within, statement, state)]
        states = tuple({repr(sorted(each.names.items())) + str(each.hidden): each for each in after}.values())[:_MOST]
    return states


def _statement(files: Files, within: tuple[str, ...], node: ast.stmt, state: _State) -> tuple[_State, ...]:
    if isinstance(node, ast.If):
        known = _truth(node.test, state)
        branches = [node.body] if known is True else [node.orelse] if known is False else [node.body, node.orelse]
        return tuple(new for branch in branches for new in _block(files, within, branch, (state,)))
    if isinstance(node, ast.Try):
        fails = any(_is_missing(files, each, within[-1]) for each in node.body)  # as local settings that are not there
        done = () if fails else _block(files, within, node.body, (state,))
        return (*done, *(new for each in node.handlers for new in _block(files, within, each.body, (state,))))
    if isinstance(node, ast.ImportFrom) and _is_of_all(node):
        file = next((place for place in _places(_absolute(node, within[-1])) if place in files), None)
        return _run(files, file, within, (state,)) if file else (_UNKNOWN,)
    return (_simple(node, state),)


def _is_missing(files: Files, node: ast.stmt, file: str) -> bool:
    """Tell whether a statement imports all of a module of the project's own that is not there."""
    if not isinstance(node, ast.ImportFrom) or not _is_of_all(node):
        return False
    module = _absolute(node, file)
    own = bool(node.level) or module.partition(".")[0] == file.partition("/")[0]
    return own and not any(place in files for place in _places(module))


def _simple(node: ast.stmt, state: _State) -> _State:
    """Return the state after a statement without branches; one that may change a name in another way hides it."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return state.having(node.targets[0].id, _value(node.value, state))
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return state.having(node.target.id, _value(node.value, state)) if node.value else state
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return state.having(node.target.id, _joined(_known(node.target, state), _value(node.value, state)))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        changed = _called(node.value, node.value.func, state)
        if changed is not None:
            return changed
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef | ast.Import | ast.ImportFrom):
        return state
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} & {"ALLOWED_HOSTS", "DEBUG"}
    for name in names:
        state = state.having(name, None)
    return state


def _called(call: ast.Call, method: ast.Attribute, state: _State) -> _State | None:
    """Return the state after `NAME.append(…)` and its like, None for another call."""
    if not isinstance(method.value, ast.Name) or method.attr not in {"append", "insert", "extend"} or not call.args:
        return None
    item = _value(call.args[-1], state)
    added = item if method.attr == "extend" else _one(call.args[-1])
    return state.having(method.value.id, _joined(_known(method.value, state), added))


def _one(node: ast.expr) -> Value:
    return (node.value,) if isinstance(node, ast.Constant) and isinstance(node.value, str) else (_OPEN,)


def _known(node: ast.Name, state: _State) -> Value:
    return state.value(node.id, () if node.id == "ALLOWED_HOSTS" else None)


def _joined(left: Value, right: Value) -> Value:
    """Return two lists as one: what is in either is there for certain."""
    lists = [each if isinstance(each, tuple) else (_OPEN,) for each in (left, right)]
    return (*lists[0], *lists[1])


def _value(node: ast.expr | None, state: _State) -> Value:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        items: Value = ()
        for each in node.elts:
            items = _joined(items, _value(each.value, state) if isinstance(each, ast.Starred) else _one(each))
        return items
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined(_value(node.left, state), _value(node.right, state))
    if isinstance(node, ast.Name):
        return _known(node, state)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        known = _value(node.operand, state)
        return not known if isinstance(known, bool) else None
    return None


def _truth(node: ast.expr, state: _State) -> bool | None:
    known = _value(node, state)
    return known if isinstance(known, bool) else None

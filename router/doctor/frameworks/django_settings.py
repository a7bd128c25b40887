"""Reads the settings of a Django project without running them: every way through them, as far as it can be known."""

import ast
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from router.doctor.frameworks.django_values import Names, Unknown, total, truth, unknown, value
from router.doctor.frameworks.framework import Files
from router.values import dataclass

HOSTS, DEBUG = "ALLOWED_HOSTS", "DEBUG"
_READ = frozenset({HOSTS, DEBUG})
_DEFAULTS: Names = {DEBUG: False, "TYPE_CHECKING": False}
_MOST_WAYS = 32
_DEEPEST = 8  # modules that import one another
_REACH = frozenset({"locals", "globals", "vars", "exec", "eval", "include", "setattr"})
"""What may set a name without naming it: `include` is of django-split-settings."""
_LATER = (
    ast.For | ast.AsyncFor | ast.While | ast.Match | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Delete
)
_ALIASES = "the names of one list"

State = tuple[Names, ...]
"""What the names are worth on each way that led here."""


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the project: its dotted name and its file."""

    name: str
    file: str

    def imported(self, node: ast.ImportFrom) -> str:
        """Return the dotted name of the module that an import of this one names; empty outside of the project."""
        parts = self.name.split(".")
        package = parts if self.file.endswith("/__init__.py") else parts[:-1]
        kept = len(package) - node.level + 1
        if node.level and kept < 1:
            return ""
        return ".".join(part for part in (*(package[:kept] if node.level else ()), node.module or "") if part)


def places(name: str) -> tuple[str, ...]:
    """Return the files that may hold the module of a dotted name."""
    path = name.replace(".", "/")
    return (f"{path}.py", f"{path}/__init__.py", f"src/{path}.py", f"src/{path}/__init__.py")


def find(name: str, files: Files) -> Module | None:
    """Return a module of the project by its dotted name; None where none of these files holds it."""
    return next((Module(name, file) for file in places(name) if file in files), None)


def imports(module: Module, files: Files) -> Iterator[str]:
    """Yield the dotted names of the modules that a module takes its settings from."""
    for node in ast.walk(_parsed(files[module.file]) or ast.Module([], [])):
        if isinstance(node, ast.ImportFrom) and any(alias.name in {"*", *_READ} for alias in node.names):
            yield module.imported(node)


def ways(module: Module, files: Files) -> State:
    """Return the values after each way through a settings module; none where each ends in an error."""
    try:
        return _Walk(files).module(module, _DEFAULTS, ())
    except RecursionError:
        return (_hidden(_DEFAULTS, f"is nested too deeply in {module.file}"),)


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python says of somebody else's strings
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _hidden(names: Names, why: str) -> Names:
    return {**names, **dict.fromkeys(_READ, Unknown(why))}


@dataclass(frozen=True, slots=True)
class _Walk:
    files: Files

    def module(self, module: Module, names: Names, within: tuple[str, ...]) -> State:
        if module.file in within:
            return (names,)
        tree = _parsed(self.files[module.file]) if len(within) < _DEEPEST else None
        if tree is None:
            return (_hidden(names, f"comes from {module.file}, which cannot be read"),)
        return self.block(tree.body, (names,), module, (*within, module.file))

    def block(self, body: list[ast.stmt], state: State, module: Module, within: tuple[str, ...]) -> State:
        for node in body:
            state = tuple(after for names in state for after in self.statement(node, names, module, within))
            state = tuple({repr(sorted(names.items())): names for names in state}.values())
            if len(state) > _MOST_WAYS:
                state = (_hidden(state[0], "depends on many conditions"),)
        return state

    def statement(self, node: ast.stmt, names: Names, module: Module, within: tuple[str, ...]) -> State:  # noqa: PLR0911
        match node:
            case ast.Assign(value=ast.IfExp() as choice):
                return self.block([_as_if(choice, lambda to: ast.Assign(node.targets, to))], (names,), module, within)
            case ast.If():
                taken = (self.block(body, (after,), module, within) for body, after in _branches(node, names))
                return tuple(each for state in taken for each in state)
            case ast.Try():
                return self.attempt(node, names, module, within)
            case ast.ImportFrom():
                return self.import_from(node, names, module, within)
            case ast.With():
                return self.block(node.body, (names,), module, within)
            case ast.Raise():
                return ()
        return (_simple(node, names),)

    def attempt(self, node: ast.Try, names: Names, module: Module, within: tuple[str, ...]) -> State:
        state: State = ()
        before: State = (names,)
        for each in node.body:
            if not self.is_there(each, module):  # it may fail, and what came before it in the body stays
                state = (*state, *(end for by in node.handlers for end in self.block(by.body, before, module, within)))
            before = self.block([each], before, module, within)
        ends = (*state, *self.block(node.orelse, before, module, within))
        return self.block(node.finalbody, ends, module, within)

    def is_there(self, node: ast.stmt, module: Module) -> bool:
        """Tell whether a statement imports from a module of the project's own that is there."""
        return isinstance(node, ast.ImportFrom) and find(module.imported(node), self.files) is not None

    def is_missing(self, node: ast.stmt, module: Module) -> bool:
        """Tell whether a statement imports all of a module of the project's own that is not there."""
        if not isinstance(node, ast.ImportFrom) or not any(alias.name == "*" for alias in node.names):
            return False
        name = module.imported(node)
        own = bool(node.level) or name.partition(".")[0] == module.name.partition(".")[0]
        return own and find(name, self.files) is None

    def import_from(self, node: ast.ImportFrom, names: Names, module: Module, within: tuple[str, ...]) -> State:
        if self.is_missing(node, module):
            return ()
        name = module.imported(node)
        found = find(name, self.files)
        given = {alias.asname or alias.name: alias.name for alias in node.names}
        if "*" in given:
            why = f"comes from {name}, which is not in the project"
            return self.module(found, names, within) if found else (_hidden(names, why),)
        if found is None or not _READ & set(given.values()):
            return ({**names, **dict.fromkeys(given, Unknown(f"comes from {name}"))},)
        inner = self.module(found, _DEFAULTS, within)
        return tuple(
            {**names, **{own: each.get(other, unknown(node)) for own, other in given.items()}} for each in inner
        )


def _as_if(choice: ast.IfExp, assigned: Callable[[ast.expr], ast.stmt]) -> ast.If:
    return ast.If(choice.test, [assigned(choice.body)], [assigned(choice.orelse)])


def _branches(node: ast.If, names: Names) -> Iterator[tuple[list[ast.stmt], Names]]:
    """Yield the branches that an `if` may take, each with what its being taken tells of the name that it tests."""
    known = truth(value(node.test, names))
    if not isinstance(known, Unknown):
        yield (node.body if known else node.orelse), names
        return
    for branch, way in ((node.body, True), (node.orelse, False)):
        match node.test:
            case ast.Name(id=name):
                yield branch, {**names, name: way}
            case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)):
                yield branch, {**names, name: not way}
            case _:
                yield branch, names


def _simple(node: ast.stmt, names: Names) -> Names:  # noqa: PLR0911 - one for each kind of statement
    """Return the values after a statement without branches; one that may set a name in another way hides it."""
    if any(isinstance(each, ast.Name) and each.id in _REACH for each in ast.walk(node)):
        return _hidden(names, "may be set by what is not written there")
    if _changes(node) & {*names.get(_ALIASES, ())}:
        return _hidden(names, "is one list under two names")
    match node:
        case ast.Assign():
            plain = [target.id for target in node.targets if isinstance(target, ast.Name)]
            same = {*plain, *([node.value.id] if isinstance(node.value, ast.Name) else ())}
            aliases = {*names.get(_ALIASES, ()), *same} if HOSTS in same and len(same) > 1 else names.get(_ALIASES, ())
            return {
                **_touched(node, names),
                **dict.fromkeys(plain, value(node.value, names)),
                _ALIASES: tuple(sorted(aliases)),
            }
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as assigned):
            return {**names, name: value(assigned, names)}
        case ast.AugAssign(target=ast.Name(id=name), op=ast.Add()):
            return {**names, name: total(names.get(name, unknown(node)), value(node.value, names))}
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) as call) if (
            name in names
        ):
            return {**names, name: _changed(names[name], method, [value(each, names) for each in call.args])}
    return _touched(node, names)


def _changes(node: ast.stmt) -> set[str]:
    """Return the names of which a statement may change the list in place."""
    match node:
        case ast.AugAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
            return {name}
    return set()


def _changed(before: Any, method: str, given: list[Any]) -> Any:
    """Return a list after a method of it that changes it."""
    match method, given:
        case "append", [item]:
            return total(before, (item,))
        case "insert", [_, item]:
            return total((item,), before)
        case "extend" | "update", [more]:
            return total(before if isinstance(before, tuple) else (before,), more)
        case "clear", []:
            return ()
        case "remove", [str(item)] if isinstance(before, tuple):
            return tuple(each for each in before if each != item)
    return Unknown(f"is changed by .{method}()")


def _touched(node: ast.stmt, names: Names) -> Names:
    """Return the values after a statement that is not followed: what it sets, or may set later on, is not known."""
    within = [each for each in ast.walk(node) if isinstance(each, ast.Name) and each.id in _READ]
    found = {each.id for each in within if isinstance(node, _LATER) or not isinstance(each.ctx, ast.Load)}
    imported = [alias.asname or alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    calls = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)  # which may change what it is given
    if calls or (isinstance(node, ast.Assign) and any(isinstance(target, ast.Subscript) for target in node.targets)):
        found |= {each.id for each in within}
    return {**names, **dict.fromkeys((*found, *imported), Unknown("is set in a loop, a class or a function"))}

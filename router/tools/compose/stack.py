"""The Compose files that make one stack, as one document: the override file, `include`, and `extends` in it."""

import posixpath
from collections.abc import Callable, Iterable, Iterator

from router.errors import FileError
from router.tools.compose.document import Node, items, mapping, members, merged, parsed, place, text_of
from router.values import dataclass, field

Read = Callable[[str], str | None]
"""Gives the text of a file by its path in the checkout, None where there is none. FileError where it cannot be read."""

_BASES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_OVERRIDES = (
    "compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml",
)  # fmt: skip
_MOST = 50  # files of one stack
_SECTIONS = ("services", "volumes", "networks")


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as Compose would load it: its members by section, the files it was read from, and notes on the rest.

    `file` is the first of the files, and `project` the file's directory in the checkout, empty for the checkout itself.
    """

    file: str
    top: dict[str, Node]
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def project(self) -> str:
        """The directory whose name the project has, and whose `.env` counts."""
        return posixpath.dirname(self.file)


@dataclass(slots=True)
class _Loader:
    read: Read
    roots: dict[str, Node | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def root(self, file: str) -> Node | None:
        """Return a file's root, None where it is not there; each is read once."""
        if file not in self.roots:
            if len(self.roots) >= _MOST:
                self.notes.append(f"{file} was not looked at: a stack has at most {_MOST} files here")
                return None
            self.roots[file] = None  # a circle ends here
            text = self.read(file)
            self.roots[file] = None if text is None else parsed(text, file=file)
        return self.roots[file]

    def inside(self, path: str | None, node: Node) -> str | None:
        """Return a path beside the file of a node as one in the checkout, None where it leads elsewhere."""
        file, line = place(node)
        joined = posixpath.normpath(posixpath.join(posixpath.dirname(file), path or ""))
        if not path or "$" in path or joined.startswith(("/", "..")):
            self.notes.append(
                f"{file}:{line}: {path or 'what this names'} was not looked at: it is not in the checkout"
            )
            return None
        return joined


def stacks(names: Iterable[str], read: Read) -> Iterator[Stack]:
    """Yield the stacks of a checkout by the names of its Compose files.

    A file beside its override file is one stack with it. What others include or extend is read with them, and is no
    stack of its own.
    """
    available = set(names)
    overrides = {name for name in available if posixpath.basename(name) in _OVERRIDES and _base_of(name, available)}
    loaded = [load(name, available, read) for name in sorted(available - overrides)]
    yield from (stack for stack in loaded if not any(_reads(other, stack) for other in loaded))


def _reads(other: Stack, stack: Stack) -> bool:
    """Tell whether another stack has all of one's files; of two that include each other, the one further up does."""
    mutual = other.file in stack.files[1:]
    return stack.file in other.files[1:] and (not mutual or _depth(other.file) < _depth(stack.file))


def _depth(file: str) -> tuple[int, str]:
    return (file.count("/"), file)


def load(name: str, available: set[str], read: Read) -> Stack:
    """Return the stack that begins with a file. Notes say what of it cannot be read."""
    loader = _Loader(read)
    top: Node | None = None
    for file in (name, *_overrides_of(name, available)):
        try:
            top = merged(top, _with_includes(loader, loader.root(file), frozenset({file})))
        except FileError as exc:
            loader.notes.append(f"{file}: {exc.message}")
    found = members(top)
    services = members(found.get("services"))
    for service in services:
        services[service] = _extended(loader, services, service)
    if services:
        found["services"] = mapping(found["services"], services)
    return Stack(name, found, tuple(loader.roots), tuple(dict.fromkeys(loader.notes)))


def _base_of(override: str, available: set[str]) -> bool:
    return any(posixpath.join(posixpath.dirname(override), base) in available for base in _BASES)


def _overrides_of(name: str, available: set[str]) -> tuple[str, ...]:
    """Return the override file that Compose adds to a file of the usual name by itself."""
    directory, base = posixpath.split(name)
    beside = (posixpath.join(directory, override) for override in _OVERRIDES)
    return tuple(each for each in beside if each in available)[:1] if base in _BASES else ()


def _with_includes(loader: _Loader, root: Node | None, within: frozenset[str]) -> Node | None:
    """Return a file's root with what it includes below it; its own services count before included ones."""
    whole: Node | None = None
    for entry in items(members(root).get("include")):
        for path in _paths(entry):
            file = loader.inside(text_of(path), path)
            if file is not None and file not in within:
                whole = merged(whole, _sections(_with_includes(loader, _readable(loader, file), within | {file})))
    return merged(whole, root)


def _readable(loader: _Loader, file: str) -> Node | None:
    try:
        return loader.root(file)
    except FileError as exc:
        loader.notes.append(f"{file}: {exc.message}")
        return None


def _paths(entry: Node) -> tuple[Node, ...]:
    """Return the paths of one entry of `include`: a path, or a mapping with one or several."""
    if text_of(entry):
        return (entry,)
    path = members(entry).get("path")
    return items(path) or ((path,) if path is not None else ())


def _sections(root: Node | None) -> Node | None:
    content = {key: node for key, node in members(root).items() if key in _SECTIONS}
    return mapping(root, content) if root is not None else None


def _extended(loader: _Loader, services: dict[str, Node], name: str) -> Node:
    """Return a service with what it extends below it, however deep; a circle adds nothing."""
    whole: Node | None = None
    chain, seen, current, beside = [services[name]], set[tuple[str, str]](), services[name], services
    while (extends := members(current).get("extends")) is not None:
        named = members(extends)
        target = text_of(named.get("service")) if named else text_of(extends)
        if (path := named.get("file")) is not None:
            file = loader.inside(text_of(path), path)
            beside = members(members(_readable(loader, file)).get("services")) if file else {}
        where = (place(current)[0], target or "")
        if target not in beside or where in seen:
            break
        seen.add(where)
        current = beside[target]
        chain.append(current)
    for each in reversed(chain):
        whole = merged(whole, each)
    assert whole is not None  # noqa: S101 - the chain begins with the service itself
    return whole

"""Compose files as YAML nodes, which know their file and line: aliases, merges, and the tags of Compose's own."""

import re
from collections.abc import Iterator

import yaml
from yaml import MappingNode, ScalarNode, SequenceNode

from router.errors import FileError

Node = yaml.Node
"""A value in a file: a mapping, a list or a scalar."""

_RESET, _OVERRIDE = "!reset", "!override"
_MERGE = "tag:yaml.org,2002:merge"
_REPLACED = frozenset({"command", "entrypoint", "test"})  # lists that a later file replaces, as Compose does


def parsed(text: str, *, file: str) -> Node | None:
    """Return the root of a Compose file, None where it is empty. FileError where it is not one YAML document."""
    try:
        loader = yaml.SafeLoader(text)
        loader.name = file
        return loader.get_single_node()
    except (yaml.YAMLError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        reason = f"line {mark.line + 1}: {getattr(exc, 'problem', '')}" if mark else "it is nested too deeply"
        raise FileError(f"it is not one YAML document ({reason})", hint="fix it") from exc


def members(node: Node | None) -> dict[str, Node]:
    """Return a mapping's members by key; its own count before what `<<` merges in, and `!reset` is no member."""
    found: dict[str, Node] = {}
    seen: set[int] = set()
    pending = [node]
    while pending:
        current = pending.pop(0)
        if current is None or id(current) in seen:  # aliases may go in a circle
            continue
        seen.add(id(current))
        if isinstance(current, SequenceNode):
            pending += current.value
        elif isinstance(current, MappingNode):
            for key, value in current.value:
                if not isinstance(key, ScalarNode):
                    continue
                if key.tag == _MERGE:
                    pending.append(value)
                else:
                    found.setdefault(str(key.value), value)
    return {key: value for key, value in found.items() if value.tag != _RESET}


def is_mapping(node: Node | None) -> bool:
    """Tell whether a node is a mapping."""
    return isinstance(node, MappingNode)


def items(node: Node | None) -> tuple[Node, ...]:
    """Return the items of a list, none where it is none."""
    return tuple(node.value) if isinstance(node, SequenceNode) else ()


def pairs(node: Node | None) -> Iterator[tuple[str, str, Node]]:
    """Yield the name, value and node of each label or variable: `name: value` and `- name=value` mean the same."""
    if isinstance(node, SequenceNode):
        for item in items(node):
            if isinstance(item, ScalarNode):
                name, _, value = str(item.value).partition("=")
                yield name, value, item
    for name, value_node in members(node).items():
        if isinstance(value_node, ScalarNode):
            yield name, str(value_node.value), value_node


def text_of(node: Node | None) -> str | None:
    """Return a scalar's text, None where there is no scalar or an empty one."""
    return str(node.value) or None if isinstance(node, ScalarNode) else None


def is_true(node: Node | None) -> bool:
    """Tell whether a scalar is true in YAML 1.1, as Compose reads it."""
    return bool(re.fullmatch(r"true|yes|on|y", text_of(node) or "", re.IGNORECASE))


def place(node: Node) -> tuple[str, int]:
    """Return a node's file and line."""
    return str(node.start_mark.name), int(node.start_mark.line) + 1


def merged(base: Node | None, over: Node | None, *, key: str = "") -> Node | None:
    """Return two values of one key as Compose merges them, the second being of the later file.

    Mappings are merged by key, lists follow each other, everything else is replaced; `!override` replaces and `!reset`
    removes (Compose file reference, "Merge").
    """
    if over is None or base is None:
        return over if over is not None else base
    if over.tag in {_RESET, _OVERRIDE}:
        return over
    if isinstance(base, MappingNode) and isinstance(over, MappingNode):
        before, after = members(base), _with_resets(over)
        both = {each: merged(before.get(each), after.get(each), key=each) for each in {**before, **after}}
        return mapping(over, {each: node for each, node in both.items() if node is not None})
    if isinstance(base, SequenceNode) and isinstance(over, SequenceNode) and key not in _REPLACED:
        return SequenceNode(over.tag, [*base.value, *over.value], over.start_mark, over.end_mark)
    return over


def _with_resets(node: MappingNode) -> dict[str, Node]:
    resets = {str(k.value): v for k, v in node.value if isinstance(k, ScalarNode) and v.tag == _RESET}
    return {**members(node), **resets}


def mapping(like: Node, content: dict[str, Node]) -> MappingNode:
    """Return a mapping with these members, which stands where another node does."""
    pairs_of_nodes = [
        (ScalarNode("tag:yaml.org,2002:str", key, value.start_mark, value.end_mark), value)
        for key, value in content.items()
    ]
    return MappingNode("tag:yaml.org,2002:map", pairs_of_nodes, like.start_mark, like.end_mark)

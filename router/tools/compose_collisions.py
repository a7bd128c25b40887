"""What would collide between the Compose stacks of two worktrees, from the text of a Compose file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from router.errors import FileError

_VARIABLES = {"web": "FRONTEND_PORT", "frontend": "FRONTEND_PORT", "app": "FRONTEND_PORT",
              "api": "BACKEND_PORT", "backend": "BACKEND_PORT", "server": "BACKEND_PORT"}  # fmt: skip
_FIXED = re.compile(r"[0-9]+(?:-[0-9]+)?")


@dataclass(frozen=True, slots=True, order=True)
class Collision:
    """What two stacks cannot both have: its line in the file, what it is, and what to write instead."""

    line: int
    what: str
    instead: str


def collisions(text: str) -> tuple[Collision, ...]:
    """Return what would collide, by line; `extends` and `include` are not followed. FileError where it is not YAML.

    The Compose specification has the rules: services' `ports` (short and long form), `container_name`,
    `network_mode: host`; the top level's `name`; volumes and networks that are `external` or have a `name`.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        reason = f"line {mark.line + 1}: {getattr(exc, 'problem', '')}" if mark else "it is nested too deeply"
        raise FileError(f"it is not one YAML document ({reason})", hint="fix it") from exc
    top = _members(root)
    colliding = [*_project(top), *_services(top)]
    for kind in ("volumes", "networks"):
        for name, node in _members(top.get(kind)).items():
            colliding += _shared(kind.removesuffix("s"), name, node)
    return tuple(sorted(set(colliding)))


def _project(top: dict[str, Node]) -> Iterator[Collision]:
    node = top.get("name")
    if (name := _fixed(node)) and node:
        yield Collision(
            _line(node), f"the project is always called {name}",
            f"name: ${{COMPOSE_PROJECT_NAME:-{name}}}   # or no name, and `router run -- docker compose …`",
        )  # fmt: skip


def _services(top: dict[str, Node]) -> Iterator[Collision]:
    for service, node in _members(top.get("services")).items():
        attributes = _members(node)
        name, mode = attributes.get("container_name"), attributes.get("network_mode")
        if name and (value := _fixed(name)):
            yield Collision(_line(name), f"{service}: the container is always called {value}",
                            "leave container_name out: Compose calls it PROJECT-SERVICE-1")  # fmt: skip
        if mode and _fixed(mode) == "host":
            yield Collision(_line(mode), f"{service}: every port it listens on is the machine's",
                            "leave network_mode out and publish the ports")  # fmt: skip
        ports = attributes.get("ports")
        for port in ports.value if isinstance(ports, SequenceNode) else ():
            yield from _port(service, port)


def _port(service: str, node: Node) -> Iterator[Collision]:
    """Yield a published port that is a number in the file; without a host port Docker picks a free one."""
    if isinstance(node, MappingNode):
        published = _members(node).get("published")
        value = _fixed(published)
        if published and value and _FIXED.fullmatch(value) and value != "0":
            yield Collision(_line(published), f"{service}: port {value} of the machine",
                            f'published: "{_variable(service, value)}"')  # fmt: skip
        return
    value = _fixed(node)
    if value is None or ":" not in value:
        return
    rest, _, container = value.rpartition(":")
    host, _, port = rest.rpartition(":")
    if _FIXED.fullmatch(port) and port != "0":
        front = f"{host}:" if host else ""
        yield Collision(_line(node), f"{service}: port {port} of the machine",
                        f'- "{front}{_variable(service, port)}:{container}"')  # fmt: skip


def _shared(kind: str, name: str, node: Node) -> Iterator[Collision]:
    attributes = _members(node)
    external, named = attributes.get("external"), attributes.get("name")
    outside = external is not None and _fixed(external) not in {"false", "no", "off"}
    fixed_name = _fixed(named) or (None if named else name)
    if external is not None and outside and fixed_name:
        yield Collision(_line(external), f"{kind} {name}: one for all, created outside of Compose",
                        f"leave external out, or name: {fixed_name}_${{COMPOSE_PROJECT_NAME}}")  # fmt: skip
    elif named and fixed_name:
        yield Collision(_line(named), f"{kind} {name}: always called {fixed_name}",
                        f"leave name out, or name: ${{COMPOSE_PROJECT_NAME}}_{name}")  # fmt: skip


def _variable(service: str, port: str) -> str:
    """Return a published port as Compose interpolates it; a service that `router env` has no port for gets a name."""
    plain = re.sub(r"[^A-Z0-9]+", "_", service.upper()).strip("_") or "SERVICE"
    default = f"{plain}_PORT" if plain[0].isalpha() else f"_{plain}_PORT"
    return f"${{{_VARIABLES.get(service, default)}:-{port}}}"


def _fixed(node: Node | None) -> str | None:
    """Return a scalar's text, None where there is none or Compose fills in a variable."""
    if not isinstance(node, ScalarNode) or not node.value or "$" in node.value.replace("$$", ""):
        return None
    return str(node.value)


def _members(node: Node | None) -> dict[str, Node]:
    """Return a mapping's members by key; its own members count before what `<<` merges in."""
    members: dict[str, Node] = {}
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
                if key.tag == "tag:yaml.org,2002:merge":
                    pending.append(value)
                else:
                    members.setdefault(str(key.value), value)
    return members


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1

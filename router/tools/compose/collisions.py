"""What would collide between the stacks of two worktrees, from a checkout's Compose files.

The Compose file reference has the rules: https://docs.docker.com/reference/compose-file/
"""

import posixpath
from collections.abc import Iterator, Mapping

from router.tools.compose import ports, services
from router.tools.compose.collision import PROJECT, Collision, Context, found
from router.tools.compose.document import Node, items, members
from router.tools.compose.stack import Stack


def collisions(stack: Stack, context: Context, names: ports.Names) -> tuple[Collision, ...]:
    """Return what would collide, by file and line."""
    stacks_services = {name: members(node) for name, node in members(stack.top.get("services")).items()}
    colliding = [*_project(stack, context)]
    published = [(name, each) for name, attributes in stacks_services.items() for each in ports.published(attributes)]
    colliding += ports.collisions(published, names, context)
    for name, attributes in stacks_services.items():
        colliding += services.collisions(name, attributes, context)
    for name, node in members(stack.top.get("volumes")).items():
        colliding += _volume(name, members(node), context)
    for name, node in members(stack.top.get("networks")).items():
        colliding += _network(name, members(node), context)
    return tuple(sorted(set(colliding)))


def _project(stack: Stack, context: Context) -> Iterator[Collision]:
    """Yield the project's name where it is the same in every worktree: the file's own, or that of its directory."""
    instead = "name: ${{COMPOSE_PROJECT_NAME:-{}}}   # or no name, and `router run -- docker compose …`"
    node = stack.top.get("name")
    if node is None and stack.project and "services" in stack.top:
        directory = posixpath.basename(stack.project)
        what = f"the project is called {directory}, after the file's directory, in every worktree"
        yield Collision(stack.file, 1, what, instead.format(directory))
    elif node is not None and (value := context.same(node)):
        yield found(node, "the project is always called {}", value=value, instead=instead.format(value.text))


def _volume(name: str, attributes: Mapping[str, Node], context: Context) -> Iterator[Collision]:
    kind = f"volume {name}"
    if services.is_external(attributes):
        external = attributes["external"]
        named = attributes.get("name") or members(external).get("name")
        value = context.variables.value(name) if named is None else context.same(named)
        if value:
            what = f"{kind}: one for all, created outside of Compose"
            instead = f"leave external out for a volume of its own; or name: {value.text}_{PROJECT}, created by hand"
            yield found(named or external, what, value=value, instead=instead)
        return
    yield from _name(kind, name, attributes.get("name"), context)
    yield from services.device(kind, members(attributes.get("driver_opts")).get("device"), context)


def _network(name: str, attributes: Mapping[str, Node], context: Context) -> Iterator[Collision]:
    """Yield what networks cannot share; an external one is shared on purpose, with a proxy for instance."""
    if services.is_external(attributes):
        return
    yield from _name(f"network {name}", name, attributes.get("name"), context)
    for pool in items(members(attributes.get("ipam")).get("config")):
        subnet = members(pool).get("subnet")
        if subnet and (value := context.same(subnet)):
            what = f"network {name}: the addresses {{}} of the machine"
            instead = "leave ipam out: Docker chooses addresses that are free, and services reach each other by name"
            yield found(subnet, what, value=value, instead=instead, example="10.{{ 64 + index % 128 }}.0.0/16")


def _name(kind: str, key: str, node: Node | None, context: Context) -> Iterator[Collision]:
    if node and (value := context.same(node)):
        instead = f"leave name out, or name: {PROJECT}_{key}"
        yield found(node, f"{kind}: always called {{}}", value=value, instead=instead)

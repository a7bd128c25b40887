"""What services of two stacks cannot both have, but for their ports: names, images, directories, Traefik's routers."""

import re
from collections.abc import Iterator, Mapping

from router.tools.compose.collision import PROJECT, Collision, Context, found, outside
from router.tools.compose.document import Node, is_mapping, is_true, items, members, pairs, text_of
from router.tools.compose.interpolation import Value, split_at

_TRAEFIK = re.compile(r"traefik\.(?:http|tcp|udp)\.(router|service|middleware)s\.([^.]+)\.", re.IGNORECASE)
_HOST_RULE = re.compile(r"\b(?:Host|HostSNI|HostHeader)\(", re.IGNORECASE)
# Files of the system and sockets of its services: programs share those by design, they hold no data of a stack
_SYSTEM = re.compile(
    r"/(?:dev|proc|sys|run|var/run|etc/(?:localtime|timezone|passwd|group|ssl|ca-certificates|hosts|resolv\.conf)"
    r"|usr/share|lib/modules|tmp/\.X11-unix)(?:/|$)|.*\.sock$"
)


def collisions(service: str, attributes: Mapping[str, Node], context: Context) -> Iterator[Collision]:
    """Yield what of a service is the same in every worktree and must not be."""
    yield from _container_name(service, attributes.get("container_name"), context)
    yield from _host_network(service, attributes.get("network_mode"), context)
    if "build" in attributes:
        yield from _image(service, attributes.get("image"), context)
    for volume in items(attributes.get("volumes")):
        yield from _bind(service, volume, context)
    for labels in (attributes.get("labels"), members(attributes.get("deploy")).get("labels")):
        yield from _traefik(service, labels, context)


def device(kind: str, node: Node | None, context: Context) -> Iterator[Collision]:
    """Yield the directory that a named volume is bound to (`driver_opts.device`), where every worktree has the same."""
    value = context.same(node)
    if node and value and value.text.startswith(("/", "~")) and not _SYSTEM.match(value.text):
        yield found(node, f"{kind}: its files are in {{}}", value=value, instead="leave driver_opts out")


def _container_name(service: str, node: Node | None, context: Context) -> Iterator[Collision]:
    if node and (value := context.same(node)):
        what = f"{service}: the container is always called {{}}"
        yield found(node, what, value=value, instead="leave container_name out: Compose calls it PROJECT-SERVICE-1")


def _host_network(service: str, node: Node | None, context: Context) -> Iterator[Collision]:
    value = context.value(node)
    if node and value and value.text == "host":
        what = f"{service}: every port it listens on is the machine's"
        yield found(node, what, value=value, instead="leave network_mode out and publish the ports")


def _image(service: str, node: Node | None, context: Context) -> Iterator[Collision]:
    """Yield the name of an image that is built here: the worktree that builds last replaces those of the others."""
    if node and (value := context.same(node)):
        name, _, tag = (value.text if ":" in value.text.rpartition("/")[2] else f"{value.text}:latest").rpartition(":")
        what = f"{service}: the image it builds is always called {{}}"
        instead = f"image: {name}:${{COMPOSE_PROJECT_NAME:-{tag}}}   # or no image: Compose calls it PROJECT-SERVICE"
        yield found(node, what, value=value, instead=instead)


def _bind(service: str, node: Node, context: Context) -> Iterator[Collision]:
    """Yield a directory outside of the checkout that a service may write into."""
    source = _writable_source(node)
    text = text_of(source)
    if source is None or text is None:
        return
    text = split_at(text, ":")[0] if source is node else text
    value = context.variables.value(text)
    if value.varies or not outside(value.text, context.project) or _SYSTEM.match(value.text):
        return
    what = f"{service}: it writes into {{}}, outside of the worktree"
    instead = "use a named volume or a directory of the checkout (./…), and :ro where it only reads"
    yield found(source, what, value=value, instead=instead)


def _writable_source(node: Node) -> Node | None:
    """Return what has the source of a bind mount that may be written to, None where there is none."""
    if is_mapping(node):
        attributes = members(node)
        bind = text_of(attributes.get("type")) == "bind" and not is_true(attributes.get("read_only"))
        return attributes.get("source") if bind else None
    pieces = split_at(text_of(node) or "", ":")
    read_only = len(pieces) > 2 and "ro" in pieces[2].split(",")  # noqa: PLR2004
    return node if len(pieces) > 1 and not read_only else None


def _traefik(service: str, labels: Node | None, context: Context) -> Iterator[Collision]:
    """Yield the routers and services of Traefik, which has one of each name, and the hosts that they answer to."""
    seen: set[tuple[str, str]] = set()
    for name, text, node in pairs(labels):
        if (match := _TRAEFIK.match(name)) is None:
            continue
        kind, called = match[1].lower(), match[2]
        varies = context.variables.value(called).varies and not is_mapping(labels)  # keys stay as they are
        if (kind, called) not in seen and not varies:
            seen.add((kind, called))
            label = name.replace(f".{called}.", f".{called}-{PROJECT}.", 1)
            instead = f'- "{label}=…"   # each label of it, in a list: Compose fills in no keys of `name: value`'
            yield found(
                node, f"{service}: the Traefik {kind} is always called {called}", value=Value(called), instead=instead
            )
        value = context.variables.value(text)
        if name.lower().endswith(".rule") and _HOST_RULE.search(value.text) and not value.varies:
            what = f"{service}: Traefik is told {{}} by every worktree"
            instead = f'- "{name}=Host(`${{FEATURE}}.example.localhost`)"   # or no Traefik: the router has such hosts'
            yield found(node, what, value=value, instead=instead, example="{{ name }}.{}")


def is_external(attributes: Mapping[str, Node]) -> bool:
    """Tell whether a volume or network is created outside of Compose: `external: true`, or the old form with a name."""
    external = attributes.get("external")
    return is_mapping(external) or is_true(external)

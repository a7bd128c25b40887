"""Published ports that two stacks cannot both have, and the variables that give each worktree its own."""

import re
from collections.abc import Iterator, Mapping, Sequence

from router.tools.compose.collision import Collision, Context, can_be_set, renamed, unset
from router.tools.compose.document import Node, is_mapping, items, members, place, text_of
from router.tools.compose.interpolation import Value, split_at
from router.values import dataclass, field

ROLES: Mapping[str, str] = {"web": "FRONTEND_PORT", "frontend": "FRONTEND_PORT", "app": "FRONTEND_PORT",
                            "api": "BACKEND_PORT", "backend": "BACKEND_PORT", "server": "BACKEND_PORT"}  # fmt: skip
"""Which variable of `router env` a service's first port gets, by what services are usually called."""
_NUMBERS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_REFERENCE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
_MOST = 10  # ports of a range that are written out


@dataclass(frozen=True, slots=True)
class Published:
    """One published port as a file has it: what is before the host's port, that port, and what is behind."""

    node: Node
    published: str
    target: str
    front: str = ""
    protocol: str = "tcp"
    long: bool = False


@dataclass(slots=True)
class Names:
    """The variables for the ports of one stack: each gets its own, however often it is asked for."""

    roles: Mapping[str, str]
    given: dict[str, tuple[str, str]] = field(default_factory=dict)

    def take(self, service: str, port: Published) -> None:
        """Note which variable a port has in the file; the first port that has it keeps it."""
        if match := _REFERENCE.match(port.published):
            self.given.setdefault(match[1], (service, port.target))

    def has(self, service: str, port: Published) -> bool:
        """Tell whether a port is the one that keeps its variable."""
        match = _REFERENCE.match(port.published)
        return match is None or self.given.get(match[1]) == (service, port.target)

    def variable(self, service: str, published: str, target: str, protocol: str) -> str:
        """Return the variable of a published port; both protocols of one port share it."""
        plain = re.sub(r"[^A-Z0-9]+", "_", service.upper()).strip("_") or "SERVICE"
        plain = plain if plain[0].isalpha() and can_be_set(f"{plain}_PORT") else f"SERVICE_{plain}"
        usual, own = self.roles.get(service, f"{plain}_PORT"), f"{plain}_{target}"
        wanted = (usual, f"{own}_PORT", f"{own}_{protocol.upper()}_PORT")
        port = (service, target)
        return next(
            (name for name in wanted if self.given.setdefault(name, port) == port), f"{plain}_{target}_{published}_PORT"
        )


def published(attributes: Mapping[str, Node]) -> Iterator[Published]:
    """Yield the ports that a service publishes at a port of the machine that is named."""
    for item in items(attributes.get("ports")):
        if is_mapping(item):
            of = {key: text_of(node) for key, node in members(item).items()}
            if port := of.get("published"):
                at = members(item)["published"]
                yield Published(at, port, of.get("target") or "", protocol=of.get("protocol") or "tcp", long=True)
            continue
        pieces = split_at(text_of(item) or "", ":")
        if len(pieces) > 1 and pieces[-2]:
            target, _, protocol = pieces[-1].partition("/")
            yield Published(item, pieces[-2], target, "".join(f"{piece}:" for piece in pieces[:-2]), protocol or "tcp")


def collisions(ports: Sequence[tuple[str, Published]], names: Names, context: Context) -> Iterator[Collision]:
    """Yield the published ports of a stack's services, each by its service's name, that two worktrees cannot both have.

    Nor can two ports of one stack be given by one variable.
    """
    for service, each in ports:
        names.take(service, each)
    for service, each in ports:
        value = context.variables.value(each.published)
        literal = _NUMBERS.fullmatch(value.text)
        if value.varies:
            if not names.has(service, each):
                yield _twice(service, each, names)
        elif value.unset:
            yield _of_variable(service, each, value)
        elif literal and value.text != "0":
            file, line = place(each.node)
            instead, variables = _instead(service, each, names)
            env = tuple(setting(name) for name in variables if name not in context.variables.varying)
            yield Collision(file, line, f"{service}: port {value.text} of the machine", instead, env)


def _twice(service: str, each: Published, names: Names) -> Collision:
    file, line = place(each.node)
    variable = names.variable(service, each.published, each.target, each.protocol)
    reference = f"${{{variable}:-{each.target}}}"
    instead = f'published: "{reference}"' if each.long else _line(each, reference, each.target)
    return Collision(file, line, f"{service}: {each.published} is another port's too", instead, (setting(variable),))


def _of_variable(service: str, each: Published, value: Value) -> Collision:
    """Return the collision of a port by a variable that nobody sets: its default, or what `.env` says, counts."""
    file, line = place(each.node)
    variable, _ = value.unset[0]
    what = f"port {value.text} of the machine" if value.text else f"the port of the machine that {variable} says"
    env = (setting(variable),) if can_be_set(variable) else ()
    return Collision(file, line, f"{service}: {what}, {unset(variable)}", "" if env else renamed(variable), env)


def setting(variable: str) -> str:
    """Return the line of `[env]` that gives a variable a port of its own in each worktree."""
    return f"""{variable} = "{{{{ hash_port('{variable.lower().replace("_", "-")}-' ~ name) }}}}\""""


def _instead(service: str, each: Published, names: Names) -> tuple[str, tuple[str, ...]]:
    """Return how a port is written with a variable, and which variables that takes; a range port by port."""
    numbers, targets = _range(each.published), _range(each.target)
    if len(numbers) == 1 or len(numbers) != len(targets) or len(numbers) > _MOST or each.long:
        variable = names.variable(service, each.published, each.target, each.protocol)
        reference = f"${{{variable}:-{each.published}}}"
        return (f'published: "{reference}"' if each.long else _line(each, reference, each.target)), (variable,)
    variables = [names.variable(service, a, b, each.protocol) for a, b in zip(numbers, targets, strict=True)]
    lines = [
        _line(each, f"${{{variable}:-{number}}}", target)
        for variable, number, target in zip(variables, numbers, targets, strict=True)
    ]
    return "\n".join(lines), tuple(variables)


def _line(each: Published, reference: str, target: str) -> str:
    suffix = "" if each.protocol == "tcp" else f"/{each.protocol}"
    return f'- "{each.front}{reference}:{target}{suffix}"'


def _range(text: str) -> list[str]:
    """Return the ports of `9000-9002` one by one; the text itself where it is no such range."""
    match = _NUMBERS.fullmatch(text)
    if match is None or match[2] is None or not 0 < int(match[2]) - int(match[1]) < _MOST:
        return [text]
    return [str(port) for port in range(int(match[1]), int(match[2]) + 1)]

"""How one server is told its port: by a variable, by a flag, or by a preload where no flag reaches it."""

import re
from collections.abc import Iterator, Mapping

from router.launch.commands import Seen
from router.launch.config_ports import config_ports
from router.launch.launch import BY_PRELOAD, Launch, note
from router.launch.preload import Target
from router.launch.servers import Running, named_port, refers_to
from router.launch.tree import Tree, inside
from router.values import dataclass

_NOT_OF_NODE = frozenset({"bun", "bunx", "deno"})


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a worktree and the service whose it is; `root` is the worktree's path, for what a preload compares."""

    service: str
    number: int
    root: str


def told(argv: tuple[str, ...], at: Seen, running: Running, port: Port, *, environ: Mapping[str, str]) -> Launch:
    """Return how a command is run whose only server is this one.

    What the user typed of the port stays. Else the server's own variable is set where nothing else says a port, or
    its flag goes to the end, where the last one counts; a preload tells Node what no flag reaches. Where nothing
    does, the place of the fixed port is said.
    """
    server, variables = running.server, {"PORT": str(port.number)}
    written, typed = split(at, running)
    if named_port(typed, server) is not None:
        return Launch(argv, variables)
    fixed = named_port(written, server)
    seen_environ = {**environ, **variables}
    if fixed is not None and refers_to(fixed, port.number, seen_environ):
        return Launch(argv, variables)
    variable = server.variable if fixed is None and not is_fixed(at, server.variable, port, environ) else ""
    if variable:
        notes = () if variable == "PORT" else (note(port.service, port.number, argv, variable=variable),)
        return Launch(argv, {**variables, variable: str(port.number)}, notes=notes)
    if server.flags and at.pass_on is not None and (fixed is None or (server.repeats and not server.positional)):
        flags = _flags(running, port.number)
        whole = (*argv, *at.pass_on, *flags)
        return Launch(whole, variables, notes=(note(port.service, port.number, whole),))
    if server.node and not _NOT_OF_NODE & set(argv[:1]):
        said = note(port.service, port.number, argv, how=BY_PRELOAD)
        return Launch(argv, variables, notes=(said,), targets=(Target(below(port.root, at.folder), port.number),))
    return Launch(argv, variables, notes=(unreached(at, server.name, port, fixed or at.variables.get("PORT", "")),))


def _flags(running: Running, port: int) -> tuple[str, ...]:
    """Return the words that name a port, without an option that is there already and takes no value."""
    server = running.server
    there = {each for each in server.flags if each in running.arguments and each not in server.options}
    return tuple(each.format(port=port) for each in server.flags if each not in there)


def by_variable(argv: tuple[str, ...], at: Seen, port: Port, *, environ: Mapping[str, str], asked: bool) -> Launch:
    """Return how a command is run that may be any server: it takes PORT, or is none.

    `asked` is whether the user named the service: then it is a server, and its port is said.
    """
    variables = {"PORT": str(port.number)}
    if asked and not at.package:
        return Launch(argv, variables, notes=(note(port.service, port.number, argv, variable="PORT"),))
    if not at.package or not is_fixed(at, "PORT", port, environ):
        return Launch(argv, variables)
    if is_node(at.words):
        said = note(port.service, port.number, argv, how=BY_PRELOAD)
        return Launch(argv, variables, notes=(said,), targets=(Target(below(port.root, at.folder), port.number),))
    return Launch(argv, variables, notes=(unreached(at, at.words[0], port, at.variables["PORT"]),))


def split(at: Seen, running: Running) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the server's arguments that are written in a script, and those that the user typed."""
    cut = len(running.arguments) - min(at.typed, len(running.arguments))
    return running.arguments[:cut], running.arguments[cut:]


def is_fixed(at: Seen, variable: str, port: Port, environ: Mapping[str, str]) -> bool:
    """Tell whether something in front of the command sets a variable to another port than this one."""
    value = at.variables.get(variable)
    return value is not None and not refers_to(value, port.number, {**environ, "PORT": str(port.number)})


def is_node(words: tuple[str, ...]) -> bool:
    """Tell whether Node runs a command, as far as its words say."""
    names = r"(?:.*/)?(?:node|nodejs|nodemon|tsx|ts-node|ts-node-dev|nest|node-dev|swc-node|next|serve|http-server)"
    return bool(words) and re.fullmatch(names, words[0]) is not None


def below(root: str, folder: str) -> str:
    """Return the absolute path of a directory of a worktree."""
    return f"{root}/{folder}" if folder else root


def unreached(at: Seen, name: str, port: Port, fixed: str) -> str:
    """Return the line that says why a server does not get its port, and what to write."""
    where = at.place or "the command"
    what = f"{where} fixes {fixed} for {name}" if fixed else f"no argument reaches {name} in {where}"
    return f"router: {port.service} has port {port.number}, but {what}: write $PORT there"


def config_notes(server: str, files: Tree, *, folder: str) -> Iterator[str]:
    """Yield a line for each port that the server's configuration fixes and no flag overrides."""
    for each in config_ports(server, files, folder=inside("", folder)):
        yield (
            f"router: {each.file}, line {each.line} fixes port {each.port} for hot reload, which only one worktree can "
            "have: remove `port` from `hmr`"
        )

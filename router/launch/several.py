"""Several servers in one command: which service each of them is, and how each is told its own port."""

import re
from collections.abc import Iterator, Mapping, Sequence

from router.launch.commands import Seen
from router.launch.launch import BY_PRELOAD, Launch, note_of_all
from router.launch.preload import Target
from router.launch.servers import Running, named_port, program, refers_to, running
from router.launch.single import below, is_node
from router.launch.wrappers import names
from router.values import dataclass

_MEANT = {
    "web": names("web www client frontend front ui site website app dashboard"),
    "api": names("api server backend back"),
}
_NEVER = names(
    "worker workers queue job jobs cron scheduler css js tailwind types tsc watch test tests build codegen db"
)
# A text, as few commands need it: `re` compiles it when it is first used
_MAY_SERVE = (
    r"(?:node|nodejs|nodemon|tsx|ts-node|ts-node-dev|nest|bun|deno|python|ruby|php|go|air|cargo|dotnet|java|gradle|gradlew"
    r"|mvn|mvnw|mix|swift|rackup|thin|unicorn|falcon)[0-9.]*"
)  # fmt: skip
_RUNS_FILES = r"(?:node|nodejs)[0-9.]*"


@dataclass(frozen=True, slots=True)
class Member:
    """One of several servers: its command, the server if it is a known one, and its `service`, empty for none."""

    at: Seen
    running: Running | None
    service: str = ""

    @property
    def name(self) -> str:
        """What the server is called for people."""
        return self.running.server.name if self.running else self.at.words[0]


def servers(found: Sequence[Seen]) -> tuple[Member, ...]:
    """Return those of several commands that are servers, as far as their words say."""
    members = (Member(each, running(each.words)) for each in found if each.words)
    return tuple(each for each in members if each.running or _may_serve(each.at))


def assigned(members: Sequence[Member], ports: Mapping[str, int]) -> tuple[Member, ...]:
    """Return the servers with the services that they are: by their names, else the first page and the first other.

    Two servers are never one service; one that is none stays without a port.
    """
    chosen: dict[int, str] = {}
    for place, member in _best_first(members):
        called = (member.at.name, _own_script(member.at, members), member.at.folder.rpartition("/")[2])
        named = (meant(name, ports) for name in called if name)
        service = next((each for each in named if each and each not in chosen.values()), "")
        if service:
            chosen[place] = service
    for place, member in _best_first(members):
        free = (each for each in _fallback(member) if each in ports and each not in chosen.values())
        if place not in chosen and (service := next(free, "")):
            chosen[place] = service
    return tuple(Member(member.at, member.running, chosen.get(place, "")) for place, member in enumerate(members))


def _fallback(member: Member) -> tuple[str, ...]:
    """Return the services that a server of no telling name may be: pages that Node makes are no api."""
    if member.running is None or not member.running.server.page:
        return ("api",)
    return ("web",) if member.running.server.node else ("web", "api")


def meant(name: str, ports: Mapping[str, int]) -> str:
    """Return the service that a name (`web`, `dev:api`, `apps/backend`) means, empty where it means none."""
    parts = [each for each in re.split(r"[^a-z0-9]+", name.lower()) if each]
    whole = "-".join(parts)
    exact = (each for each in (whole, *parts) if each in ports)
    alike = (service for part in parts for service, words in _MEANT.items() if part in words and service in ports)
    return next(exact, "") or next(alike, "")


def told_each(
    argv: tuple[str, ...],
    members: Sequence[Member],
    *,
    ports: Mapping[str, int],
    root: str,
    environ: Mapping[str, str],
) -> Launch:
    """Return how a command is run that starts several servers: PORT is nobody's, as it would be everybody's.

    A preload tells what Node runs, and what its package managers start; a variable of the server's own another.
    Servers that neither reaches are found where they listen, which is said.
    """
    targets: list[Target] = []
    variables: dict[str, str] = {}
    reached: set[str] = set()
    missed: list[Member] = []
    for each in members:
        number = ports.get(each.service, 0)
        variable = each.running.server.variable if each.running else ""
        if number and _takes(each, number, environ):
            continue
        if number and (target := _target(each, members, number, root)):
            targets.append(target)
        elif number and variable not in {"", "PORT", *variables}:
            variables[variable] = str(number)
        else:
            missed.append(each)
            continue
        reached.add(each.service)
    ways = [*([BY_PRELOAD] if targets else []), *(f"{name}={value}" for name, value in variables.items())]
    told = {name: port for name, port in ports.items() if name in reached}
    said = [note_of_all(argv, told, how=" and ".join(ways))] if told else []
    notes = (*said, *_missed(missed, ports, environ))
    served = tuple((each.at.folder, each.service) for each in members)
    return Launch(argv, variables, frozenset({"PORT"}), notes, tuple(dict.fromkeys(targets)), served=served)


def _takes(member: Member, port: int, environ: Mapping[str, str]) -> bool:
    """Tell whether the words of a server already name a variable that is its port, as `$BACKEND_PORT`."""
    if member.running is None:
        return False
    value = named_port(member.running.arguments, member.running.server)
    without_port = {name: text for name, text in environ.items() if name != "PORT"}
    return value is not None and refers_to(value, port, without_port)


def _missed(members: Sequence[Member], ports: Mapping[str, int], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each server that nothing tells its port, with what to write where its command stands."""
    for each in members:
        where = f" ({each.at.place})" if each.at.place else ""
        number = str(ports.get(each.service))
        variable = next((name for name, value in environ.items() if value == number and name.endswith("_PORT")), "")
        if variable:
            what = f"{each.service} has port {number}, but nothing tells {each.name}{where}"
            yield f"router: {what}: write ${variable} there"
        else:
            yield f"router: PORT is unset for {each.name}{where}: it is found where it listens"


def _target(member: Member, members: Sequence[Member], port: int, root: str) -> Target | None:
    """Return what a preload has to know of a server, None where it does not reach it.

    It says no more than tells the server from the others in its directory.
    """
    at = member.at
    beside = [each for each in members if each is not member and each.at.folder == at.folder]
    of_node = bool(member.running and member.running.server.node) or is_node(at.words)
    if not (of_node or at.managed):
        return None
    script = at.script if beside or not at.folder else ""
    alone = at.managed and all(each.at.script != at.script for each in beside)
    return Target(below(root, at.folder), port, script if alone else "", "" if alone or not beside else _program(at))


def _program(at: Seen) -> str:
    """Return the name of the script that Node runs first for a command, as its process shows it."""
    if re.fullmatch(_RUNS_FILES, at.words[0].rpartition("/")[2]):
        file = next((word for word in at.words[1:] if not word.startswith("-")), "")
        return file.rpartition("/")[2]
    return program(at.words)[0]


def _own_script(at: Seen, members: Sequence[Member]) -> str:
    """Return the script that a server is started by, empty where the others are started by it as well."""
    others = [each.at.script for each in members if each.at is not at]
    return at.script if at.package and at.script not in others else ""


def _may_serve(at: Seen) -> bool:
    called = re.split(r"[^a-z]+", f"{at.name} {at.script}".lower())
    if at.ends or _NEVER & set(called):
        return False
    return re.fullmatch(_MAY_SERVE, at.words[0].rpartition("/")[2]) is not None


def _best_first(members: Sequence[Member]) -> list[tuple[int, Member]]:
    return sorted(enumerate(members), key=lambda each: _rank(each[1]))


def _rank(member: Member) -> int:
    """Return how early a server chooses: what makes pages in Node, other known ones, the rest."""
    return 2 if member.running is None else 0 if member.running.server.node else 1

"""Procfiles: each process gets the port of its own service, in a copy of the file that the runner is given instead."""

import re
import shlex
from collections.abc import Mapping

from router.launch.commands import seen_line
from router.launch.launch import PROCFILE, Launch, note_of_all
from router.launch.preload import Target
from router.launch.servers import named_port, program
from router.launch.several import Member, assigned, servers
from router.launch.single import Port, below, split, told
from router.launch.tree import Tree, inside
from router.launch.wrappers import base_name
from router.values import dataclass, replace

_PROCESS = re.compile(r"([A-Za-z0-9_-]+):[ \t]*(\S.*?)[ \t]*")
_STARTS = {"honcho": ("start",), "foreman": ("start",), "overmind": ("start", "s"), "hivemind": ()}
_ROOT = {"foreman": "-d", "overmind": "-d", "hivemind": "--root"}  # else they take the directory of the file
_FILES = ("-f", "--procfile")
_ROOTS = ("-d", "--root", "--app-root")
_OWN_PORTS = frozenset({"-p", "--port", "-P", "--port-step"})


@dataclass(frozen=True, slots=True)
class _Call:
    """A runner's words without those that name its file and its directory; these two are relative as typed."""

    words: tuple[str, ...]
    file: str
    root: str

    def with_file(self, file: str, folder: str) -> tuple[str, ...]:
        """Return the words that run another file in the same directory, `folder` as an absolute path."""
        runner = base_name(self.words[0])
        place = (_ROOT[runner], folder) if runner in _ROOT else ("-d", folder) if self.root else ()
        return (*self.words, *place, *(() if runner == "hivemind" else ("-f",)), file)


@dataclass(frozen=True, slots=True)
class _Process:
    """A line of a Procfile: its number, name and command, and the server in it, if any."""

    place: int
    name: str
    line: str
    member: Member | None


def with_ports(
    argv: tuple[str, ...],
    files: Tree,
    *,
    folder: str,
    ports: Mapping[str, int],
    root: str,
    environ: Mapping[str, str],
) -> Launch | None:
    """Return how a typed runner of a Procfile is run, None for any other command.

    So is a runner that is told ports by its user, or whose file is not there or has no server in it.
    """
    start = next((place for place, word in enumerate(argv) if base_name(word) in _STARTS), len(argv))
    call = _call(argv[start:])
    work = inside(folder, call.root) if call else ""
    text = files.read(inside(work, call.file)) if call else None
    if call is None or text is None:
        return None
    lines = text.splitlines()
    processes = _processes(lines, files, work, ports)
    given = {each.member.service: each for each in processes if each.member and each.member.service}
    if not given:
        return None
    targets: list[Target] = []
    for service, each in given.items():
        lines[each.place], more = _rewritten(each, Port(service, ports[service], root), environ)
        targets += more
    first = processes[0] in given.values()  # the runner counts from PORT on, which is distinct in each worktree
    said = {name: port for name, port in ports.items() if name in given}
    return Launch(
        (*argv[:start], *call.with_file(PROCFILE, below(root, work))),
        unset=frozenset() if first else frozenset({"PORT"}),
        notes=(note_of_all(argv, said, how=f"each in its line of {call.file}"),),
        targets=tuple(targets),
        procfile="\n".join(lines) + "\n",
        served=tuple((each.member.at.folder, each.member.service) for each in processes if each.member),
    )


def _call(words: tuple[str, ...]) -> _Call | None:
    kept: list[str] = []
    named = {"file": "", "root": ""}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name in _OWN_PORTS:
            return None
        kind = "file" if name in _FILES else "root" if name in _ROOTS else ""
        if kind:
            named[kind] = value if equals else next(rest, "")
        else:
            kept.append(word)
    starts = _STARTS[base_name(kept[0])] if kept else ("none",)
    if starts and not set(starts) & set(kept[1:]):
        return None
    if not starts and len(kept) > 1 and not kept[-1].startswith("-"):
        named["file"] = kept.pop()
    return _Call(tuple(kept), named["file"] or "Procfile", named["root"])


def _processes(lines: list[str], files: Tree, folder: str, ports: Mapping[str, int]) -> tuple[_Process, ...]:
    found: list[tuple[int, str, str, Member | None]] = []
    for place, line in enumerate(lines):
        if match := _PROCESS.fullmatch(line):
            commands = (replace(each, name=match[1]) for each in seen_line(match[2], files, folder=folder))
            found.append((place, match[1], match[2], next(iter(servers(tuple(commands))), None)))
    members = iter(assigned([member for *_, member in found if member], ports))
    return tuple(_Process(place, name, line, next(members) if member else None) for place, name, line, member in found)


def _rewritten(process: _Process, port: Port, environ: Mapping[str, str]) -> tuple[str, tuple[Target, ...]]:
    """Return a line of a Procfile in which the process has this port, and what a preload has to know besides.

    The line stays a line for a shell: each runner has another idea of what else it may be.
    """
    if process.member is None:
        return process.line, ()
    at, running = process.member.at, process.member.running
    line, settings = process.line, {"PORT": str(port.number)}
    targets: tuple[Target, ...] = ()
    if (own := at.variables.get("PORT", "")) and own.isdigit():
        line = line.replace(f"PORT={own}", f"PORT={port.number}")
    if running:
        launch = told((), at, running, port, environ=environ)
        line, settings = " ".join([line, *launch.argv]), {**settings, **launch.variables}
        targets = tuple(replace(each, program=program(at.words)[0]) for each in launch.targets)
        fixed = named_port(split(at, running)[0], running.server)
        if fixed and not launch.argv and not targets and line.count(fixed) == 1:
            line = line.replace(fixed, re.sub(r"\d+$", str(port.number), fixed))
    values = " ".join(f"{name}={value}" for name, value in settings.items())
    return f"{process.name}: env {values} sh -c {shlex.quote(line)}", targets

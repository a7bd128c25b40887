"""Ports that files fix in every worktree, so that a second one's server does not start, or tests reach another one's.

Servers that take the next port by themselves (Vite without `strictPort`) are none of them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from router import jsonc
from router.doctor.frameworks.javascript import Object, Value, properties, tokens
from router.doctor.frameworks.package import SCRIPTS as ENDS
from router.launch.commands import seen
from router.launch.config_ports import config_ports, without_comments
from router.launch.servers import named_port
from router.launch.several import Member, servers
from router.launch.tree import Package, Tree, inside, packages
from router.observe.projects.roles import role
from router.observe.projects.servers import fixed_port
from router.ports import parse_port
from router.values import dataclass

_STEPS_ON = frozenset({"Vite", "React Router", "Remix", "Astro", "Nuxt", "VitePress", "Rsbuild", "Vue CLI", "Gatsby"})
_STRICT = frozenset({"--strictPort", "--strict-port"})
_NO_SCRIPTS = re.compile(r"(?:build|test|lint|preview|prod|production)(?:[:._-].*)?")
_LOCAL = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1"})  # noqa: S104 - as these files write it
_STOPS = "the server of a second worktree does not start"


@dataclass(frozen=True, slots=True)
class FixedPort:
    """A port that a file fixes: its line, counted from 1, what comes of it, and what to write there instead."""

    file: str
    line: int
    port: int
    without: str
    instead: str


def fixed_ports(files: Tree) -> Iterator[FixedPort]:
    """Yield the fixed ports of every package of a checkout."""
    for package in packages(files):
        yield from _of_scripts(package, files)
        yield from _of_vite(package.folder, files)
        yield from _of_webpack(package.folder, files)
        yield from _of_angular(package.folder, files)
        yield from _of_storybook(package.folder, files)
        yield from _of_playwright(package.folder, files)


def _of_scripts(package: Package, files: Tree) -> Iterator[FixedPort]:
    for script, line in package.scripts.items():
        if _NO_SCRIPTS.fullmatch(script):
            continue
        for member in servers(seen(("npm", "run", script), files, folder=package.folder)):
            port = fixed_port(member)
            if port and member.at.package == package and member.at.script == script and not _steps_on(member):
                instead = f"{json.dumps(script)}: {json.dumps(_with_variable(line, port, member))}"
                yield FixedPort(package.file, package.line_of(script), port, _STOPS, instead)


def _steps_on(member: Member) -> bool:
    """Tell whether a server takes the next port where its own is taken."""
    if member.running is None or named_port(member.running.arguments, member.running.server) is None:
        return False
    return member.running.server.name in _STEPS_ON and not _STRICT & set(member.at.words)


def _with_variable(line: str, port: int, member: Member) -> str:
    """Return a script in which a variable stands for its port, with the port as what counts without the router."""
    variable = "BACKEND_PORT" if role(member.at.folder or member.at.script or member.at.name) == "api" else "PORT"
    in_front = re.sub(rf"\bPORT={port}\b", f"PORT=${{{variable}:-{port}}}", line)
    return in_front if in_front != line else re.sub(rf"(?<!\d){port}(?!\d)", f"${{{variable}:-{port}}}", line)


def _of_vite(folder: str, files: Tree) -> Iterator[FixedPort]:
    for each in config_ports("Vite", files, folder=folder):
        without = "hot reload of a second worktree does not work"
        yield FixedPort(each.file, each.line, int(each.port), without, "remove `port` from `hmr`")
    for file, text in _configurations("vite.config", folder, files):
        for server in _objects(text, "server"):
            if _plain(server, "strictPort") == "true":
                number = _plain(server, "port") if server.get("port") else "5173"
                yield from _found(file, text, number, f"port: Number(process.env.PORT) || {number},")


def _of_webpack(folder: str, files: Tree) -> Iterator[FixedPort]:
    for file, text in _configurations("webpack.config", folder, files):
        for server in _objects(text, "devServer"):
            number = _plain(server, "port") or ""
            yield from _found(file, text, number, f"port: Number(process.env.PORT) || {number},")


def _of_angular(folder: str, files: Tree) -> Iterator[FixedPort]:
    file = inside(folder, "angular.json")
    text = files.read(file)
    for options in _served(jsonc.read(text)):
        port = options.get("port")
        if text and type(port) is int and port:
            instead = f'remove "port": {port}, and start it by `router run -- npm start`'
            yield FixedPort(file, _line(text, port), port, _STOPS, instead)


def _served(workspace: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the options of each `serve` target of an angular.json, and those of its configurations."""
    for project in _tables(workspace.get("projects")):
        targets = project.get("architect", project.get("targets"))
        serve = targets.get("serve") if isinstance(targets, dict) else None
        if isinstance(serve, dict):
            yield from _tables({"": serve.get("options")})
            yield from _tables(serve.get("configurations"))


def _of_storybook(folder: str, files: Tree) -> Iterator[FixedPort]:
    for file, text in _configurations(".storybook/main", folder, files):
        for name in ("server", "hmr"):
            for each in _objects(text, name):
                number = _plain(each, "port") or ""
                yield from _found(file, text, number, f"remove `port` from `{name}`: Storybook takes `-p $PORT`")


def _of_playwright(folder: str, files: Tree) -> Iterator[FixedPort]:
    for file, text in _configurations("playwright.config", folder, files):
        values = list(properties(tokens(text), "webServer"))
        for value in (item for each in values for item in (each.items or (each,))):
            server = value.object
            if server is None:
                continue
            number, url = _plain(server, "port"), _port_of(server.get("url"))
            reuse = server.get("reuseExistingServer")
            reuses = reuse is not None and reuse.plain != "false"
            without = "tests of a second worktree run against the first one's server" if reuses else _STOPS
            own = "reuseExistingServer: false" if reuses else ""
            instead = "port: Number(process.env.PORT)," if number else "url: process.env.WORKTREE_URL,"
            yield from _found(file, text, number or url, " ".join([instead, own]).strip(), without)


def _found(file: str, text: str, number: str, instead: str, without: str = _STOPS) -> Iterator[FixedPort]:
    if port := parse_port(number):
        yield FixedPort(file, _line(text, port), port, without, instead)


def _configurations(stem: str, folder: str, files: Tree) -> Iterator[tuple[str, str]]:
    for path in (inside(folder, f"{stem}.{end}") for end in ENDS):
        if text := files.read(path):
            yield path, text


def _objects(text: str, name: str) -> Iterator[Object]:
    yield from (value.object for value in properties(tokens(text), name) if value.object is not None)


def _plain(settings: Object, name: str) -> str:
    value = settings.get(name)
    return (value.plain or "") if value else ""


def _port_of(url: Value | None) -> str:
    """Return the port of a URL of this machine that is written out; empty for every other value."""
    try:
        parts = urlsplit((url.text or "") if url else "")
        return str(parts.port) if parts.hostname in _LOCAL and parts.port else ""
    except ValueError:
        return ""


def _tables(value: object) -> Iterator[Mapping[str, Any]]:
    yield from (each for each in (value.values() if isinstance(value, dict) else ()) if isinstance(each, dict))


def _line(text: str, port: int) -> int:
    """Return the line where a port is fixed: where it is called one, else where its number first stands."""
    plain = without_comments(text)
    patterns = (rf"\bport[\"']?\s*:\s*{port}\b", rf"localhost:{port}\b", rf"\b{port}\b")
    found = next((match for each in patterns if (match := re.search(each, plain))), None)
    return text.count("\n", 0, found.end()) + 1 if found else 1

"""The servers of frameworks, and how each is told its port where it does not take the variable `PORT`."""

import re
from collections.abc import Mapping

from router.launch.wrappers import base_name, names
from router.values import dataclass

_JS_VALUED = names("-c --config -m --mode -l --logLevel --base --root --host -H --hostname")
_VITE_FLAGS = ("--port", "{port}", "--strictPort")
_PORT = frozenset({"--port"})
_SHORT = frozenset({"--port", "-p"})
_NEITHER = frozenset({"--help", "--version"})
# A text, as few commands need it: `re` compiles it when it is first used
_INTERPRETER = r"(python|pypy|ruby|php|node|bun|tsx|deno)[0-9.]*"


@dataclass(frozen=True, slots=True)
class Server:
    """A framework's server: its `programs` by name, the words `subs` of which one follows (none is asked for: any).

    It takes its port by the words `flags`, or by `variable` where nothing else names one. `options` are those that
    name a port, `positional` matches a plain word that does. With `repeats` the last of two options counts; `void`
    are options beside which it takes no port at all. `node` tells one that Node runs, `others` what it also does.
    """

    name: str
    programs: frozenset[str]
    subs: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    flags: tuple[str, ...] = ()
    variable: str = ""
    options: frozenset[str] = _PORT
    positional: str = ""
    repeats: bool = True
    void: frozenset[str] = frozenset()
    valued: frozenset[str] = frozenset()
    node: bool = False
    page: bool = True


def _js(name: str, programs: str, subs: str = "", flags: tuple[str, ...] = ("--port", "{port}"), *, others: str = "",
        short: bool = False, repeats: bool = True, variable: str = "") -> Server:  # fmt: skip
    return Server(
        name, frozenset(programs.split()), frozenset(subs.split()), frozenset(others.split()), flags, variable,
        _SHORT if short else _PORT, repeats=repeats, valued=_JS_VALUED, node=True,
    )  # fmt: skip


_JAVASCRIPT = (
    _js("Vite", "vite", "", _VITE_FLAGS, others="build optimize"),
    _js("Astro", "astro", "dev preview", repeats=False),
    _js("Nuxt", "nuxt nuxi nuxt-cli", "dev preview", short=True),
    _js("Next", "next", "", ("-p", "{port}"), short=True,
        others="build export lint info telemetry typegen upgrade analyze experimental-analyze"),
    _js("React Router", "react-router", "dev", _VITE_FLAGS),
    _js("Remix", "remix", "vite:dev", _VITE_FLAGS),
    _js("webpack", "webpack webpack-cli", "serve server s"),
    _js("webpack-dev-server", "webpack-dev-server"),
    _js("Rspack", "rspack", "serve server s dev", repeats=False),
    _js("Rsbuild", "rsbuild", "dev preview", repeats=False),
    _js("Angular", "ng", "serve s dev"),
    _js("Storybook", "storybook", "dev", ("-p", "{port}", "--exact-port"), short=True),
    _js("Storybook", "start-storybook", "", ("-p", "{port}"), short=True),
    _js("Parcel", "parcel", "", ("-p", "{port}"), others="build watch help", short=True),
    _js("Docusaurus", "docusaurus", "start serve", short=True),
    _js("VitePress", "vitepress", "dev serve preview", repeats=False),
    _js("Vue CLI", "vue-cli-service", "serve", repeats=False),
    _js("Gatsby", "gatsby", "develop", ("-p", "{port}"), short=True, repeats=False),
    _js("Wrangler", "wrangler", "dev", repeats=False),
    _js("React Scripts", "react-scripts craco react-app-rewired", "start", (), variable="PORT"),
)  # fmt: skip
_BIND = ("-b", "127.0.0.1:{port}")
_BINDS = frozenset({"-b", "--bind"})
_OTHERS = (
    Server("Flask", frozenset({"flask"}), frozenset({"run"}), flags=("--port", "{port}"), variable="FLASK_RUN_PORT",
           options=_SHORT, valued=frozenset({"--app", "-A", "-e", "--env-file"})),
    Server("Uvicorn", frozenset({"uvicorn"}), flags=("--port", "{port}"), variable="UVICORN_PORT",
           void=frozenset({"--uds", "--fd"}), page=False),
    Server("FastAPI", frozenset({"fastapi"}), frozenset({"dev", "run"}), flags=("--port", "{port}"), page=False),
    Server("Django", frozenset({"manage.py", "django-admin", "django"}), frozenset({"runserver", "runserver_plus"}),
           flags=("{port}",), options=frozenset(), positional=r"(?:\S*:)?(?:\d+|\$\S+)",
           valued=frozenset({"--settings", "--pythonpath", "-v", "--verbosity"})),
    Server("Gunicorn", frozenset({"gunicorn"}), flags=_BIND, options=_BINDS, repeats=False),
    Server("Hypercorn", frozenset({"hypercorn"}), flags=_BIND, options=_BINDS, repeats=False, page=False),
    Server("Daphne", frozenset({"daphne"}), flags=("-p", "{port}"), options=_SHORT, page=False),
    Server("Python's http.server", frozenset({"http.server"}), flags=("{port}",), options=frozenset(),
           positional=r"\d+|\$\S+", valued=frozenset({"-b", "--bind", "-d", "--directory", "-p", "--protocol"})),
    Server("Rails", frozenset({"rails"}), frozenset({"s", "server"}), flags=("-p", "{port}"), options=_SHORT),
    Server("Puma", frozenset({"puma"}), flags=("-p", "{port}"), options=_SHORT | _BINDS, repeats=False,
           void=frozenset({"-b", "--bind"})),
    Server("Laravel", frozenset({"artisan"}), frozenset({"serve"}), flags=("--port={port}",)),
)  # fmt: skip
SERVERS = (*_JAVASCRIPT, *_OTHERS)


@dataclass(frozen=True, slots=True)
class Running:
    """A server as a command runs it: `arguments` are its words behind the program, `offset` where they begin."""

    server: Server
    arguments: tuple[str, ...]
    offset: int


def running(words: tuple[str, ...]) -> Running | None:
    """Return the server that a command's words run, None where they run none that is known."""
    name, offset = program(words)
    arguments = words[offset:]
    plain = None
    for server in SERVERS:
        if name in server.programs and not (_NEITHER | server.void) & set(arguments):
            plain = _first_plain(arguments, server.valued)
            if plain not in server.others and (not server.subs or plain in server.subs):
                return Running(server, arguments, offset)
    return None


def program(words: tuple[str, ...]) -> tuple[str, int]:
    """Return the name of what a command runs, an interpreter's script or module, and where its arguments begin."""
    name = base_name(words[0]) if words else ""
    if not (match := re.fullmatch(_INTERPRETER, name)):
        return _stem(name), 1
    place = 1
    while place < len(words):
        word = words[place]
        if word == "-m" and match[1] in {"python", "pypy"} and place + 1 < len(words):
            return words[place + 1], place + 2
        if word in {"-X", "-W", "-r", "--require", "--import", "--loader"}:
            place += 2
        elif word.startswith("-"):
            place += 1
        else:
            installed = match[1] not in {"node", "bun", "tsx", "deno"} or "node_modules/" in word
            return (_stem(base_name(word)) if installed else name), place + 1
    return name, len(words)


def named_port(words: tuple[str, ...], server: Server) -> str | None:
    """Return what words of a server's arguments say of its port, the last of them; None where they say nothing."""
    found = None
    for before, word, after in zip(("", *words), words, (*words[1:], ""), strict=False):
        name, equals, value = word.partition("=")
        if name in server.options:
            found = value if equals else after
        elif joined := _joined(word, server.options):
            found = joined
        elif server.positional and re.fullmatch(server.positional, word) and before not in server.valued:
            found = word
    return found


def refers_to(value: str, port: int, environ: Mapping[str, str]) -> bool:
    """Tell whether a word such as `$PORT` or `${PORT:-3000}` becomes this port in this environment."""
    match = re.fullmatch(r"(?:\S*:)?\$(?:\{([A-Za-z_]\w*)(?::?[-=][^{}]*)?\}|([A-Za-z_]\w*))", value)
    return match is not None and environ.get(match[1] or match[2]) == str(port)


def _joined(word: str, options: frozenset[str]) -> str:
    """Return the value of a short option that is written with it, as in `-p3000`."""
    match = re.fullmatch(r"(-[A-Za-z])(\S*:)?(\d+)", word)
    return f"{match[2] or ''}{match[3]}" if match and match[1] in options else ""


def _first_plain(words: tuple[str, ...], valued: frozenset[str]) -> str:
    for place, word in enumerate(words):
        if not word.startswith("-") and (place == 0 or words[place - 1] not in valued):
            return word
    return ""


def _stem(name: str) -> str:
    return re.sub(r"(?<=.)@[^@]*$|\.(?:[cm]?js|cmd|exe)$", "", name)  # npx vite@latest

"""Vite, and what is built on it: it accepts every `*.localhost`, whatever `server.allowedHosts` says.

So did 5.4, 6.4, 7.3 and 8.3 when they were asked. Its client uses the page's own host, unless the configuration names
another one in `server.hmr`, which 8 calls `server.ws`.
"""

from collections.abc import Iterator

from router.doctor.frameworks.exports import configurations
from router.doctor.frameworks.framework import Files, Framework, elsewhere, worst
from router.doctor.frameworks.javascript import Object, Value, mentions, tokens
from router.doctor.frameworks.package import SCRIPTS, Package

_VITE = tuple(f"vite.config.{end}" for end in SCRIPTS)
_AROUND = tuple(f"{name}.config.{end}" for name in ("astro", "nuxt") for end in SCRIPTS)
_CONFIGS = (*_VITE, *_AROUND, "svelte.config.js")
_PACKAGES = ("vite", "astro", "nuxt", "@sveltejs/kit", "rolldown-vite")
_PROGRAMS = ("vite", "astro", "nuxt", "nuxi")
_HARMLESS = frozenset({"overlay", "timeout", "path"})  # of server.hmr and server.ws
_NO_VALUE = frozenset({"undefined", "null", "false"})
_LOOK = "server.hmr (and in Vite 8 server.ws) must set no host, port, clientPort or protocol, and server no origin"


def frameworks(files: Files, package: Package) -> Iterator[Framework]:
    """Yield what Vite needs, where a directory is an app of it."""
    if package.is_app(files, _PACKAGES, programs=_PROGRAMS, configs=_CONFIGS):
        read = _named(package) or [name for name in (*_VITE, *_AROUND) if name in files]
        yield worst([_file(name, files.get(name)) for name in read]) or Framework("vite")


def further_files(package: Package) -> tuple[str, ...]:
    """Return the names of Vite's files that are worth reading."""
    return (*_CONFIGS, *_named(package), "index.html")


def _named(package: Package) -> list[str]:
    """Return the configurations that the scripts name."""
    given = (command.option("--config", "-c") or "" for command in package.commands("vite"))
    return [name.removeprefix("./") for name in given if name]


def _file(name: str, text: str | None) -> Framework:
    """Return what one configuration needs; that of Astro and Nuxt has Vite's own in its property `vite`."""
    if text is None:
        return _unsure(name, f"a script names the configuration {name}, which is not there")
    found, around = tokens(text), name in _AROUND
    mentioned = mentions(found, "hmr", "clientPort")
    roots = configurations(found)
    if roots is None:
        if not found or (around and not mentioned):  # what surrounds Vite rarely sets hot reload
            return Framework("vite")
        return _unsure(name, "only running it shows its settings")
    answers = [answer for root in roots for answer in (_around(name, root) if around else _settings(name, root))]
    reached = sum(_reached(root, around=around) for root in roots)
    if mentioned > reached or mentions(found, "mergeConfig"):
        answers.append(_unsure(name, "it sets hot reload, or merges settings, where only running it shows the result"))
    return worst(answers) or Framework("vite")


def _around(name: str, root: Object) -> Iterator[Framework]:
    value = root.get("vite")
    if value is not None and value.object is not None:
        yield from _settings(name, value.object)
    elif value is not None or root.open:
        yield _unsure(name, "its vite is a variable or computed")


def _settings(name: str, settings: Object) -> Iterator[Framework]:
    """Yield what the settings of Vite lack, or why that is not known; nothing where they are right."""
    if settings.open:
        yield _unsure(name, "its settings include those of another object")
    server = settings.get("server")
    if server is not None and server.object is None:
        yield _unsure(name, "its server is a variable or computed")
    elif server is not None and server.object is not None:
        yield from _server(name, server.object)


def _server(name: str, server: Object) -> Iterator[Framework]:
    if server.open:
        yield _unsure(name, "its server includes the settings of another object")
    origin = server.get("origin")
    if origin is not None and origin.text:
        without = "its server.origin takes images and fonts from another place than the page's: remove it"
        yield Framework("vite", file=name, without=without)
    for key in ("hmr", "ws"):
        value = server.get(key)
        if value is None or (value.plain is not None and value.text is None):
            continue
        if value.object is None or value.object.open:
            yield _unsure(name, f"its server.{key} is a variable or computed")
        if value.object is not None:
            yield from (answer for part, each in value.object.properties for answer in _hot(name, key, part, each))


def _hot(name: str, group: str, key: str, value: Value) -> Iterator[Framework]:
    """Yield what is wrong with one setting of hot reload."""
    if key in _HARMLESS or value.plain in _NO_VALUE or (key == "protocol" and value.text == "ws"):
        return
    if value.plain is not None:
        yield elsewhere("vite", name, f"its server.{group}.{key}")
    else:
        yield _unsure(name, f"its server.{group}.{key} is computed")


def _reached(root: Object, *, around: bool) -> int:
    """Return how many of the mentions of hot reload stand where they are read."""
    value = root.get("vite") if around else None
    settings = value.object if value is not None and value.object is not None else root
    server = settings.get("server")
    return 0 if server is None else mentions(server.tokens, "hmr", "clientPort")


def _unsure(name: str, why: str) -> Framework:
    return Framework("vite", file=name, unsure=why, look=_LOOK)

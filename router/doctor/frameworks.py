"""Which web framework a directory has, and the line that its configuration lacks behind `*.localhost`."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Files = Mapping[str, str]
Version = tuple[int, ...]

MARKERS = ("package.json", "manage.py", "Gemfile")
"""The files that show whether a directory uses a framework at all."""

_SCRIPTS = ("js", "mjs", "cjs", "ts", "mts")
_NEXT = tuple(f"next.config.{end}" for end in _SCRIPTS)
_VITE = tuple(f"vite.config.{end}" for end in _SCRIPTS)
_WEBPACK = tuple(f"webpack.config.{end}" for end in _SCRIPTS)
_RAILS = ("config/application.rb", "config/environments/development.rb")
_INSTALLED = ("node_modules/next/package.json", "node_modules/webpack-dev-server/package.json")
_ON_VITE = ("vite", "astro", "nuxt", "@sveltejs/kit")
_ON_WEBPACK = ("webpack-dev-server", "react-scripts", "@vue/cli-service")
_ANGULAR = ("@angular/cli", "@angular/build")

_NEXT_CHECKS = (15, 2)  # checks the Origin of requests for its own files
_NEXT_ANY_DEPTH = (16, 3)  # accepts `**.localhost`, before that `*.localhost`
_WEBPACK_ACCEPTS = (4, 11)  # always accepts `*.localhost`
_RAILS_CHECKS = (6, 0)  # has ActionDispatch::HostAuthorization


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework that a directory uses, and the `line` that its `file` lacks; `without` is what happens without it.

    All three are empty where it needs nothing. With `deep` it needs the line only for hosts of two labels
    (`api.feature-x.localhost`), which services other than `web` have; `programs` are the names of its server.
    """

    name: str
    line: str = ""
    file: str = ""
    without: str = ""
    deep: bool = False
    programs: frozenset[str] = frozenset()


def further_files(files: Files) -> tuple[str, ...]:
    """Return the names of further files to read, by the texts of the markers that a directory has."""
    names: list[str] = []
    if "package.json" in files:
        names += [*_NEXT, *_VITE, *_WEBPACK, *_INSTALLED]
    if "Gemfile" in files:
        names += ["Gemfile.lock", *_RAILS]
    return (*names, *_django_settings(files.get("manage.py", "")))


def frameworks(files: Files) -> tuple[Framework, ...]:
    """Return the frameworks of a directory by its files' texts (name → text), which may hold anything."""
    packages = _packages(files.get("package.json", ""))
    used = [_next(files, packages)] if "next" in packages else list(_javascript(files, packages))
    if "DJANGO_SETTINGS_MODULE" in files.get("manage.py", ""):
        used.append(_django(files))
    if re.search(r"""^[ \t]*gem[ \t]*\(?[ \t]*["']rails["']""", files.get("Gemfile", ""), re.MULTILINE):
        used.append(_rails(files))
    return tuple(used)


def _javascript(files: Files, packages: Mapping[str, str]) -> Iterator[Framework]:
    if any(name in packages for name in _ANGULAR):
        yield _webpack("angular", files, file="angular.json", line='"allowedHosts": [".localhost"]')
    elif any(name in packages for name in _ON_WEBPACK):
        file = next((name for name in _WEBPACK if name in files), "webpack.config.js")
        yield _webpack("webpack-dev-server", files, file=file, line='devServer: { allowedHosts: [".localhost"] },')
    if any(name in packages for name in _ON_VITE):
        yield _vite(files)


def _next(files: Files, packages: Mapping[str, str]) -> Framework:
    """Next checks the Origin of requests for `/_next/*`: since 15.2 it warns, since 16.2 it refuses."""
    version = _installed(files, "next") or _at_least(packages["next"])
    file = next((name for name in _NEXT if name in files), "next.config.js")
    allowed = re.search(r"allowedDevOrigins[^\]]{0,300}\*\*\.localhost", _without_comments(files.get(file, "")))
    if allowed or (version and (version < _NEXT_CHECKS or version >= _NEXT_ANY_DEPTH)):
        return Framework("next")
    return Framework(
        "next",
        line="allowedDevOrigins: ['**.localhost'],",
        file=file,
        without="it refuses its own scripts and hot reload",
        deep=True,
        programs=frozenset({"next", "next-server"}),
    )


def _vite(files: Files) -> Framework:
    """Vite accepts every `*.localhost`; its client uses the page's own host unless `server.hmr` names another."""
    file = next((name for name in _VITE if name in files), "")
    text = _without_comments(files.get(file, ""))
    elsewhere = re.search(r"\bhmr\s*:\s*\{[^{}]*\b(host|clientPort)\s*:", text)
    if not elsewhere:
        return Framework("vite")
    return Framework(
        "vite",
        file=file,
        without=f"its server.hmr.{elsewhere[1]} sends hot reload to another host than the page's: remove it",
    )


def _webpack(name: str, files: Files, *, file: str, line: str) -> Framework:
    """webpack-dev-server, by itself or in another tool, accepts every `*.localhost` since 4.11."""
    version = _installed(files, "webpack-dev-server")
    if version is None or version >= _WEBPACK_ACCEPTS or ".localhost" in files.get(file, ""):
        return Framework(name)
    return Framework(name, line=line, file=file, without='it answers "Invalid Host header"')


def _django(files: Files) -> Framework:
    """Django: with DEBUG an empty ALLOWED_HOSTS accepts `.localhost`, any other accepts what is in it."""
    file = next((name for name in _django_settings(files["manage.py"]) if name in files), "")
    hosts = _allowed_hosts(files.get(file, ""))
    if not hosts or {".localhost", "*"} & set(hosts):
        return Framework("django")
    line = 'ALLOWED_HOSTS = [*ALLOWED_HOSTS, ".localhost"]'
    return Framework("django", line=line, file=file, without="it answers 400, DisallowedHost")


def _rails(files: Files) -> Framework:
    """Rails allows `.localhost` in development, by an expression that accepts one label."""
    version = _number(r"^    rails \((\d+\.\d+)", files.get("Gemfile.lock", ""))
    text = "\n".join(re.sub(r"#.*", "", files.get(name, "")) for name in _RAILS)
    open_to_all = re.search(r"config\.hosts(?:\.clear|\s*=\s*(?:nil|\[\s*\]))", text)
    added = (match[1] for match in re.finditer(r"config\.hosts\s*(?:<<|\+=|=)([^\n]{0,300})", text))
    deep = any("localhost" in each.partition("/")[2] for each in added)
    if open_to_all or deep or (version and version < _RAILS_CHECKS):
        return Framework("rails")
    replaced = re.search(r"config\.hosts\s*=\s*\[([^\]]{0,300})\]", text)
    return Framework(
        "rails",
        line=r"config.hosts << /[a-z0-9.-]+\.localhost(:\d+)?/",
        file=_RAILS[1],
        without="it answers 403, Blocked hosts",
        deep=replaced is None or ".localhost" in replaced[1],
        programs=frozenset({"rails", "puma", "rackup", "unicorn"}),
    )


def _packages(text: str) -> dict[str, str]:
    """Return the packages that a package.json depends on: name → version."""
    package = _json(text)
    groups = (package.get(key) for key in ("dependencies", "devDependencies"))
    return {name: str(version) for group in groups if isinstance(group, dict) for name, version in group.items()}


def _installed(files: Files, package: str) -> Version | None:
    version = _json(files.get(f"node_modules/{package}/package.json", "")).get("version")
    return _number(r"^(\d+\.\d+)", version) if isinstance(version, str) else None


def _at_least(version_range: str) -> Version | None:
    return _number(r"^[~^]?(\d+\.\d+)", version_range)


def _number(pattern: str, text: str) -> Version | None:
    match = re.search(pattern, text, re.MULTILINE)
    return tuple(int(part[:6]) for part in match[1].split(".")) if match else None


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _without_comments(text: str) -> str:
    """Return JavaScript without its comments, roughly: the slashes of an address in quotes stay."""
    return re.sub(r"/\*.*?(?:\*/|\Z)|(?<![:\"'])//[^\n]*", "", text, flags=re.DOTALL)


def _django_settings(manage: str) -> tuple[str, ...]:
    """Return the files that may hold the settings that a manage.py names: a module, or a package."""
    named = re.search(r"DJANGO_SETTINGS_MODULE[\"']\s*,\s*[\"']([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)[\"']", manage)
    path = named[1].replace(".", "/") if named else ""
    return (f"{path}.py", f"{path}/__init__.py") if path else ()


def _allowed_hosts(text: str) -> tuple[str, ...]:
    """Return the hosts that a settings module allows for certain; none where only running it would show them."""
    plain = re.sub(r"#[^\n]*", "", text)
    if plain.count("ALLOWED_HOSTS") != 1 or re.search(r"^from\s+\S+\s+import\s+\*", plain, re.MULTILINE):
        return ()
    match = re.search(r"^ALLOWED_HOSTS\s*(?::[^=\n]*)?=\s*[\[(]([^\[\]()]*)[\])]\s*$", plain, re.MULTILINE)
    items = [item.strip() for item in match[1].split(",") if item.strip()] if match else []
    literal = all(re.fullmatch(r"'[^'\\]*'|\"[^\"\\]*\"", item) for item in items)
    return tuple(item[1:-1] for item in items) if literal else ()

"""Whether the frameworks of a `package.json` accept `*.localhost`, and whether hot reload finds its way back."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from router.doctor.frameworks.framework import (
    SCRIPTS,
    Files,
    Framework,
    as_json,
    first_of,
    version_of,
    without_comments,
)

MARKER = "package.json"
_CONFIGS = {
    "next": tuple(f"next.config.{end}" for end in SCRIPTS),
    "vite": tuple(f"{name}.config.{end}" for name in ("vite", "astro", "nuxt") for end in SCRIPTS),
    "webpack": tuple(f"webpack.config.{end}" for end in SCRIPTS),
    "vue": tuple(f"vue.config.{end}" for end in SCRIPTS),
}
_INSTALLED = tuple(f"node_modules/{name}/package.json" for name in ("next", "webpack-dev-server"))
_OTHERS = ("index.html", "angular.json", ".env", ".env.development")
_ON_VITE = ("vite", "astro", "nuxt", "@sveltejs/kit")
_ANGULAR = ("@angular/cli", "@angular/build")
_PACKAGES = ("next", *_ON_VITE, "webpack-dev-server", "react-scripts", "@vue/cli-service", *_ANGULAR)
_SERVES = {"react-scripts": "react-scripts", "@vue/cli-service": "vue-cli-service", "@sveltejs/kit": "vite",
           "webpack-dev-server": "webpack", "@angular/cli": "ng", "@angular/build": "ng"}  # fmt: skip
"""The programs that start a package's server, where they are called otherwise."""

_COMPUTED = (
    ("server.hmr", r"\bhmr\s*:\s*(?!\{|true\b|false\b|undefined\b)\S|[{,]\s*hmr\s*[,}]|\bhmr\s*:\s*\{[^{}]*\.\.\."),
    (
        "server",
        r"\bserver\s*:\s*(?!\{)\S|[{,]\s*server\s*[,}]|\bserver\s*:\s*\{(?:[^{}]|\{[^{}]*\})*\.\.\.|mergeConfig\(",
    ),
)
"""What of a Vite configuration is a variable, a call or a spread."""
_NEXT_CHECKS = (15, 2)  # checks the Origin of requests for its own files
_NEXT_ANY_DEPTH = (16, 3)  # accepts `**.localhost`, before that `*.localhost`
_WEBPACK_ACCEPTS = (4, 11)  # always accepts `*.localhost`
_ANGULAR_ON_VITE = (17, 0)
_INVALID = 'it answers "Invalid Host header"'


def further_files(files: Files) -> Iterator[str]:
    """Yield the names of further files to read."""
    if MARKER in files:
        yield from (name for names in _CONFIGS.values() for name in names)
        yield from (*_INSTALLED, *_OTHERS)


def frameworks(files: Files) -> Iterator[Framework]:
    """Yield what the frameworks of a `package.json` need, those that a server of this directory runs on."""
    package = as_json(files.get(MARKER, ""))
    packages = {name: wanted for name, wanted in _packages(package).items() if _is_app(name, package, files)}
    if "next" in packages:
        yield _next(files, packages["next"])
        return
    if any(name in packages for name in _ANGULAR):
        yield _angular(files, packages)
    elif "react-scripts" in packages:
        yield _react_scripts(files, package)
    elif "@vue/cli-service" in packages:
        file = first_of(files, _CONFIGS["vue"]) or "vue.config.js"
        yield _webpack("vue-cli", files, file=file, line='devServer: { allowedHosts: [".localhost"] },')
    elif "webpack-dev-server" in packages:
        file = first_of(files, _CONFIGS["webpack"]) or "webpack.config.js"
        line = 'devServer: { allowedHosts: [".localhost"] },'
        yield _webpack("webpack-dev-server", files, file=file, line=line, wanted=packages["webpack-dev-server"])
    if any(name in packages for name in _ON_VITE):
        yield _vite(files)


def _packages(package: Mapping[str, Any]) -> dict[str, str]:
    groups = [package.get(key) for key in ("dependencies", "devDependencies")]
    return {name: str(version) for group in groups if isinstance(group, dict) for name, version in group.items()}


def _is_app(name: str, package: Mapping[str, Any], files: Files) -> bool:
    """Tell whether a directory serves by a package: a library has it for its tests, or for those who use it."""
    if name not in _PACKAGES:
        return False
    direct = package.get("dependencies")
    if isinstance(direct, dict) and name in direct:
        return True
    scripts = package.get("scripts")
    commands = " ".join(map(str, scripts.values())) if isinstance(scripts, dict) else ""
    program = _SERVES.get(name, name)
    start = rf"(?<![\w@/-]){re.escape(program)}(?![\w-])(?!\s+(?:build|test|preview|lint|optimize))"
    serves = re.search(start, commands)
    return serves is not None or "index.html" in files


def _next(files: Files, wanted: str) -> Framework:
    """Next checks the Origin of requests for `/_next/*`: since 15.2 it warns, since 16.2 it refuses."""
    version = version_of(files, "next", wanted)
    file = first_of(files, _CONFIGS["next"]) or "next.config.js"
    text = without_comments(files.get(file, ""))
    allowed = re.search(r"allowedDevOrigins[^\]]{0,300}\*\*\.localhost", text)
    if allowed or (version and (version < _NEXT_CHECKS or version >= _NEXT_ANY_DEPTH)):
        return Framework("next")
    if re.search(r"\ballowedDevOrigins\b(?!\s*:\s*\[[^\]]*\])", text):
        reason = f"allowedDevOrigins of {file} is computed: it has to have '**.localhost' for api.<label>.localhost"
        return Framework("next", file=file, unsure=reason)
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
    file = first_of(files, _CONFIGS["vite"])
    text = without_comments(files.get(file, ""))
    if elsewhere := re.search(r"\bhmr\s*:\s*\{[^{}]*\b(host|clientPort|port)\s*:", text):
        what = f"its server.hmr.{elsewhere[1]} sends hot reload to another place than the page's: remove it"
        return Framework("vite", file=file, without=what)
    if computed := _computed(text):
        reason = f"{computed} of {file} is computed: it must not set hmr.host, hmr.clientPort or hmr.port"
        return Framework("vite", file=file, unsure=reason)
    return Framework("vite")


def _computed(text: str) -> str:
    """Return which setting of a Vite configuration could hold one of `hmr` that is not written there, or empty."""
    for name, pattern in _COMPUTED:
        if re.search(pattern, text):
            return name
    return ""


def _react_scripts(files: Files, package: Mapping[str, Any]) -> Framework:
    """Create React App checks the host only where `package.json` has a `proxy`, by webpack-dev-server's own rule."""
    settings = {name: text for name in (".env", ".env.development") if (text := files.get(name))}
    for name, text in settings.items():
        if match := re.search(r"^\s*(WDS_SOCKET_(?:HOST|PORT))\s*=\s*(?!0\s*$)\S", text, re.MULTILINE):
            what = f"{match[1]} sends hot reload to another place than the page's: remove it"
            return Framework("react-scripts", file=name, without=what)
    if "proxy" not in package or "DANGEROUSLY_DISABLE_HOST_CHECK=true" in "".join(settings.values()):
        return Framework("react-scripts")
    line, file = "DANGEROUSLY_DISABLE_HOST_CHECK=true", ".env.development"
    return _webpack("react-scripts", files, file=file, line=line)


def _angular(files: Files, packages: Mapping[str, str]) -> Framework:
    """Angular serves by Vite since 17, by webpack-dev-server before that."""
    wanted = next(packages[name] for name in _ANGULAR if name in packages)
    version = version_of({}, "", wanted)
    if version and version >= _ANGULAR_ON_VITE:
        return Framework("angular")
    return _webpack("angular", files, file="angular.json", line='"allowedHosts": [".localhost"]')


def _webpack(name: str, files: Files, *, file: str, line: str, wanted: str = "") -> Framework:
    """webpack-dev-server, by itself or in another tool, accepts every `*.localhost` since 4.11."""
    text = without_comments(files.get(file, ""))
    if match := re.search(r"\bwebSocketURL\s*:\s*(?:\{[^{}]*\b(hostname|port)\s*:\s*(?!0\b)|[\"'])", text):
        what = (
            f"its client.webSocketURL{f'.{match[1]}' if match[1] else ''} sends hot reload to another place: remove it"
        )
        return Framework(name, file=file, without=what)
    version = version_of(files, "webpack-dev-server", wanted)
    if ".localhost" in text or re.search(r"\ballowedHosts[\"']?\s*:\s*[\"']all[\"']", text):
        return Framework(name)
    if version is None:
        reason = (
            "which webpack-dev-server it has shows once it is installed: before 4.11 it needs a line for *.localhost"
        )
        return Framework(name, file=file, unsure=reason)
    if version >= _WEBPACK_ACCEPTS:
        return Framework(name)
    return Framework(name, line=line, file=file, without=_INVALID)

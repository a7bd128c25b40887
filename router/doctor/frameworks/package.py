"""What a package.json says: what it depends on, in which version, and which servers its scripts start."""

import re
from collections.abc import Iterator, Mapping, Sequence

from router.doctor.frameworks.framework import Files, Version, as_json, number
from router.values import dataclass

MARKER = "package.json"
SCRIPTS = ("js", "mjs", "cjs", "ts", "mts", "cts")
"""How the files end that are written in JavaScript or TypeScript."""

ENV_FILES = (".env", ".env.development", ".env.local", ".env.development.local")
"""The env files of a development server: a later one wins."""

_NO_SERVER = frozenset({"add", "analyze", "build", "check", "export", "extract-i18n", "generate", "info", "inspect",
                        "lint", "new", "optimize", "prepare", "preview", "start", "sync", "telemetry", "test",
                        "typegen", "update", "upgrade"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a script: what is `before` its program, as variables are, and its arguments `after` it."""

    before: tuple[str, ...]
    after: tuple[str, ...]

    def option(self, *names: str) -> str | None:
        """Return the value of an option; an empty one for a flag at the end, None where it is not given."""
        for index, word in enumerate(self.after):
            name, is_set, value = word.partition("=")
            if name in names:
                return value if is_set else next(iter(self.after[index + 1 : index + 2]), "")
        return None


@dataclass(frozen=True, slots=True)
class Package:
    """A package.json: what it depends on, itself and for `development` only (name → version), its scripts, a proxy."""

    direct: Mapping[str, str]
    development: Mapping[str, str]
    scripts: tuple[str, ...]
    proxy: bool

    @property
    def all(self) -> Mapping[str, str]:
        """Return every package that it depends on."""
        return {**self.development, **self.direct}

    def commands(self, *programs: str, starts: bool = False) -> Iterator[Command]:
        """Yield the commands of the scripts that start a server by one of these programs.

        `starts` is whether `<program> start` starts a server for development: of most it serves what was built.
        """
        for part in (part for script in self.scripts for part in re.split(r"&&|\|\||[;&|\"]", script)):
            words = tuple(part.split())
            at = next((i for i, word in enumerate(words) if word.rpartition("/")[2] in programs), None)
            first = "" if at is None else next(iter(words[at + 1 : at + 2]), "")
            if at is not None and (first not in _NO_SERVER or (starts and first == "start")):
                yield Command(words[:at], words[at + 1 :])

    def is_app(self, files: Files, names: Sequence[str], *, programs: Sequence[str], configs: Sequence[str]) -> bool:
        """Tell whether it is an app of a framework, by the names of its packages, programs and configurations.

        A library may depend on a framework for its tests and types alone: without a script that starts a server, a
        configuration and a page it is no app.
        """
        if any(name in self.direct for name in names):
            return True
        if not any(name in self.development for name in names):
            return False
        return any(name in files for name in (*configs, "index.html")) or any(self.commands(*programs, starts=True))


def package(files: Files) -> Package:
    """Return what the package.json of a directory says; an empty one where there is none that can be read."""
    values = as_json(files.get(MARKER, ""))
    scripts = values.get("scripts")
    texts = scripts.values() if isinstance(scripts, dict) else ()
    return Package(
        direct=_versions(values.get("dependencies")),
        development=_versions(values.get("devDependencies")),
        scripts=tuple(text for text in texts if isinstance(text, str)),
        proxy=bool(values.get("proxy")),
    )


def installed(files: Files, name: str) -> Version | None:
    """Return the version of a package in node_modules; None where it is not installed."""
    version = as_json(files.get(f"node_modules/{name}/package.json", "")).get("version")
    return number(r"^(\d+\.\d+)", version) if isinstance(version, str) else None


def lowest(wanted: str) -> Version | None:
    """Return the lowest version that a range allows; None where it does not begin with one."""
    return number(r"^(?:[~^=v]|>=)?\s*(\d+(?:\.\d+)?)", wanted)


def _versions(group: object) -> dict[str, str]:
    return {name: str(version) for name, version in group.items()} if isinstance(group, dict) else {}

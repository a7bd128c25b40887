"""The command that starts a checkout's dev servers, as its own files say it. It is shown, and never run."""

import json
import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from router import files
from router.errors import FileError
from router.naming import shown
from router.toml_reader import read_toml

_LARGEST = 1 << 18  # bytes of a file
_SCRIPTS = ("dev", "develop", "start:dev", "serve", "start")
"""Scripts of package.json that start a dev server, the most usual first; `start` is often the one for production."""
_LOCKS = {
    "pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lock": "bun", "bun.lockb": "bun", "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
}  # fmt: skip
_MANAGERS = frozenset(_LOCKS.values())
_RUNNERS = ("overmind start -f", "hivemind", "honcho start -f", "foreman start -f")
"""What starts a Procfile, the first that is installed."""
_PYTHON_LOCKS = {"uv.lock": "uv run ", "poetry.lock": "poetry run ", "pdm.lock": "pdm run ", "Pipfile": "pipenv run "}
_PYTHON_MODULES = ("main", "app", "app.main", "src.main", "wsgi")
_PARTS = ("frontend", "web", "client", "app", "ui", "site", "backend", "server", "api")
"""Folders of a checkout that have its server where the checkout itself has none, the pages' first."""

Installed = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class StartCommand:
    """A command line, and the folder of the checkout to type it in; empty for the checkout itself."""

    line: str
    folder: str = ""

    def typed(self, root: str, *, here: str | None = None) -> str:
        """Return what to type in the directory `here`, or anywhere, to start it on the port of the checkout `root`."""
        place = str(Path(root) / self.folder)
        run = f"router run -- {self.line}"
        return (
            run
            if here and os.path.realpath(here) == os.path.realpath(place)
            else f"cd {shlex.quote(shown(place))} && {run}"
        )


def start_command(root: Path, *, installed: Installed = lambda _: None) -> StartCommand | None:
    """Return the command that starts the dev servers of a checkout, None where no file says one.

    `installed` tells whether a program is on PATH. What agents wrote is data: of files only fixed names come into the
    command. What cannot be read, or is larger than 256 KiB, counts as missing. Raises nothing.
    """
    for folder in ("", *_PARTS):
        place = root / folder
        line = _line(place, root, installed) if not folder or _is_directory(place) else None
        if line:
            return StartCommand(line, folder)
    return None


def _line(place: Path, root: Path, installed: Installed) -> str | None:
    lines = (
        "bin/dev" if os.access(place / "bin/dev", os.X_OK) and _is_file(place / "bin/dev") else None,
        _procfile(place, "Procfile.dev", installed),
        _script(place, root),
        _django(place),
        "bin/rails server" if _is_file(place / "bin/rails") else None,
        "php artisan serve" if _is_file(place / "artisan") else None,
        "mix phx.server" if "phoenix" in (_text(place / "mix.exs") or "") else None,
        _task(place),
        _procfile(place, "Procfile", installed),
        _python(place),
    )
    return next(filter(None, lines), None)


def _procfile(place: Path, name: str, installed: Installed) -> str | None:
    if not re.search(r"^[A-Za-z0-9_-]+:\s*\S", _text(place / name) or "", re.MULTILINE):
        return None
    runner = next((each for each in _RUNNERS if installed(each.split()[0])), _RUNNERS[-1])
    return f"{runner} {name}"


def _script(place: Path, root: Path) -> str | None:
    package = _object(_text(place / "package.json"))
    scripts = package.get("scripts")
    names = [name for name in _SCRIPTS if isinstance(scripts, Mapping) and isinstance(scripts.get(name), str)]
    return f"{_manager(package, place, root)} run {names[0]}" if names else None


def _manager(package: Mapping[str, object], place: Path, root: Path) -> str:
    """Return a package's manager: the one it names (`pnpm@9.1.0`), else that of a lock file, its own or the root's."""
    for named in (package, _object(_text(root / "package.json"))):
        manager = str(named.get("packageManager", "")).partition("@")[0]
        if manager in _MANAGERS:
            return manager
    locks = (manager for where in (place, root) for name, manager in _LOCKS.items() if _is_file(where / name))
    return next(locks, "npm")


def _django(place: Path) -> str | None:
    found = "django" in (_text(place / "manage.py") or "").lower()
    return f"{_runner(place)}python manage.py runserver" if found else None


def _task(place: Path) -> str | None:
    """Return the task called `dev` of a task runner."""
    for name in ("mise.toml", ".mise.toml"):
        tasks = _toml(_text(place / name)).get("tasks")
        if isinstance(tasks, Mapping) and "dev" in tasks:
            return "mise run dev"
    for name in ("deno.json", "deno.jsonc"):
        tasks = _object(_text(place / name)).get("tasks")
        if isinstance(tasks, Mapping) and "dev" in tasks:
            return "deno task dev"
    recipe, target = r"^dev(?:[ \t][^:\n]*)?:(?!=)", r"^dev(?:[ \t][^:=\n]*)?:(?!=)"
    runners = (("justfile", recipe, "just dev"), ("Justfile", recipe, "just dev"), ("Makefile", target, "make dev"))
    found = (line for name, pattern, line in runners if re.search(pattern, _text(place / name) or "", re.MULTILINE))
    return next(found, None)


def _python(place: Path) -> str | None:
    """Return the server of a FastAPI or Flask application in one of the modules where they usually are."""
    for module in _PYTHON_MODULES:
        text = _text(place / f"{module.replace('.', '/')}.py") or ""
        if found := re.search(r"^([A-Za-z_]\w*)\s*(?::[^=\n]*)?=\s*(FastAPI|Flask)\(", text, re.MULTILINE | re.ASCII):
            line = {"FastAPI": f"uvicorn {module}:{found[1]} --reload", "Flask": f"flask --app {module} run --debug"}
            return f"{_runner(place)}{line[found[2]]}"
    return None


def _runner(place: Path) -> str:
    return next((run for name, run in _PYTHON_LOCKS.items() if _is_file(place / name)), "")


def _object(text: str | None) -> Mapping[str, object]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _toml(text: str | None) -> Mapping[str, object]:
    try:
        return read_toml(text or "")
    except ValueError:
        return {}


def _text(path: Path) -> str | None:
    try:
        content = files.read_bounded(path, limit=_LARGEST)
    except FileError:
        return None
    return None if content is None else content.decode("utf-8-sig", "replace")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir() and not path.is_symlink()
    except OSError:
        return False

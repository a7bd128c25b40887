"""The command that starts a checkout's dev servers, as its own files say it. It is shown, and never run."""

import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from router import jsonc
from router.launch.managers import manager
from router.launch.tree import Tree, inside, package, tree
from router.observe.projects.apps import SCRIPTS, django, python_servers
from router.text import shown
from router.toml_reader import read_toml
from router.values import dataclass

_RUNNERS = ("overmind start -f", "hivemind", "honcho start -f", "foreman start -f")
"""What starts a Procfile, the first that is installed."""
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
    command. What cannot be read, is larger than 256 KiB, or is a link out of the checkout counts as missing. Raises
    nothing.
    """
    files = tree(root)
    for folder in ("", *_PARTS):
        runs = os.access(root / folder / "bin/dev", os.X_OK)
        if line := _line(files, folder, installed, runs=runs):
            return StartCommand(line, folder)
    return None


def _line(files: Tree, folder: str, installed: Installed, *, runs: bool) -> str | None:
    """Return the command of one folder; `runs` is whether its `bin/dev` may be executed."""

    def text(name: str) -> str:
        return files.read(inside(folder, name)) or ""

    def there(name: str) -> bool:
        return files.is_file(inside(folder, name))

    lines = (
        "bin/dev" if runs and there("bin/dev") else None,
        _procfile(text("Procfile.dev"), "Procfile.dev", installed),
        _script(files, folder),
        django(folder, files),
        "bin/rails server" if there("bin/rails") else None,
        "php artisan serve" if there("artisan") else None,
        "mix phx.server" if "phoenix" in text("mix.exs") else None,
        _task(text),
        _procfile(text("Procfile"), "Procfile", installed),
        next((line for _, _, line in python_servers(folder, files)), None),
    )
    return next(filter(None, lines), None)


def _procfile(text: str, name: str, installed: Installed) -> str | None:
    if not re.search(r"^[A-Za-z0-9_-]+:\s*\S", text, re.MULTILINE):
        return None
    runner = next((each for each in _RUNNERS if installed(each.split()[0])), _RUNNERS[-1])
    return f"{runner} {name}"


def _script(files: Tree, folder: str) -> str | None:
    found = package(files, folder)
    names = [name for name in SCRIPTS if found and found.folder == folder and name in found.scripts]
    return f"{manager(files, folder)} run {names[0]}" if names else None


def _task(text: Callable[[str], str]) -> str | None:
    """Return the task called `dev` of a task runner."""
    for name in ("mise.toml", ".mise.toml"):
        if "dev" in _tasks(_toml(text(name))):
            return "mise run dev"
    for name in ("deno.json", "deno.jsonc"):
        if "dev" in _tasks(jsonc.read(text(name))):
            return "deno task dev"
    recipe, target = r"^dev(?:[ \t][^:\n]*)?:(?!=)", r"^dev(?:[ \t][^:=\n]*)?:(?!=)"
    runners = (("justfile", recipe, "just dev"), ("Justfile", recipe, "just dev"), ("Makefile", target, "make dev"))
    return next((line for name, pattern, line in runners if re.search(pattern, text(name), re.MULTILINE)), None)


def _tasks(document: Mapping[str, object]) -> Mapping[str, object]:
    tasks = document.get("tasks")
    return tasks if isinstance(tasks, Mapping) else {}


def _toml(text: str) -> Mapping[str, object]:
    try:
        return read_toml(text)
    except ValueError:
        return {}

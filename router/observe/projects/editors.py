"""What Visual Studio Code's settings and a dev container say of ports: debug runs, tasks, forwarded ports."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from router import jsonc
from router.launch.several import meant
from router.launch.tree import Tree
from router.observe.projects.said import Service
from router.observe.projects.servers import fixed_port, inner_folder, of_line, of_words, only
from router.observe.projects.values import entries, line_of, port, table, text, texts

LAUNCH, TASKS = ".vscode/launch.json", ".vscode/tasks.json"
CONTAINERS = (".devcontainer/devcontainer.json", ".devcontainer.json")
_BROWSERS = frozenset({"chrome", "pwa-chrome", "msedge", "pwa-msedge", "edge", "firefox"})
_PYTHON = frozenset({"python", "debugpy"})
_ROLES = {"web": 0, "api": 0}
_LOCAL = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1"})  # noqa: S104 - as these files write it


def debug_runs(files: Tree) -> Iterator[Service]:
    """Yield the ports that debug runs and tasks name plainly, each once; never a debugger's own `port`.

    These are a browser's `url` beside its `webRoot`, the `uriFormat` of a `serverReadyAction`, and what a server's
    words or `env` fix.
    """
    seen: set[int] = set()
    for each in (*_launches(files), *_tasks(files)):
        if each.port and each.port not in seen:
            seen.add(each.port)
            yield each


def forwarded(files: Tree) -> Iterator[Service]:
    """Yield the ports that a dev container forwards: the only one, or those whose labels say `web` or `api`."""
    file = next((name for name in CONTAINERS if files.read(name) is not None), CONTAINERS[0])
    content = files.read(file)
    document = jsonc.read(content)
    attributes = table(document.get("portsAttributes"))
    forwards = document.get("forwardPorts")
    ports = [number for each in forwards[:20] if (number := port(each))] if isinstance(forwards, list) else []
    for number in dict.fromkeys(ports):
        role = meant(text(table(attributes.get(str(number))).get("label")), _ROLES)
        if role or len(set(ports)) == 1:
            line = line_of(content, str(number))
            yield Service(role, "launch", file, line, number)


def _launches(files: Tree) -> Iterator[Service]:
    content = files.read(LAUNCH)
    for entry in entries(jsonc.read(content).get("configurations")):
        folder = inner_folder(entry.get("cwd"))
        if folder is None or entry.get("request") == "attach":
            continue
        line = jsonc.line_of(content, text(entry.get("name")), behind="configurations")
        if entry.get("type") in _BROWSERS:
            number = _port_of(entry.get("url")) if "webRoot" in entry else None
            yield Service("web", "launch", LAUNCH, line, number)
            continue
        words = _words(entry)
        member = only(of_words(words, files, folder=folder)) if words else None
        number = _port_of(table(entry.get("serverReadyAction")).get("uriFormat"))
        number = number or port(table(entry.get("env")).get("PORT")) or fixed_port(member)
        yield Service("", "launch", LAUNCH, line, number, "", folder, member)


def _tasks(files: Tree) -> Iterator[Service]:
    content = files.read(TASKS)
    for entry in entries(jsonc.read(content).get("tasks")):
        options, command = table(entry.get("options")), text(entry.get("command"))
        folder = inner_folder(options.get("cwd"))
        if not command or folder is None or entry.get("type") not in {"shell", "process"}:
            continue
        member = only(of_line(" ".join([command, *texts(entry.get("args"))]), files, folder=folder))
        number = port(table(options.get("env")).get("PORT")) or fixed_port(member)
        line = jsonc.line_of(content, text(entry.get("label")), behind="tasks")
        yield Service("", "launch", TASKS, line, number if member else None, command, folder, member)


def _words(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the words that a debug run starts."""
    if program := text(entry.get("runtimeExecutable")):
        return (program, *texts(entry.get("runtimeArgs")), *texts(entry.get("args")))
    script = text(entry.get("program")).replace("${workspaceFolder}/", "")
    if entry.get("type") in _PYTHON:
        module = text(entry.get("module"))
        started = ("-m", module) if module else (script,) if script else ()
        return ("python", *started, *texts(entry.get("args"))) if started else ()
    command = text(entry.get("command"))
    if command:
        return tuple(command.split())
    return ("node", script, *texts(entry.get("args"))) if script else ()


def _port_of(url: object) -> int | None:
    """Return the port of a URL of this machine, None where it names none."""
    try:
        parts = urlsplit(text(url))
        return port(parts.port) if parts.hostname in _LOCAL else None
    except ValueError:
        return None

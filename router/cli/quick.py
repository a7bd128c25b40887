"""The short way of the commands that agents run hundreds of times an hour, where a watcher runs that is well.

What `url`, `status --json` and `status --check` say, it has published; what others come to, it is asked. So they import
little: no Typer, and of the settings the state directory alone. Whatever is not as usual goes the long way, which has
the words for it.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from router import __version__, places, published
from router.cli.outcomes import Ready
from router.cli.output import Output
from router.cli.typed import ASKED, typed
from router.document import find, find_service, name_at, problems
from router.errors import RouterError
from router.text import host_port

_UNUSUAL = (RouterError, OSError, ValueError, LookupError, TypeError)


def answer(arguments: Sequence[str]) -> Output | Ready | None:
    """Return what a command comes to, None where it has to go the long way. Nothing is printed, and nothing raised."""
    try:
        match arguments:
            case ["status", "--json"]:
                return Output(f"{json.dumps(_document(), indent=2)}\n")
            case ["status", "--check"]:
                return Output(code=int(any(each["severity"] == "error" for each in problems(_document()))))
            case ["url", *rest]:
                if (found := _url(rest)) is not None:
                    return found
        asked = typed(arguments)
        return _asked(arguments) if asked and asked.command in ASKED else None
    except _UNUSUAL:
        pass
    return None


def _url(arguments: Sequence[str]) -> Output | None:
    """Return what `url [NAME] [--service SERVICE] [--direct]` prints, None for whatever else was typed."""
    names, service, direct = [], "web", False
    rest = iter(arguments)
    for each in rest:
        if each == "--direct":
            direct = True
        elif each == "--service":
            service = next(rest, "")
        elif each.startswith("-"):
            return None
        else:
            names.append(each)
    document = _document()
    name = names[0] if names else name_at(document, Path.cwd())
    if name is None or len(names) > 1:
        return None
    found = find_service(find(document, name), service)
    if direct and not found["up"]:  # that port is handed out now, which is remembered
        return None
    return Output(f"{host_port(found['address'], found['port']) if direct else found['url']}\n")


def _document() -> dict[str, Any]:
    """Return the document of the watcher that runs; one of `_UNUSUAL` where there is none, or it may be out of date."""
    state = _state_directory()
    pid = _watcher(state / "watcher.lock")["pid"]
    document = published.document_of((state / "site/status.json").read_bytes(), pid)
    if document is None or not _is_alive(state, pid):
        raise LookupError
    return document


def _asked(arguments: Sequence[str]) -> Output | Ready | None:
    """Return what the watcher says that a command comes to; one of `_UNUSUAL` where it cannot be asked."""
    state = _state_directory()
    watcher = _watcher(state / "watcher.lock")
    path = places.asked_socket(state)
    if watcher["version"] != __version__ or not _is_alive(state, watcher["pid"]) or not places.is_private(path.parent):
        raise LookupError
    from router.cli.asking import ask

    match ask(path, arguments, is_alive=lambda: _is_alive(state, watcher["pid"])):
        case {"text": text, "notes": notes, "code": code}:
            return Output(text, tuple(notes), code)
        case {"argv": argv, "environ": environ, "notes": notes}:
            return Ready(argv, environ, tuple(notes))
    return None


def _is_alive(state: Path, pid: int) -> bool:
    age = published.heartbeat_age((state / "site/heartbeat").read_bytes(), pid)
    return age is not None and age <= published.LIMIT


def _watcher(lock: Path) -> Any:
    descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return published.holder(descriptor)
    finally:
        os.close(descriptor)


def _state_directory() -> Path:
    """Return the state directory, the user's own and private; LookupError where more than a variable may name it."""
    named = {name: value for name, value in os.environ.items() if name.upper() == "ROUTER_STATE_DIR" and value}
    if set(named) - {"ROUTER_STATE_DIR"} or (not named and places.config_file().exists()):
        raise LookupError
    directory = places.absolute(Path(named["ROUTER_STATE_DIR"])) if named else places.state_directory()
    if not places.is_private(directory):
        raise LookupError
    return directory

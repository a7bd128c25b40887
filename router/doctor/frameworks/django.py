"""Whether a Django project accepts `*.localhost`: its settings are read as Python, and never run.

`django.http.request.validate_host` decides: with DEBUG an empty ALLOWED_HOSTS accepts `.localhost`, any other accepts
what is in it; `.localhost` stands for every depth.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from router.doctor.frameworks.django_settings import DEBUG, HOSTS, Module, State, find, imports, places, ways
from router.doctor.frameworks.django_values import Names, Unknown
from router.doctor.frameworks.framework import ONE_LABEL, TWO_LABELS, Files, Framework, agreed, variable

MARKER = "manage.py"
_VARIABLE = "DJANGO_SETTINGS_MODULE"
_ENV_FILES = (".envrc", ".env", ".env.local")
_NAME = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_NAMED = re.compile(rf"{_VARIABLE}[\"']\s*(?:,|\]\s*=)\s*[\"']({_NAME})[\"']")
_TESTS = re.compile(r"(?:^|[._])tests?(?:ing)?$")
_MOST_FILES = 60
_LOOK = 'ALLOWED_HOSTS must hold ".localhost" while you develop, or be empty with DEBUG on'


def frameworks(files: Files) -> Iterator[Framework]:
    """Yield what a Django project needs, where a directory has one."""
    if _VARIABLE not in files.get(MARKER, ""):
        return
    modules = _modules(files)
    answers = [_module(name, files) for name in modules]
    if not answers:
        yield Framework("django", file=MARKER, unsure="it computes the name of its settings", look=_LOOK)
    elif all(answer == answers[0] for answer in answers):
        yield answers[0]
    else:
        why = f"it uses one of {', '.join(modules)}, which need different things"
        yield Framework("django", file=MARKER, unsure=why, look=_LOOK)


def further_files(files: Files) -> Iterator[str]:
    """Yield the names of further files to read, by those read so far: settings, and what these import."""
    if _VARIABLE not in files.get(MARKER, ""):
        return
    yield from _ENV_FILES
    waiting = list(_modules(files))
    for name in waiting:
        yield from places(name)
        module = find(name, files)
        more = imports(module, files) if module and len(waiting) < _MOST_FILES else ()
        waiting += [each for each in dict.fromkeys(more) if re.fullmatch(_NAME, each) and each not in waiting]


def accepts(hosts: Any, debug: Any) -> bool | None:
    """Tell whether Django accepts our hosts with an ALLOWED_HOSTS and a DEBUG; None where these are not known."""
    if not isinstance(hosts, tuple):
        return None
    if not hosts:
        return None if isinstance(debug, Unknown) else bool(debug)
    if all(any(_matches(host, pattern) for pattern in hosts) for host in (*ONE_LABEL, *TWO_LABELS)):
        return True
    return None if any(isinstance(pattern, Unknown) for pattern in hosts) else False


def _matches(host: str, pattern: Any) -> bool:
    """Tell whether a pattern accepts a host: a leading dot stands for the rest and everything below it."""
    if not isinstance(pattern, str) or not pattern:
        return False
    lower = pattern.lower()
    return lower in {"*", host} or (lower[0] == "." and (host.endswith(lower) or host == lower[1:]))


def _modules(files: Files) -> tuple[str, ...]:
    """Return the settings modules that may be used: that of an env file, else those that manage.py names."""
    given = variable(files, _ENV_FILES, _VARIABLE)
    if given and re.fullmatch(_NAME, given):
        return (given,)
    named = tuple(dict.fromkeys(_NAMED.findall(files[MARKER])))
    return tuple(name for name in named if not _TESTS.search(name)) or named


def _module(name: str, files: Files) -> Framework:
    module = find(name, files)
    if module is None:
        return Framework("django", file=MARKER, unsure=f"its settings {name} are not where they are sought", look=_LOOK)
    state = ways(module, files)
    answers = [accepts(names.get(HOSTS, ()), names[DEBUG]) for names in state]
    answer = agreed(answers)
    if answer:
        return Framework("django")
    if answer is None:
        return Framework("django", file=module.file, unsure=_why(state, answers), look=_LOOK)
    return _lacking(module, state)


def _lacking(module: Module, state: State) -> Framework:
    # Where nothing is set there is no list to add to
    kept = "*ALLOWED_HOSTS, " if any(HOSTS in names for names in state) else ""
    line = f'ALLOWED_HOSTS = [{kept}".localhost"]'
    return Framework("django", line=line, file=module.file, without="it answers 400, DisallowedHost")


def _why(state: State, answers: Sequence[bool | None]) -> str:
    for names, answer in zip(state, answers, strict=True):
        if answer is None:
            return _reason(names)
    return "ALLOWED_HOSTS depends on a condition" if state else "each way through its settings ends in an error"


def _reason(names: Names) -> str:
    hosts, debug = names.get(HOSTS, ()), names[DEBUG]
    if hosts == () and isinstance(debug, Unknown):
        return f"ALLOWED_HOSTS is empty and DEBUG {debug.why}"
    items = hosts if isinstance(hosts, tuple) else (hosts,)
    found = next((item.why for item in items if isinstance(item, Unknown)), "is no list")
    return f"ALLOWED_HOSTS {found}"

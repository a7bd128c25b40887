"""Next: it checks the Origin of requests for `/_next/*`, since 15.2 with a warning, since 16.2 it refuses them.

Until 16.3 it accepts `*.localhost` by itself, then `**.localhost`: hosts of one label always work.
"""

from collections.abc import Iterator

from router.doctor.frameworks.framework import TWO_LABELS, Files, Framework, first_of
from router.doctor.frameworks.javascript import Value, mentions, properties, tokens
from router.doctor.frameworks.package import SCRIPTS, Package, installed, lowest

_CONFIGS = tuple(f"next.config.{end}" for end in SCRIPTS)
_CHECKS = (15, 2)
_ANY_DEPTH = (16, 3)
_SETTING = "allowedDevOrigins"
_LINE = "allowedDevOrigins: ['**.localhost'],"
_SERVERS = frozenset({"next", "next-server"})


def frameworks(files: Files, package: Package) -> Iterator[Framework]:
    """Yield what Next needs, where a directory is an app of it."""
    if not package.is_app(files, ("next",), programs=("next",), configs=_CONFIGS):
        return
    version, least = installed(files, "next"), lowest(package.all["next"])
    unchecked = version < _CHECKS if version else least is not None and least < _CHECKS[:1]
    file = first_of(files, _CONFIGS) or "next.config.js"
    if unchecked or ((version or least or ()) >= _ANY_DEPTH):
        yield Framework("next")
    else:
        yield _configured(file, files.get(file, ""))


def further_files() -> tuple[str, ...]:
    """Return the names of Next's files that are worth reading."""
    return (*_CONFIGS, "node_modules/next/package.json")


def _configured(file: str, text: str) -> Framework:
    found = tokens(text)
    answers = [_accepts(value) for value in properties(found, _SETTING)]
    mentioned = mentions(found, _SETTING)
    if answers and all(answers) and len(answers) == mentioned:
        return Framework("next")
    if mentioned and not (len(answers) == mentioned and all(answer is False for answer in answers)):
        look = f"{_SETTING} must hold '**.localhost' for <service>.<label>.localhost"
        why = f"its {_SETTING} is a variable or computed"
        return Framework("next", file=file, deep=True, programs=_SERVERS, unsure=why, look=look)
    without = "it refuses its own scripts and hot reload"
    return Framework("next", line=_LINE, file=file, without=without, deep=True, programs=_SERVERS)


def _accepts(value: Value) -> bool | None:
    """Tell whether a list of origins accepts our hosts of two labels; None where only running it shows that."""
    if value.items is None:
        return None
    texts = [item.text for item in value.items]
    if all(any(_matches(host, text) for text in texts if text) for host in TWO_LABELS):
        return True
    return None if None in texts else False


def _matches(host: str, pattern: str) -> bool:
    """Tell whether Next's pattern accepts a host: `*` is one label, `**` in front one or more."""
    parts, wanted = host.split(".")[::-1], pattern.lower().split(".")[::-1]
    if wanted[-1] == "**":
        wanted = wanted[:-1]
        parts = parts[: len(wanted)] if len(parts) > len(wanted) > 0 else []
    return len(parts) == len(wanted) and all(want in {part, "*"} for want, part in zip(wanted, parts, strict=True))

"""A worktree's environment as text that other programs read: shells, dotenv readers, JSON, mise."""

import json
import re
from collections.abc import Mapping

from router.errors import EnvironmentValueError

_BARE = re.compile(r"[A-Za-z0-9_./:@%+,-]*", re.ASCII)
# dotenv-expand, Compose and python-dotenv expand this differently, and share no way to escape it
_EXPANDED = re.compile(r"\$[A-Za-z_{]")
_TEMPLATE = re.compile(r"\{(?=[{%#])")


def shell(values: Mapping[str, str]) -> str:
    """Return lines that bash, zsh, dash and fish evaluate the same way: `eval "$(router env)"`, `router env | source`.

    Each line ends in a semicolon, because fish's `eval (router env)` joins lines with spaces. EnvironmentValueError
    for a NUL.
    """
    return "".join(_exported(name, value) for name, value in values.items())


def dotenv(values: Mapping[str, str]) -> str:
    """Return lines that python-dotenv, Compose and Vite read the same way.

    EnvironmentValueError where no way to write a value means the same to all of them.
    """
    return "".join(f"{name}={_dotenv_value(name, value)}\n" for name, value in values.items())


def as_json(values: Mapping[str, str]) -> str:
    """Return a JSON object, one variable a line."""
    return json.dumps(dict(values), indent=2) + "\n"


def mise(values: Mapping[str, str]) -> str:
    """Return the lines of a mise file's `[env]` table; mise takes every value literally, never as a template."""
    return "".join(f"{name} = {_mise_value(value)}\n" for name, value in values.items())


def _exported(name: str, value: str) -> str:
    if "\n" not in value:
        return f"export {name}={_quoted(value)};\n"
    # fish's own `export` splits its argument at line ends; other shells have no command `string`
    return f"string length -q a 2>/dev/null && set -gx {name} {_quoted(value)} || export {name}={_quoted(value)};\n"


def _quoted(value: str) -> str:
    """Return a word for every shell: in single quotes, with quotes and backslashes outside them.

    fish interprets backslashes inside single quotes, the others do not; outside all read `\\'` and `\\\\` alike.
    """
    if "\0" in value:
        raise EnvironmentValueError("a variable cannot hold a NUL", hint="fix the value in router.toml")
    return "'" + value.replace("\\", "\0").replace("'", "'\\''").replace("\0", "'\\\\'") + "'"


def _dotenv_value(name: str, value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    if not set(value) & set("'\\\n\r") and not _EXPANDED.search(value):
        return f"'{value}'"
    if not set(value) & set('"\\\n\r`$'):
        return f'"{value}"'
    raise EnvironmentValueError(
        f"{name} has a value that dotenv readers understand differently: {value!r}",
        hint="leave out backslashes, line ends, $name, and one kind of quotes; or use --format mise or shell",
    )


def _mise_value(value: str) -> str:
    plain = _TEMPLATE.sub("{{ '{' }}", value).replace("$", "$$")
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")

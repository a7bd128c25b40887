"""Where the router's block of variables stands in a worktree's env or mise file, without a change to the rest."""

import re
from collections.abc import Mapping
from typing import Any

from router.blocks import parts, with_block, without_block
from router.env.formats import mise
from router.errors import BlockError, FileError
from router.toml_reader import read_toml

MAKER = "router env --write"
_HEADER = re.compile(r"^[ \t]*\[[ \t]*(?:env|\"env\"|'env')[ \t]*\][ \t]*(?:#.*)?\r?\n?$")
_OWN_HEADER = "[env]\n"


def in_dotenv(text: str, lines: str) -> str:
    """Return a dotenv file with these lines as its block. BlockError where its marks are torn."""
    return with_block(text, lines, maker=MAKER)


def in_mise(text: str, values: Mapping[str, str], *, name: str) -> tuple[str, tuple[str, ...]]:
    """Return a mise file with these values in its `[env]` table, and the variables that the file itself sets.

    Those stay as they are: TOML takes no key twice. A table that is there gets the block below its header, else the
    block brings its own. FileError, with the file's `name`, where the file is no TOML or writes `env` otherwise.
    """
    before = _parsed(text, name)
    old = parts(text)
    rest = without_block(text)
    outside = _without(before, _keys(old.block or "", name))
    theirs = tuple(key for key in values if key in _env(outside))
    block = mise({key: value for key, value in values.items() if key not in theirs})
    for candidate in (_in_place(text, old.block, block), _below_header(rest, block), _at_end(rest, block)):
        if candidate is not None and _says(candidate, outside, {k: v for k, v in values.items() if k not in theirs}):
            return candidate, theirs
    raise FileError(
        f"{name} says env in a way that leaves no place for a block", hint="write its variables below a line [env]"
    )


def _in_place(text: str, old: str | None, block: str) -> str | None:
    if old is None:
        return None
    return with_block(text, (_OWN_HEADER if old.startswith(_OWN_HEADER) else "") + block, maker=MAKER)


def _below_header(rest: str, block: str) -> str | None:
    lines = rest.splitlines(keepends=True)
    headers = [place for place, line in enumerate(lines) if _HEADER.match(line)]
    if not headers:
        return None
    cut = headers[0] + 1
    return with_block("".join(lines[:cut]), block, maker=MAKER) + "".join(lines[cut:])


def _at_end(rest: str, block: str) -> str:
    return with_block(rest, _OWN_HEADER + block, maker=MAKER)


def _says(candidate: str, outside: Mapping[str, Any], own: Mapping[str, str]) -> bool:
    """Tell whether a file says what it said before, and our variables besides."""
    try:
        said = read_toml(candidate)
    except ValueError:
        return False
    return own.keys() <= _env(said).keys() and _without(said, own) == dict(outside)


def _without(document: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without these variables; a table of none is as good as no table."""
    env = {key: value for key, value in _env(document).items() if key not in keys}
    rest = {key: value for key, value in document.items() if key != "env"}
    return {**rest, "env": env} if env else rest


def _keys(block: str, name: str) -> Mapping[str, Any]:
    text = block if block.startswith(_OWN_HEADER) else _OWN_HEADER + block
    return _env(_parsed(text, name))


def _env(document: Mapping[str, Any]) -> Mapping[str, Any]:
    env = document.get("env", {})
    if not isinstance(env, dict):
        raise FileError("[env] is not a table", hint="mend that file")
    return env


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        return read_toml(text)
    except BlockError:
        raise
    except ValueError as exc:
        raise FileError(f"{name} is not TOML: {exc}", hint="mend it, then try again") from exc

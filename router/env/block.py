"""The router's block of variables in a worktree's env or mise file; the rest of the file stays as it is."""

import re
from collections.abc import Mapping
from typing import Any

from router.blocks import parts, with_block, without_block
from router.env.formats import mise
from router.errors import FileError
from router.toml_reader import read_toml

MAKER = "router env --write"
_HEADER = re.compile(r"^[ \t]*\[[ \t]*(?:env|\"env\"|'env')[ \t]*\][ \t]*(?:#.*)?\r?\n?$")
_ENV_HEADER = "[env]\n"


def in_dotenv(text: str, lines: str) -> str:
    """Return a dotenv file with these lines as its block. BlockError where the block's marks are damaged."""
    return with_block(text, lines, maker=MAKER)


def in_mise(text: str, values: Mapping[str, str], *, name: str) -> str:
    """Return a mise file with these values in a block of its `[env]` table.

    Variables that the file itself sets stay as they are: TOML allows no key twice. An existing `[env]` table gets the
    block below its header, else the block has its own header. FileError, with the file's `name`, where the file is not
    TOML or defines `env` without a line `[env]`.
    """
    document = _parsed(text, name)
    old_block = parts(text).block
    rest = without_block(text)
    outside = _without(document, _keys(old_block or "", name))
    in_block = {key: value for key, value in values.items() if key not in _env(outside)}
    block = mise(in_block)
    for candidate in (_in_place(text, old_block, block), _below_header(rest, block), _at_end(rest, block)):
        if candidate is not None and _is_complete(candidate, outside, in_block):
            return candidate
    raise FileError(f"{name} defines env without a line [env]", hint="write its variables below a line [env]")


def _in_place(text: str, old: str | None, block: str) -> str | None:
    if old is None:
        return None
    return with_block(text, (_ENV_HEADER if old.startswith(_ENV_HEADER) else "") + block, maker=MAKER)


def _below_header(rest: str, block: str) -> str | None:
    lines = rest.splitlines(keepends=True)
    headers = [index for index, line in enumerate(lines) if _HEADER.match(line)]
    if not headers:
        return None
    cut = headers[0] + 1
    return with_block("".join(lines[:cut]), block, maker=MAKER) + "".join(lines[cut:])


def _at_end(rest: str, block: str) -> str:
    return with_block(rest, _ENV_HEADER + block, maker=MAKER)


def _is_complete(candidate: str, outside: Mapping[str, Any], in_block: Mapping[str, str]) -> bool:
    """Tell whether a file has all that it had before, and the block's variables as well."""
    try:
        document = read_toml(candidate)
    except ValueError:
        return False
    return in_block.keys() <= _env(document).keys() and _without(document, in_block) == dict(outside)


def _without(document: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without these variables; an empty `[env]` table counts as no table."""
    env = {key: value for key, value in _env(document).items() if key not in keys}
    rest = {key: value for key, value in document.items() if key != "env"}
    return {**rest, "env": env} if env else rest


def _keys(block: str, name: str) -> Mapping[str, Any]:
    text = block if block.startswith(_ENV_HEADER) else _ENV_HEADER + block
    return _env(_parsed(text, name))


def _env(document: Mapping[str, Any]) -> Mapping[str, Any]:
    env = document.get("env", {})
    if not isinstance(env, dict):
        raise FileError("[env] is not a table", hint="fix that file")
    return env


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        return read_toml(text)
    except ValueError as exc:
        raise FileError(f"{name} is not TOML: {exc}", hint="fix it, then try again") from exc

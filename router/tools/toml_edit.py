"""Keys and tables more in a TOML text: comments, order and layout of everything else stay."""

import re
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, InlineTable, Table

from router.errors import FileError

_DEEPEST = 100


def read(text: str) -> tomlkit.TOMLDocument:
    """Return a TOML text that can be changed. FileError where it is not TOML."""
    if any(line.count(".") > _DEEPEST for line in text.split("\n")):  # tomlkit takes minutes for such a key
        raise FileError(f"it has a line with more than {_DEEPEST} dots", hint="break that line")
    try:
        document = tomlkit.parse(text)
    except (TOMLKitError, RecursionError) as exc:
        reason = "it nests too deep" if isinstance(exc, RecursionError) else str(exc)
        raise FileError(f"it is not TOML ({reason})", hint="mend it") from exc
    if tomlkit.dumps(document) != text:
        raise FileError("it cannot be changed without touching what else is in it", hint="change it by hand")
    return document


def plain(text: str) -> dict[str, Any]:
    """Return what a TOML text says. FileError where it is not TOML."""
    return read(text).unwrap()


def with_key(text: str, table: str, key: str, value: str) -> str:
    """Return the text with a key more in a table, which is made at the end where there is none.

    FileError where the table is no table, or what else the file says would change.
    """
    document = read(text)
    found = document.get(table)
    if found is None:
        return appended(text, f"[{table}]\n{key} = {quoted(value)}\n")
    if not isinstance(found, Table | InlineTable):
        raise FileError(f"`{table}` in it is no table", hint=f"add {key} = {quoted(value)} by hand")
    wanted = plain(text)
    wanted[table][key] = value
    if len(headers := list(re.finditer(rf"^[ \t]*\[[ \t]*{table}[ \t]*\].*\n?", text, re.MULTILINE))) == 1:
        above, below = text[: headers[0].end()], text[headers[0].end() :]  # tomlkit adds below the next table's comment
        glue = "" if above.endswith("\n") else "\n"
        return checked(text, f"{above}{glue}{key} = {quoted(value)}\n{below}", wanted)
    found[key] = value
    return checked(text, tomlkit.dumps(document), wanted)


def with_block(text: str, name: str, entries: dict[str, str]) -> str:
    """Return the text with a `[[name]]` block more behind those that are there, or at the end."""
    document = read(text)
    found = document.get(name)
    if found is None:
        lines = "".join(f"{key} = {quoted(value)}\n" for key, value in entries.items())
        return appended(text, f"[[{name}]]\n{lines}")
    if not isinstance(found, AoT | Array):
        raise FileError(f"`{name}` in it is neither a command nor a list of steps", hint="mend it")
    found.append(_block(entries) if isinstance(found, AoT) else _inline(entries))
    wanted = plain(text)
    wanted[name] = [*wanted[name], entries]
    return checked(text, tomlkit.dumps(document), wanted)


def with_value(text: str, key: str, blocks: list[dict[str, str]]) -> str:
    """Return the text with these blocks as the value of a key that is there, on its line."""
    document = read(text)
    array = tomlkit.array()
    array.extend(_inline(block) for block in blocks)
    document[key] = array
    return checked(text, tomlkit.dumps(document), {**plain(text), key: blocks})


def appended(text: str, block: str) -> str:
    """Return the text with a table more at its end, after an empty line."""
    glue = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return checked(text, f"{text}{glue}{block}", {**plain(text), **plain(block)})


def checked(before: str, after: str, wanted: dict[str, Any]) -> str:
    """Return the text after a change. FileError where it does not say what it should, or lost a line but one."""
    left = iter(after.splitlines())
    lines = before.splitlines()
    missing = 0
    for line in lines:
        rest = list(left)
        missing += line not in rest
        left = iter(rest[rest.index(line) + 1 :] if line in rest else rest)
    if missing > 1 or plain(after) != wanted:
        raise FileError("it cannot be changed without touching what else is in it", hint="change it by hand")
    return after


def quoted(value: str) -> str:
    """Return a string as TOML writes it."""
    return tomlkit.string(value).as_string()


def _block(entries: dict[str, str]) -> Table:
    table = tomlkit.table()
    table.update(entries)
    table.trivia.indent = "\n"  # an empty line in front
    return table


def _inline(entries: dict[str, str]) -> InlineTable:
    table = tomlkit.inline_table()
    table.update(entries)
    return table

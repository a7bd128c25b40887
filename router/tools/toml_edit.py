"""Keys and tables added to a TOML text: comments, order and layout of everything else stay."""

import re
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, InlineTable, Table

from router.errors import FileError

_DEEPEST = 100


def read(text: str) -> tomlkit.TOMLDocument:
    """Return a TOML text as a document that can be edited. FileError where it is not TOML."""
    if any(line.count(".") > _DEEPEST for line in text.split("\n")):  # tomlkit takes minutes for such a key
        raise FileError(f"it has a line with more than {_DEEPEST} dots", hint="break that line")
    try:
        document = tomlkit.parse(text)
    except (TOMLKitError, RecursionError) as exc:
        reason = "it is nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        raise FileError(f"it is not TOML ({reason})", hint="fix it") from exc
    if tomlkit.dumps(document) != text:
        raise FileError("it cannot be edited without changing other lines", hint="edit it by hand")
    return document


def plain(text: str) -> dict[str, Any]:
    """Return a TOML text as plain values. FileError where it is not TOML."""
    return read(text).unwrap()


def with_key(text: str, table: str, key: str, value: str) -> str:
    """Return the text with a key added to a table, which is added at the end where there is none.

    FileError where it is no table, or something else in the file would change.
    """
    document = read(text)
    existing = document.get(table)
    if existing is None:
        return appended(text, f"[{table}]\n{key} = {quoted(value)}\n")
    if not isinstance(existing, Table | InlineTable):
        raise FileError(f"`{table}` in it is no table", hint=f"add {key} = {quoted(value)} by hand")
    wanted = plain(text)
    wanted[table][key] = value
    if len(headers := list(re.finditer(rf"^[ \t]*\[[ \t]*{table}[ \t]*\].*\n?", text, re.MULTILINE))) == 1:
        above, below = text[: headers[0].end()], text[headers[0].end() :]  # tomlkit adds below the next table's comment
        glue = "" if above.endswith("\n") else "\n"
        return checked(text, f"{above}{glue}{key} = {quoted(value)}\n{below}", wanted)
    existing[key] = value
    return checked(text, tomlkit.dumps(document), wanted)


def with_block(text: str, name: str, entries: dict[str, str]) -> str:
    """Return the text with a `[[name]]` block added after the existing ones, or at the end."""
    document = read(text)
    existing = document.get(name)
    if existing is None:
        lines = "".join(f"{key} = {quoted(value)}\n" for key, value in entries.items())
        return appended(text, f"[[{name}]]\n{lines}")
    if not isinstance(existing, AoT | Array):
        raise FileError(f"`{name}` in it is neither a command nor a list of steps", hint="fix it")
    existing.append(_block(entries) if isinstance(existing, AoT) else _inline(entries))
    wanted = plain(text)
    wanted[name] = [*wanted[name], entries]
    return checked(text, tomlkit.dumps(document), wanted)


def with_lists(text: str, table: str, entries: dict[str, Any]) -> str:
    """Return the text with these entries in a table; the items of a list come behind those that are there.

    FileError where something else in the file would change.
    """
    document = read(text)
    before = plain(text).get(table)
    if before is not None and not isinstance(before, dict):
        raise FileError(f"`{table}` in it is no table", hint="fix it")
    wanted = {key: _united((before or {}).get(key), value) for key, value in entries.items()}
    new = {key: value for key, value in wanted.items() if (before or {}).get(key) != value}
    if not new:
        return text
    if before is None:
        lines = "".join(f"{key} = {tomlkit.item(value).as_string()}\n" for key, value in new.items())
        return appended(text, f"[{table}]\n{lines}")
    for key, value in new.items():
        document[table][key] = value
    return checked(text, tomlkit.dumps(document), {**plain(text), table: {**before, **new}})


def _united(there: Any, more: Any) -> Any:
    return [*dict.fromkeys((*there, *more))] if isinstance(there, list) and isinstance(more, list) else more


def with_value(text: str, key: str, blocks: list[dict[str, str]]) -> str:
    """Return the text with these blocks as the value of an existing key, on its line."""
    document = read(text)
    array = tomlkit.array()
    array.extend(_inline(block) for block in blocks)
    document[key] = array
    return checked(text, tomlkit.dumps(document), {**plain(text), key: blocks})


def with_text(text: str, table: str, key: str, value: str) -> str:
    """Return the text with another string for an existing key of a table, in the quotes that it has.

    FileError where something else in the file would change.
    """
    was = read(text)[table][key].as_string()
    several, literal = was.startswith(("'''", '"""')), was.startswith("'")
    new = tomlkit.string(value, literal=literal, multiline=several or "\n" in value).as_string()
    if was[3:4] == "\n" and several:  # a line end behind the quotes is none of the text
        new = f"{new[:3]}\n{new[3:]}"
    if text.count(was) != 1:
        raise FileError(f"`{key}` in it cannot be told from another text", hint="edit it by hand")
    wanted = plain(text)
    wanted[table] = {**wanted[table], key: value}
    return checked(text, text.replace(was, new), wanted)


def appended(text: str, block: str) -> str:
    """Return the text with a table added at its end, after an empty line."""
    glue = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return checked(text, f"{text}{glue}{block}", {**plain(text), **plain(block)})


def with_subtable(text: str, table: str, name: str, lines: str) -> str:
    """Return the text with a table of these lines, `[table.name]`, added at its end. FileError as of `with_key`."""
    there = plain(text).get(table, {})
    if not isinstance(there, dict):
        raise FileError(f"`{table}` in it is no table", hint="fix it")
    block = f"[{table}.{name}]\n{lines}"
    glue = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    wanted = {**plain(text), table: {**there, **plain(block)[table]}}
    return checked(text, f"{text}{glue}{block}", wanted)


def checked(before: str, after: str, wanted: dict[str, Any]) -> str:
    """Return the text after a change. FileError where its values are not as wanted, or more than one line is lost."""
    rest = after.splitlines()
    missing = 0
    for line in before.splitlines():
        if line in rest:
            rest = rest[rest.index(line) + 1 :]
        else:
            missing += 1
    if missing > 1 or plain(after) != wanted:
        raise FileError("it cannot be edited without changing other lines", hint="edit it by hand")
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

"""A Caddyfile in two parts: its frame, of which Caddy makes JSON once, and what changes with the worktrees.

Reading a Caddyfile is nearly half of a load. Only the tables differ from one load to the next: in the frame a marker
stands for each of them, and what stands there is put into the JSON as Caddy would write it.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from router.values import dataclass

_MARKER = "rows_{}"
"""No label has an underscore, so that nothing else in the JSON is called so."""
_TABLES = re.compile(
    r"""(?mx)
    ^\t+ map [ ] (?: \{named\}[ ]\{page\} | \{host\}[ ]\{direct\} | \{vars\.upstream\}[ ]\{sleeper\} ) .* \{\n
        (?P<rows> (?: \t+ [^\t}].*\n )+ )
    | ^\t+ (?: vars[ ]choices | names ) [ ] "(?P<text>[^"\n]+)" $
    """
)
_TOKENS = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(frozen=True, slots=True)
class Parts:
    """A Caddyfile without its tables, and for each of these the JSON of its marker and that of what it holds."""

    frame: str
    tables: tuple[tuple[str, str], ...]


def parts(text: str) -> Parts:
    """Return the parts of a Caddyfile of `caddyfile.render`."""
    frame: list[str] = []
    tables: list[tuple[str, str]] = []
    end = 0
    for number, found in enumerate(_TABLES.finditer(text)):
        part = "text" if found["rows"] is None else "rows"
        marker = _MARKER.format(number)
        written, *pair = _string(marker, found["text"]) if part == "text" else _map(marker, found["rows"])
        frame += (text[end : found.start(part)], written)
        tables.append((pair[0], pair[1]))
        end = found.end(part)
    return Parts("".join((*frame, text[end:])), tuple(tables))


def dumped(config: Any) -> str:
    """Return the JSON that Caddy has made of a frame as the text that `filled` takes."""
    return json.dumps(config, separators=(",", ":"))


def filled(frame: str, tables: Iterable[tuple[str, str]]) -> str:
    """Return the JSON of a frame with what its tables hold."""
    for marker, table in tables:
        frame = frame.replace(marker, table)
    return frame


def _string(marker: str, text: str) -> tuple[str, str, str]:
    return marker, dumped(marker), dumped(text)


def _map(marker: str, rows: str) -> tuple[str, str, str]:
    """Return a line with the marker, which has as many outputs as the rows, its JSON and that of the rows."""
    pairs = list(_pairs(rows))
    blank = [""] * len(pairs[0][1])
    line = " ".join([f"\t\t{marker}", *['""'] * len(blank)])
    return f"{line}\n", _mapping(marker, blank), ",".join(_mapping(*pair) for pair in pairs)


def _pairs(rows: str) -> Iterator[tuple[str, list[str]]]:
    for row in rows.splitlines():
        value, *outputs = [quoted or bare for quoted, bare in _TOKENS.findall(row)]
        yield value, outputs


def _mapping(value: str, outputs: list[str]) -> str:
    return dumped({"input": value, "outputs": outputs})

"""A small file that Node loads before every program of one command, where no argument reaches a server."""

import json
import re

from router.launch.servers import SERVERS
from router.values import asdict, dataclass

VARIABLES = ("PORT", *(each.variable for each in SERVERS if each.variable not in {"", "PORT"}))
"""The variables that name a port to one server or another: what Node starts may be any of them."""


@dataclass(frozen=True, slots=True)
class Target:
    """A port, and the programs that it is for: those that work in `folder` (absolute) or below.

    With `script` only those of that script of its package.json, with `program` only that one.
    """

    folder: str
    port: int
    script: str = ""
    program: str = ""


def text(targets: tuple[Target, ...]) -> str:
    """Return the text of the file; the ports in it are data, and it asks for nothing else when it is loaded."""
    servers = [
        {
            "programs": sorted(each.programs), "subs": sorted(each.subs), "others": sorted(each.others),
            "valued": sorted(each.valued), "options": sorted(each.options), "flags": each.flags,
        }
        for each in SERVERS if each.node
    ]  # fmt: skip
    from importlib.resources import files  # here: commands start without it

    data = {"targets": [asdict(each) for each in targets], "servers": servers, "variables": VARIABLES}
    code = (files("router.launch") / "preload.cjs").read_text(encoding="utf-8")
    return f"const DATA = {json.dumps(data)};\n{code}"


def node_options(path: str, *, before: str = "") -> str:
    """Return the value of NODE_OPTIONS that loads a file, after what it said `before`.

    https://nodejs.org/api/cli.html#node_optionsoptions has the quotes.
    """
    quoted = re.sub(r'(["\\])', r"\\\1", path)
    return f'{before} --require "{quoted}"'.strip()

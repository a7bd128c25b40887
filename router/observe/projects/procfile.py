"""Procfiles: each line is a process; one that is a server is a service of that name."""

import re
from collections.abc import Iterator

from router.launch.tree import Tree
from router.observe.projects.said import Service
from router.observe.projects.servers import fixed_port, of_line, only

FILES = ("Procfile.dev", "Procfile")
"""The first of these that is there counts: the second is what runs in production."""

_LINE = re.compile(r"([A-Za-z0-9_-]{1,63}):[ \t]*(\S.*?)[ \t]*")
_MOST = 50  # lines


def services(files: Tree) -> Iterator[Service]:
    """Yield the lines that start a server. A port counts where a line fixes it: `PORT` is the runner's to give."""
    file = next((name for name in FILES if files.read(name) is not None), "")
    lines = (files.read(file) or "").splitlines() if file else []
    processes = ((place, match) for place, line in enumerate(lines, 1) if (match := _LINE.fullmatch(line)))
    for (place, match), _ in zip(processes, range(_MOST), strict=False):
        if members := of_line(match[2], files, folder="", name=match[1]):
            member = only(members)
            folder = member.at.folder if member else ""
            yield Service(match[1], "procfile", file, place, fixed_port(member), match[2], folder, member)

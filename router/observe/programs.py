"""What a process is called for people: never its arguments, which can be secrets."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

_INTERPRETER = re.compile(r"(python|pypy|node|nodejs|bun|deno|ruby|perl|php|java|dotnet)[0-9.]*", re.IGNORECASE)


def program(argv: Sequence[str], *, cwd: str, is_file: Callable[[str], bool] = os.path.isfile) -> str | None:
    """Return the name to show for a command line: what an interpreter runs, else the command's base name.

    Nothing is taken from the arguments but a module's name and the name of a file that exists, below `cwd` where the
    argument is relative.
    """
    # Programs write titles over their command: "next-server (v15.1.0)", "puma 6.4 (tcp://localhost:3000)".
    command = argv[0] if argv[0].startswith("/") else argv[0].split(" ")[0]
    name = command.rpartition("/")[2].partition(" ")[0]  # a Path would cost more than all the rest
    if _INTERPRETER.fullmatch(name):
        name = next(_scripts(argv[1:], cwd, is_file), name)
    return re.sub(r"[^A-Za-z0-9._+-]", "", name)[:32] or None


def _scripts(arguments: Sequence[str], cwd: str, is_file: Callable[[str], bool]) -> Iterator[str]:
    for argument, following in pairwise([*arguments, ""]):
        if re.fullmatch(r"-[A-Za-z]*[cep]|--eval|--print", argument):
            return
        if re.fullmatch(r"-[A-Za-z]*m", argument) and re.fullmatch(r"[A-Za-z_][\w.]*", following):
            yield following
        elif is_file(os.path.join(cwd, argument)):  # noqa: PTH118  # Path's raises for long arguments
            package = re.match(r".*node_modules/([^@./][^/]*)/", argument)  # …/node_modules/tsx/dist/cli.mjs is tsx
            yield package[1] if package else Path(argument).name

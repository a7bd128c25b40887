"""Scripts that agent tools run in a new worktree: what they copy or link from the main checkout, and what is left."""

import re
from collections.abc import Iterable, Iterator

from router.launch.shell_line import Simple, commands
from router.launch.wrappers import base_name
from router.observe.projects.said import Shared, Step
from router.observe.projects.values import line_of
from router.paths import path_inside

# A text, as few commands need it: `re` compiles it when it is first used
_MAIN = (
    r"\$(?:\{(?:CONDUCTOR_ROOT_PATH|ROOT_WORKTREE_PATH|CODEX_SOURCE_TREE_PATH|SUPERSET_ROOT_PATH|EMDASH_ROOT_PATH)\}"
    r"|(?:CONDUCTOR_ROOT_PATH|ROOT_WORKTREE_PATH|CODEX_SOURCE_TREE_PATH|SUPERSET_ROOT_PATH|EMDASH_ROOT_PATH)(?!\w))/(.+)"
)
_HARMLESS = {(), ("true",), ("test",), ("[",), ("mkdir",), ("set",), ("echo",)}
_ROUTER = "router hook post-create"  # what `router init` wrote there itself


def said(lines: Iterable[str], *, file: str, text: str) -> Iterator[Shared | Step]:
    """Yield what the lines of a setup script share with the main checkout, and every other line as it stands.

    `text` is the whole file, for the lines' numbers in it.
    """
    for line in lines:
        number = line_of(text, line)
        found = [(simple, tuple(_shared(simple, file, number))) for simple in commands(line) or ()]
        yield from (each for _, shared in found for each in shared)
        rest = [simple for simple, shared in found if not shared and simple.words[:1] not in _HARMLESS]
        if (rest or not found) and line != _ROUTER:
            yield Step(line, file, number)


def path(written: str, *, file: str, line: int, how: str = "copy") -> Iterator[Shared]:
    """Yield a path as something to share, where it is a plain one inside of the checkout."""
    try:
        plain = path_inside(written.removeprefix("./"))
    except ValueError:
        return
    if not set("*?[$`{~") & set(plain):
        yield Shared(plain, "link" if how == "link" else "copy", file, line)


def _shared(command: Simple, file: str, line: int) -> Iterator[Shared]:
    words = [word for word in command.words[1:] if not word.startswith("-")]
    program = base_name(command.words[0]) if command.words else ""
    if program not in {"cp", "rsync", "ln"}:
        return
    sources, target = (words[:-1], words[-1]) if len(words) > 1 else (words, ".")
    for source in sources:
        if (match := re.fullmatch(_MAIN, source)) and _is_at_its_place(match[1], target):
            yield from path(match[1], file=file, line=line, how="link" if program == "ln" else "copy")


def _is_at_its_place(source: str, target: str) -> bool:
    """Tell whether a path is put where the main checkout has it too."""
    folder = source.rstrip("/").rpartition("/")[0]
    plain = target.removeprefix("./").rstrip("/")
    return plain in {source.rstrip("/"), folder or ".", folder}

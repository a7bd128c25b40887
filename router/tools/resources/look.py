"""What the files of a main checkout say of its databases, queues and caches: read, never executed."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from router import files
from router.errors import FileError
from router.observe import dotenv, envfiles
from router.text import shown
from router.tools.compose.stack import stacks
from router.tools.resources.compose_servers import Server, servers, url_defaults
from router.tools.resources.proposal import Candidate, Setting, candidates
from router.tools.resources.uses import Use, uses

Read = Callable[[str], str | None]
_MOST = 200  # files
_LARGEST = 1 << 20  # bytes of one


def proposed(
    main: Path, compose: Sequence[str], others: Sequence[str], *, read: Read, hosts: Collection[str]
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Return the resources that a main checkout should have by its files, and notes.

    `compose` and `others` are the paths of its Compose files and of the others that may say something; `read` gives the
    text of one, and raises FileError.
    """
    notes: list[str] = []

    def quiet(name: str) -> str | None:
        try:
            return read(name)
        except FileError as exc:
            notes.append(f"{name} was not looked at: {exc.reason}")
            return None

    found_servers, found_uses = list[Server](), list[Use]()
    for stack in stacks(compose, quiet):
        fixed = _dotenv(quiet(f"{stack.project}/.env" if stack.project else ".env"))
        of_stack = {each.service: each for each in servers(stack, fixed)}
        found_servers += of_stack.values()
        found_uses += url_defaults(stack, of_stack, fixed)
        notes += stack.notes
    for name in others[:_MOST]:
        found_uses += uses(name, quiet(name) or "")
    found, more = candidates(_settings(main, quiet), found_uses, found_servers, main=main, hosts=hosts)
    return found, tuple(shown(note) for note in (*notes, *more))


def beside(main: Path, compose: Sequence[str], *, kinds: Collection[str]) -> tuple[str, ...]:
    """Return a note for each server that a main checkout's Compose files run of kinds for which the router runs one."""

    def read(name: str) -> str | None:
        try:
            return files.text(main / name, limit=_LARGEST)
        except FileError:
            return None

    return tuple(
        shown(f"{each.place}: the service {each.service} is a server too: where that is meant, name it with `from`")
        for stack in stacks(compose, read)
        for each in servers(stack, _dotenv(read(f"{stack.project}/.env" if stack.project else ".env")))
        if each.kind in kinds
    )


def _dotenv(text: str | None) -> Mapping[str, str]:
    return dotenv.values(text)[0] if text else {}


def _settings(main: Path, read: Callable[[str], str | None]) -> Iterator[Setting]:
    """Yield the value that counts of each variable of the main checkout's own env files, with its file and line."""
    seen: set[str] = set()
    for name, value, file in envfiles.values(main, blocks=False):
        if name not in seen:
            seen.add(name)
            yield Setting(name, value, f"{file}:{_line(read(file) or '', name)}")


def _line(text: str, variable: str) -> int:
    """Return the line of a file that sets a variable, the last one, which counts; 1 where another file does."""
    pattern = re.compile(rf"[ \t]*(?:export[ \t]+)?[\"']?{re.escape(variable)}[\"']?[ \t]*=")
    return max((n for n, line in enumerate(text.splitlines(), 1) if pattern.match(line)), default=1)

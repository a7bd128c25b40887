"""What may stand in front of the command that is really run: runners of other commands, and variables they set."""

from router.launch.shell_line import assignments
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """A command that runs the one behind it: `sub` is what must follow its name, `valued` its options with a value.

    `sets` tells one that takes `NAME=value` in front of the command; `first` is how many plain words stand before it.
    With `eats` it reads options behind the command as its own until a `--`, unless it is given the word `ends`.
    """

    sub: tuple[str, ...] = ()
    valued: frozenset[str] = frozenset()
    sets: bool = False
    first: int = 0
    eats: bool = False
    ends: str = " "  # no word


def names(text: str) -> frozenset[str]:
    """Return the names in a text, which blanks divide."""
    return frozenset(text.split())


_BEHIND_DASHES = -1  # the command stands behind `--` alone
_UV = names(
    """--with --with-editable --with-requirements --extra --group --no-group --only-group --env-file -p --python
    --package --project --directory --index --index-url -i --extra-index-url --refresh-package -P --upgrade-package"""
)
_NPX = names("-p --package -w --workspace -c --call")
_WRAPPERS: tuple[tuple[str, _Wrapper], ...] = (
    ("env", _Wrapper(sets=True, valued=names("-u --unset -C --chdir -S"))),
    ("cross-env", _Wrapper(sets=True)),
    ("cross-env-shell", _Wrapper(sets=True)),
    ("dotenv", _Wrapper(valued=names("-e -v -c -p -f --file"), eats=True, ends="run")),  # npm's, and Python's
    ("dotenvx", _Wrapper(("run",), names("-f --env-file -e --env -fk --env-keys-file --convention"))),
    ("npx", _Wrapper(valued=_NPX)),
    ("npm", _Wrapper(("exec",), _NPX, eats=True)),
    ("npm", _Wrapper(("x",), _NPX, eats=True)),
    ("pnpm", _Wrapper(("exec",), names("-C --dir --filter -F"))),
    ("pnpm", _Wrapper(("dlx",), names("--package -C --dir"))),
    ("pnpx", _Wrapper()),
    ("bunx", _Wrapper(valued=names("-p --package"))),
    ("bun", _Wrapper(("x",), names("-p --package"))),
    ("corepack", _Wrapper()),
    ("uv", _Wrapper(("run",), _UV)),
    ("poetry", _Wrapper(("run",))),
    ("pipenv", _Wrapper(("run",))),
    ("pdm", _Wrapper(("run",), names("-p --project --venv"))),
    ("rye", _Wrapper(("run",))),
    ("hatch", _Wrapper(("run",))),
    ("bundle", _Wrapper(("exec",))),
    ("mise", _Wrapper(("exec",), names("-C --cd -E --env -j --jobs"), first=_BEHIND_DASHES)),
    ("mise", _Wrapper(("x",), names("-C --cd -E --env -j --jobs"), first=_BEHIND_DASHES)),
    ("direnv", _Wrapper(("exec",), first=1)),
    ("op", _Wrapper(("run",), names("--env-file --account"))),
    ("doppler", _Wrapper(("run",), names("-p --project -c --config"))),
    ("infisical", _Wrapper(("run",), names("--env --path --projectId"))),
    ("nice", _Wrapper(valued=names("-n"))),
    ("nohup", _Wrapper()),
    ("time", _Wrapper()),
    ("exec", _Wrapper()),
    ("command", _Wrapper()),
)


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A command without what stands in front of it: the variables set there, and how many words were taken off.

    `pass_on` has to stand before more options at the end, so that they reach the command.
    """

    variables: tuple[tuple[str, str], ...]
    offset: int
    pass_on: tuple[str, ...] = ()


def unwrapped(words: tuple[str, ...]) -> Unwrapped:
    """Return how many of the words are wrappers, and what these set."""
    variables: list[tuple[str, str]] = []
    offset = 0
    pass_on: tuple[str, ...] = ()
    while step := _step(words[offset:]):
        wrapper, length = step
        values, rest = assignments(words[offset + length :]) if wrapper.sets else ((), words[offset + length :])
        variables += values
        ended = "--" in words[offset:] or wrapper.ends in words[offset : offset + length]
        if wrapper.eats and not ended:
            pass_on = ("--",)
        offset = len(words) - len(rest)
    return Unwrapped(tuple(variables), offset, pass_on)


def _step(words: tuple[str, ...]) -> tuple[_Wrapper, int] | None:
    """Return the wrapper that the words begin with, and how many words it takes; None where they begin with none."""
    for name, wrapper in _WRAPPERS:
        begin = 1 + len(wrapper.sub)
        if words and base_name(words[0]) == name and words[1:begin] == wrapper.sub:
            length = _length(words, begin, wrapper)
            return (wrapper, length) if length is not None and length < len(words) else None
    return None


def _length(words: tuple[str, ...], begin: int, wrapper: _Wrapper) -> int | None:
    place, plain = begin, wrapper.first
    while place < len(words):
        word = words[place]
        if word == "--":
            return place + 1
        if word.startswith("-"):
            place += 2 if word in wrapper.valued else 1
        elif word == wrapper.ends:
            place += 1
        elif plain:
            place, plain = place + 1, plain - 1
        else:
            return place
    return None


def base_name(word: str) -> str:
    """Return what a program's word calls it, without its directory."""
    return word.rpartition("/")[2]

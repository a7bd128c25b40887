"""Commands that start several others: which lines, or which scripts of a package.json, each of them starts."""

import re

from router.launch.wrappers import base_name, names
from router.values import dataclass

_CONCURRENTLY = names(
    """-n --names --name-separator -c --prefix-colors -p --prefix -l --prefix-length -t --timestamp-format -s --success
    -m --max-processes --restart-tries --restart-after --handle-input --default-input-target --kill-signal --ks
    --kill-timeout --hide --cwd"""
)
_RUN_ALL = names("npm-run-all npm-run-all2 run-p run-s")
_MANAGERS = names("npm pnpm yarn bun node")
_NOT_TASKS = names("login logout link unlink prune gen generate ls daemon telemetry")
_NX = names("-t --target --targets")


@dataclass(frozen=True, slots=True)
class Part:
    """One of what a runner starts: a `line` for a shell, or the scripts whose names fit a pattern.

    `name` is what the runner calls it, `last` whether it goes on while others run: all do, unless they run in turn.
    """

    name: str = ""
    line: str = ""
    scripts: str = ""
    last: bool = True


def parts(words: tuple[str, ...]) -> tuple[Part, ...]:
    """Return what a runner of lines and scripts (concurrently, npm-run-all) starts; nothing for other commands."""
    program = base_name(words[0]) if words else ""
    if program in {"concurrently", "conc"}:
        options, lines = _split(words[1:], _CONCURRENTLY)
        listed = next((value for name, value in options if name in {"-n", "--names"}), "")
        separator = next((value for name, value in options if name == "--name-separator"), ",")
        called = listed.split(separator or ",")
        return tuple(_part(line, called[place] if place < len(called) else "") for place, line in enumerate(lines))
    if program in _RUN_ALL:
        parallel = program == "run-p" or {"-p", "--parallel"} & set(words)
        _, patterns = _split(words[1:], frozenset({"--max-parallel", "--npm-path"}))
        scripts = [pattern.partition(" ")[0] for pattern in patterns]
        return tuple(
            Part(scripts=each, last=bool(parallel) or place == len(scripts) - 1) for place, each in enumerate(scripts)
        )
    return ()


def task(words: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the script that a runner starts in every package (turbo, nx, lerna), and the only package, if named."""
    program = re.sub(r"(?<=.)@[^@]*$", "", base_name(words[0])) if words else ""
    options, plain = _split(words[1:], frozenset({"--filter", "-F", "--concurrency", "--cwd", *_NX, "--scope", "-p"}))
    chosen = [value for name, value in options if name in {"--filter", "-F", "--scope"}]
    only = chosen[0] if len(chosen) == 1 and re.fullmatch(r"[@\w./-]+", chosen[0]) and "..." not in chosen[0] else ""
    if program in {"turbo", "lerna"}:
        named = plain[1:] if plain[:1] == ("run",) else plain if program == "turbo" else ()
        return (named[0], only) if named and named[0] not in _NOT_TASKS else None
    if program == "nx" and plain[:1] == ("run-many",):
        return next(((value, "") for name, value in options if name in _NX), None)
    return None


def fits(pattern: str, script: str) -> bool:
    """Tell whether a script has a name that a pattern asks for: `*` is anything but a colon, `**` anything."""
    parts_of = (r".*" if each == "**" else r"[^:]*" if each == "*" else re.escape(each)
                for each in re.split(r"(\*\*?)", pattern))  # fmt: skip
    return re.fullmatch("".join(parts_of), script) is not None


def _part(line: str, name: str) -> Part:
    manager, colon, script = line.partition(":")
    if colon and manager in _MANAGERS and " " not in line:
        return Part(name, scripts=script)
    return Part(name, line)


def _split(words: tuple[str, ...], valued: frozenset[str]) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Return the options of a runner with their values, and its other words up to `--`."""
    options: list[tuple[str, str]] = []
    plain: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            break
        if word.startswith("-"):
            name, equals, value = word.partition("=")
            options.append((name, value if equals or name not in valued else next(rest, "")))
        else:
            plain.append(word)
    return options, tuple(plain)

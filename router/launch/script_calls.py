"""The ways in which package managers are asked to run a script of a package.json."""

from router.launch.wrappers import base_name
from router.values import dataclass

_NPM_RUN = frozenset({"run", "run-script", "rum", "urn"})
_NPM_SHORT = frozenset({"start", "stop", "restart", "test", "t", "tst"})
_VALUED = {
    "npm": frozenset({"--prefix", "-C", "-w", "--workspace", "--loglevel", "--script-shell", "--cache",
                      "--userconfig"}),
    "pnpm": frozenset({"-C", "--dir", "-F", "--filter", "--filter-prod", "--loglevel", "--reporter",
                       "--workspace-concurrency", "--script-shell"}),
    "yarn": frozenset({"--cwd", "--cache-folder"}),
    "bun": frozenset({"--cwd", "-F", "--filter", "--env-file", "-r", "--preload", "-c", "--config", "--shell"}),
    "node": frozenset({"-r", "--require", "--import", "--loader", "--experimental-loader", "--env-file", "-C"}),
}  # fmt: skip
_FOLDER = ("--prefix", "-C", "--dir", "--cwd")
_PACKAGE = ("-w", "--workspace", "-F", "--filter", "--filter-prod")
_EVERY = frozenset({"-ws", "--workspaces", "-r", "--recursive", "--parallel"})


@dataclass(frozen=True, slots=True)
class Where:
    """The package of a script, as typed: its directory, its name or path, and whether it is `every` one or several."""

    folder: str = ""
    package: str = ""
    every: bool = False


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """A package manager that is asked to run a script, or else the program, of this `name`.

    `passed` are the words that reach the script, `pass_on` what has to stand before further ones.
    """

    manager: str
    name: str
    passed: tuple[str, ...] = ()
    pass_on: tuple[str, ...] = ()
    where: Where = Where()


def script_call(words: tuple[str, ...]) -> ScriptCall | None:
    """Return what a command asks a package manager to run, None where it is no such command."""
    manager = base_name(words[0]) if words else ""
    if manager == "node":
        return _node(words)
    if manager not in _VALUED:
        return None
    options, rest = _options(words[1:], manager)
    if manager == "npm":
        return _npm(options, rest)
    package = ""
    if manager == "yarn" and rest[:1] == ("workspace",) and len(rest) > 1:
        package, rest = rest[1], rest[2:]
    elif manager == "yarn" and rest[:1] == ("workspaces",):
        asked = rest[rest.index("run") + 1 :] if "run" in rest else ()  # `yarn workspaces foreach -A run dev`
        return ScriptCall(manager, asked[0], where=Where(every=True)) if asked else None
    if rest[:1] in {("run",), ("run-script",)}:
        more, rest = _options(rest[1:], manager)
        options += more
    if not rest:
        return None
    passed = rest[2:] if manager in {"yarn", "bun"} and rest[1:2] == ("--",) else rest[1:]
    return ScriptCall(manager, rest[0], passed, (), _where(options, package))


def _npm(options: list[tuple[str, str]], rest: tuple[str, ...]) -> ScriptCall | None:
    if rest[:1] and rest[0] in _NPM_RUN:
        rest = rest[1:]
    elif not (rest[:1] and rest[0] in _NPM_SHORT):
        return None
    cut = rest.index("--") if "--" in rest else len(rest)
    more, plain = _options(rest[:cut], "npm", all_along=True)
    if not plain:
        return None
    name = "test" if plain[0] in {"t", "tst"} else plain[0]
    pass_on = () if "--" in rest else ("--",)
    return ScriptCall("npm", name, (*plain[1:], *rest[cut + 1 :]), pass_on, _where([*options, *more], ""))


def _node(words: tuple[str, ...]) -> ScriptCall | None:
    for place, word in enumerate(words[1:], 1):
        if word == "--run" and place + 1 < len(words):
            name, rest = words[place + 1], words[place + 2 :]
        elif word.startswith("--run="):
            name, rest = word.partition("=")[2], words[place + 1 :]
        elif word.startswith("-") or words[place - 1] in _VALUED["node"]:
            continue
        else:
            return None
        cut = rest.index("--") if "--" in rest else len(rest)
        return ScriptCall("node", name, rest[cut + 1 :], () if "--" in rest else ("--",))
    return None


def _options(
    words: tuple[str, ...], manager: str, *, all_along: bool = False
) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Return the options in front of the first plain word, or `all_along`, with their values; and the other words."""
    options: list[tuple[str, str]] = []
    plain: list[str] = []
    place = 0
    while place < len(words):
        word = words[place]
        if word.startswith("-") and word != "--":
            name, equals, value = word.partition("=")
            valued = name in _VALUED[manager] and not equals and place + 1 < len(words)
            options.append((name, words[place + 1] if valued else value))
            place += 2 if valued else 1
        elif all_along:
            plain.append(word)
            place += 1
        else:
            return options, words[place:]
    return options, tuple(plain)


def _where(options: list[tuple[str, str]], package: str) -> Where:
    folders = [value for name, value in options if name in _FOLDER and value]
    chosen = [value for name, value in options if name in _PACKAGE and value]
    several = len(chosen) > 1 or any("*" in each or "..." in each or each.startswith("!") for each in chosen)
    return Where(
        folders[-1] if folders else "",
        package or (chosen[0] if chosen else ""),
        several or bool(_EVERY & {name for name, _ in options}),
    )

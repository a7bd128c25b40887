"""The commands that a typed command comes to, seen through wrappers, package managers and their scripts."""

from collections.abc import Iterator, Mapping
from itertools import islice

from router.launch.managers import manager as manager_of
from router.launch.runners import Part, fits, parts, task
from router.launch.script_calls import ScriptCall, script_call
from router.launch.shell_line import Simple, assignments, commands
from router.launch.tree import Package, Tree, inside, package, packages
from router.launch.wrappers import unwrapped
from router.values import dataclass, field, replace

_DEEPEST = 6  # scripts that run scripts
_MOST = 200  # commands
_OF_NODE = frozenset({"npm", "yarn"})  # a preload reaches whatever they start; pnpm 12 and bun are native programs
_ONLY_SCRIPTS = frozenset({"npm", "node"})  # the others run a program where there is no such script


@dataclass(frozen=True, slots=True)
class Seen:
    """A command that is really run: its `words`, of which the last `typed` are the user's, in `folder`.

    `variables` are set in front of it. `pass_on` has to stand before words that are put behind the typed command so
    that they reach this one; it is None where none would. `package` and `script` say where it is written, if it was
    not typed; `name` is what a runner of several calls it. `managed` tells that a package manager runs the line for
    it alone, `ends` that another command waits for its end, so that it is hardly a server.
    """

    words: tuple[str, ...]
    typed: int
    folder: str
    variables: Mapping[str, str] = field(default_factory=dict)
    pass_on: tuple[str, ...] | None = ()
    package: Package | None = None
    script: str = ""
    name: str = ""
    managed: bool = False
    ends: bool = False

    @property
    def place(self) -> str:
        """Where the command is written: the file and the line; empty where it was typed."""
        return f"{self.package.file}, line {self.package.line_of(self.script)}" if self.package else ""


def seen(words: tuple[str, ...], files: Tree, *, folder: str) -> tuple[Seen, ...]:
    """Return the commands that a command typed in `folder` comes to: more than one where several are started."""
    return tuple(islice(_followed(Seen(words, len(words), folder), files, _DEEPEST), _MOST))


def seen_line(line: str, files: Tree, *, folder: str) -> tuple[Seen, ...]:
    """Return the commands that a line for a shell comes to, as a Procfile has them."""
    found = _of_line(Seen((), 0, folder), ScriptCall("", ""), line)
    return tuple(islice((each for at in found for each in _followed(at, files, _DEEPEST)), _MOST))


def _followed(at: Seen, files: Tree, deepest: int) -> Iterator[Seen]:
    at = _without_wrappers(at)
    if started := parts(at.words) if deepest else ():
        for part in started:
            yield from _of_part(at, part, files, deepest - 1)
        return
    if (named := task(at.words)) and deepest:
        yield from _in_packages(at, *named, files, deepest - 1)
        return
    call = script_call(at.words)
    if call is None or not deepest:
        yield at
        return
    if call.where.every:
        yield from _in_packages(at, call.name, call.where.package, files, deepest - 1, manager=call.manager)
        return
    yield from _of_call(at, call, files, deepest)


def _of_part(at: Seen, part: Part, files: Tree, deepest: int) -> Iterator[Seen]:
    apart = replace(at, typed=0, pass_on=None, name=part.name or at.name, managed=False, ends=at.ends or not part.last)
    if part.line:
        for each in _of_line(apart, ScriptCall("", ""), part.line):
            yield from _followed(replace(each, pass_on=None), files, deepest)
    for script in (package(files, at.folder) or Package("")).scripts if part.scripts else ():
        if fits(part.scripts, script):
            yield from _followed(replace(apart, words=("npm", "run", script)), files, deepest)


def _in_packages(at: Seen, script: str, only: str, files: Tree, deepest: int, *, manager: str = "") -> Iterator[Seen]:
    """Yield the commands of a script in every package that has it, but for the root: its script is what was asked."""
    found = [each for each in packages(files) if each.folder and script in each.scripts]
    chosen = [each for each in found if only and only in {each.name, each.folder, each.name.rpartition("/")[2]}]
    for each in chosen or found:
        words = (manager or manager_of(files), "run", script)
        apart = replace(at, words=words, typed=0, pass_on=None, folder=each.folder)
        yield from _followed(apart, files, deepest)
    if not found:
        yield at


def _of_call(at: Seen, call: ScriptCall, files: Tree, deepest: int) -> Iterator[Seen]:
    found = _package(call, at.folder, files)
    if found and call.name in found.scripts:
        managed = call.manager in _OF_NODE
        inner = replace(_called(at, call), folder=found.folder, package=found, script=call.name, managed=managed)
        for each in _of_line(inner, call, found.scripts[call.name]):
            yield from _followed(each, files, deepest - 1)
    elif call.manager in _ONLY_SCRIPTS:
        yield at
    else:
        yield from _followed(replace(_called(at, call), words=(call.name, *call.passed)), files, 0)


def _without_wrappers(at: Seen) -> Seen:
    found = unwrapped(at.words)
    words = at.words[found.offset :]
    pass_on = None if at.pass_on is None else (*at.pass_on, *found.pass_on)
    variables = {**at.variables, **dict(found.variables)}
    return replace(at, words=words, typed=min(at.typed, len(words)), variables=variables, pass_on=pass_on)


def _called(at: Seen, call: ScriptCall) -> Seen:
    pass_on = None if at.pass_on is None else (*at.pass_on, *call.pass_on)
    folder = inside(at.folder, call.where.folder) if call.where.folder else at.folder
    return replace(at, typed=min(at.typed, len(call.passed)), pass_on=pass_on, folder=folder)


def _package(call: ScriptCall, folder: str, files: Tree) -> Package | None:
    if call.where.folder:
        folder = inside(folder, call.where.folder)
    if not call.where.package:
        return package(files, folder)
    wanted = call.where.package.strip("{}")
    by_path = inside("" if wanted.startswith("./") else folder, wanted)
    every = packages(files)
    named = [each for each in every if each.name == wanted]
    unscoped = [each for each in every if each.name.rpartition("/")[2] == wanted]
    placed = [each for each in every if each.folder and each.folder == by_path]
    return next(iter((*named, *placed, *unscoped)), None)


def _of_line(at: Seen, call: ScriptCall, line: str) -> Iterator[Seen]:
    """Yield the commands of a script's line; what is passed to the script reaches the last one."""
    lines = commands(line)
    if lines is None:
        yield replace(at, words=(), typed=0, pass_on=None)
        return
    folder, variables = at.folder, dict(at.variables)
    for each in lines:
        last = each is lines[-1]
        if each.words[:1] == ("cd",) and len(each.words) > 1:
            folder = inside(folder, each.words[1])
        elif each.words[:1] == ("export",):
            variables |= dict(assignments(each.words[1:])[0])
        elif each.words:
            simple = _simple(at, each, call.passed if last else None, folder, variables)
            waited = at.ends or each.then in {"&&", "||", ";"}
            yield replace(simple, ends=waited, managed=at.managed and len(lines) == 1)


def _simple(at: Seen, line: Simple, passed: tuple[str, ...] | None, folder: str, variables: Mapping[str, str]) -> Seen:
    return replace(
        at,
        words=(*line.words, *(passed or ())),
        typed=0 if passed is None else at.typed,
        pass_on=None if passed is None else at.pass_on,
        folder=folder,
        variables={**variables, **dict(line.variables)},
    )

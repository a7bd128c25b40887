"""Each worktree's environment: decided like a watcher would, remembered, written into its files, guarded, run in."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from router import files, repository_settings
from router.env import block, formats, leaks
from router.env.leaks import Leak, Said
from router.env.values import Environment, extended
from router.env.values import environment as plain
from router.errors import FileError, HiddenError, RouterError, SettingsError, TemplateValueError, UsageError
from router.model import Memory, RememberedWorktree, Repository, Worktree, WorktreeId
from router.naming import shown
from router.observe import envfiles, git, survey
from router.observe.listeners import Listeners
from router.routes.labels import hidden
from router.routes.memory import with_assignments
from router.routes.plan import plan
from router.settings import Settings
from router.store import Store

Form = Literal["dotenv", "mise"]
FILES: Mapping[Form, str] = {"dotenv": ".env.local", "mise": ".mise.local.toml"}
_LARGEST = 1 << 16  # characters of a template file


@dataclass(frozen=True, slots=True)
class CurrentWorktree:
    """The worktree of a directory, the repositories that were looked at, and what is remembered of all."""

    repository: Repository
    worktree: Worktree
    found: tuple[Repository, ...]
    memory: Memory


def environment(settings: Settings, store: Store, *, cwd: Path) -> Environment:
    """Return the environment of the worktree of `cwd`; what is given out now is remembered.

    NotARepositoryError or UsageError outside of every worktree, SettingsError, TemplateValueError for `router.toml`.
    """
    return _own(settings, store, cwd)[2]


def write(settings: Settings, store: Store, *, cwd: Path, form: Form = "dotenv") -> Path:
    """Write the environment of the worktree of `cwd` into its own file, as a block, and return the file.

    `.env.local` gets the values of the worktree's template file too. Raises as `environment`, and FileError,
    BlockError or EnvironmentValueError where it cannot be written.
    """
    settings, current, own = _own(settings, store, cwd)
    root = Path(current.worktree.path)
    path = root / FILES[form]
    text = files.text(path) or ""
    if form == "dotenv":
        values = {**_readable(own.values), **_template(root / current.repository.env_template, own.values)}
        new = block.in_dotenv(text, formats.dotenv(values))
    else:
        new, _ = block.in_mise(text, own.values, name=path.name)
    if new != text:
        files.write(path, new)
    return path


def is_seen_by_git(path: Path) -> bool:
    """Tell whether git would list a file: it is not ignored, and may end up in a commit."""
    return not git.change(path.parent, "check-ignore", path.name, fine=(0, 1))


def leaks_at(settings: Settings, store: Store, *, cwd: Path, environ: Mapping[str, str]) -> tuple[Leak, ...]:
    """Return what in a shell's environment and in the worktree's env files is another worktree's."""
    settings, current, own = _own(settings, store, cwd)
    return _leaks(current, own, settings, environ=environ, covered=environ)


def prepared(
    settings: Settings, store: Store, *, cwd: Path, environ: Mapping[str, str], fix: bool
) -> tuple[dict[str, str], tuple[Leak, ...]]:
    """Return the environment for a command in the worktree of `cwd`, and the leaks that were replaced in it.

    LeakError where there are any and `fix` is not asked for.
    """
    settings, current, own = _own(settings, store, cwd)
    found = _leaks(current, own, settings, environ=environ, covered={**environ, **own.values})
    if not fix:
        leaks.refuse(found)
    return {**leaks.without_leaks(environ, found), **own.values}, found


def _own(settings: Settings, store: Store, cwd: Path) -> tuple[Settings, CurrentWorktree, Environment]:
    """Return the settings with the running watcher's port, the worktree of `cwd`, and its environment."""
    if owner := store.running_watcher():
        settings = settings.model_copy(update={"port": owner.port})
    current = _current_worktree(settings, store, cwd)
    return settings, current, _environment(settings, current)


def _current_worktree(settings: Settings, store: Store, cwd: Path) -> CurrentWorktree:
    """Look at what is joined and at the repository of `cwd`, and remember what that gives out."""
    joined = survey.repositories(store.memory().repositories)
    common = str(git.common_dir(cwd))
    at = _at(joined, cwd, common)
    found = joined if at else (*joined, *survey.repositories([common]))
    listeners = Listeners().scan(survey.roots(found))
    with store.changing() as memory:
        if not {kept.id for kept in memory.worktrees} <= _known(found, memory):  # made or removed since we looked
            found = survey.repositories(repository.common_dir for repository in found)
        observed = survey.observed(found, listeners, reserved=settings.reserved)
        now = with_assignments(memory, plan(observed, survey.living(memory)).memory)
        if now != memory:
            store.remember(now)
    at = _at(found, cwd, common)
    if at is None:
        raise UsageError(f"{cwd} is in no worktree", hint="change into one: `git worktree list` shows them")
    return CurrentWorktree(*at, found, now)


def _known(found: Iterable[Repository], memory: Memory) -> set[WorktreeId]:
    """Return the worktrees that were seen, and those remembered of repositories that were not looked at."""
    found = tuple(found)
    looked_at = {repository.common_dir for repository in found}
    elsewhere = {kept.id for kept in memory.worktrees if kept.id.common_dir not in looked_at}
    return elsewhere | {worktree.id for repository in found for worktree in repository.worktrees}


def _at(found: Iterable[Repository], cwd: Path, common: str) -> tuple[Repository, Worktree] | None:
    """Return the worktree around a directory, with its repository; a folder copy has a git directory of its own."""
    here = f"{os.path.realpath(cwd)}/"
    around = [
        (len(root), repository, worktree)
        for repository in found
        for worktree in repository.worktrees
        if repository.common_dir == common or (worktree.copy and f"{worktree.path}/.git" == common)
        if here.startswith(f"{(root := os.path.realpath(worktree.path))}/")
    ]
    deepest = max(around, key=lambda each: each[0], default=None)
    return (deepest[1], deepest[2]) if deepest else None


def _environment(settings: Settings, current: CurrentWorktree) -> Environment:
    broken = next((p for p in current.repository.problems if p.kind == "unreadable-file"), None)
    if broken:
        raise SettingsError(broken.message, hint="mend it: nothing in it counts until then")
    kept = next((kept for kept in current.memory.worktrees if kept.id == current.worktree.id), None)
    path = shown(current.worktree.path)
    if hidden(current.repository, current.worktree):
        raise HiddenError(f"{path} has no environment: it is hidden", hint="take `hide = true` out of router.toml")
    if kept is None or not kept.project:
        raise UsageError(f"{path} has no environment: git is still making it", hint="try again in a moment")
    own = _plain(settings, current.repository, current.worktree, kept)
    try:
        return _extended(own, current.repository, current.worktree)
    except TemplateValueError as exc:
        name, _, why = exc.message.partition(": ")
        line = _line_of(Path(current.repository.path, repository_settings.FILE), name, exc.line)
        raise TemplateValueError(
            f"{repository_settings.FILE}, line {line}: [env] {name}: {why}", line=line, hint=exc.hint
        ) from exc


def _plain(settings: Settings, repository: Repository, worktree: Worktree, kept: RememberedWorktree) -> Environment:
    return plain(repository, worktree, kept, port=settings.port, redirect_uri=settings.redirect_uris[0])


def _extended(own: Environment, repository: Repository, worktree: Worktree) -> Environment:
    return extended(own, repository.env, branch=worktree.branch) if repository.env else own


def _line_of(path: Path, variable: str, line: int) -> int:
    """Return the line of a TOML file that is this line of a variable's value; behind three quotes it begins below."""
    lines = (files.text(path) or "").splitlines()
    key = re.compile(rf"[ \t]*[\"']?{re.escape(variable)}[\"']?[ \t]*=[ \t]*(\"\"\"|''')?[ \t]*(\S)?")
    for number, text in enumerate(lines, 1):
        if found := key.match(text):
            return number + line - 1 + bool(found[1] and not found[2])
    return line


def _readable(values: Mapping[str, str]) -> dict[str, str]:
    """Return what a dotenv file can hold; a branch may have a name that it cannot, which must not stop the rest."""
    try:
        formats.dotenv({"WORKTREE_BRANCH": values["WORKTREE_BRANCH"]})
        return dict(values)
    except RouterError:
        return {name: value for name, value in values.items() if name != "WORKTREE_BRANCH"}


def _template(path: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a worktree's template file, filled in; none where it has none."""
    from router.env.templates import substituted

    text = files.text(path)
    if text is None:
        return {}
    try:
        if len(text) > _LARGEST:
            raise ValueError("it is larger than 64 KiB")
        bindings = envfiles.bindings(text)
    except ValueError as exc:
        raise FileError(f"{shown(str(path))}: {exc}", hint="mend it; it is read like a .env file") from exc
    filled: dict[str, str] = {}
    for name, content, line in bindings:
        try:
            filled[name] = substituted(content, {**values, **filled})
        except KeyError as exc:
            raise TemplateValueError(
                f"{shown(str(path))}, line {line}: {name}: {exc} is undefined", line=line,
                hint="$$ is a plain $; `router env` lists the names",
            ) from exc  # fmt: skip
    return filled


def _leaks(
    current: CurrentWorktree,
    own: Environment,
    settings: Settings,
    *,
    environ: Mapping[str, str],
    covered: Mapping[str, str],
) -> tuple[Leak, ...]:
    """Return the leaks; what git tracks is the same everywhere and counts only where nothing covers it."""
    root = Path(current.worktree.path)
    strongest: dict[str, Said] = {}
    for name, value, file in envfiles.values(root):
        strongest.setdefault(name, Said(name, value, file))
    tracked = set(os.fsdecode(git.change(root, "ls-files", "-z", "--", *envfiles.FILES)).split("\0"))
    in_files = [
        said
        for said in strongest.values()
        if not (said.source in tracked and said.variable in own.values
                and covered.get(said.variable) == own.values[said.variable])
    ]  # fmt: skip
    in_shell = [Said(name, value, leaks.SHELL) for name, value in sorted(environ.items())]
    tools = frozenset({sys.prefix, f"{sys.prefix}/bin", os.path.dirname(sys.executable)})  # noqa: PTH120 - as it stands
    return leaks.find_leaks(own, tuple(_others(settings, current)), [*in_shell, *in_files], tools=tools)


def _others(settings: Settings, current: CurrentWorktree) -> Iterator[Environment]:
    """Yield the environments of all other worktrees that were ever given one, joined or not."""
    seen = {repository.common_dir for repository in current.found}
    kept = {each.id: each for each in survey.living(current.memory).worktrees}
    unseen = dict.fromkeys(i.common_dir for i in kept if i.common_dir not in seen)
    for repository in (*current.found, *survey.repositories(unseen)):
        for worktree in repository.worktrees:
            known = kept.get(worktree.id)
            if known and known.project and worktree.id != current.worktree.id:
                own = _plain(settings, repository, worktree, known)
                try:
                    yield _extended(own, repository, worktree)
                except RouterError:
                    yield own

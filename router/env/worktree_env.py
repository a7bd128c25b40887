"""Each worktree's environment: resolved for a directory, checked for leaks, prepared for a command."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from router import files, repository_file
from router.env import copied, leaks
from router.env.assignments import SHELL, Assignment
from router.env.copied import Copied
from router.env.current import CurrentWorktree, current_worktree
from router.env.handed_out import hand_out_all
from router.env.leaks import Leak
from router.env.resources import resource_variables
from router.env.values import Environment, base_environment, with_templates
from router.errors import HiddenError, RouterError, SettingsError, TemplateValueError, UsageError
from router.launch.sign_in import Addresses
from router.model import Repository, Worktree
from router.naming import EXPECT, RESOLVE, resolving
from router.observe import envfiles, git, survey
from router.observe.listeners import Listeners
from router.remembered import RememberedWorktree
from router.routes.routable import hidden
from router.settings import Settings
from router.store import Store
from router.text import shown
from router.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class ResolvedEnvironment:
    """The environment of a directory's worktree, and what it comes from; `settings` have the watcher's port."""

    settings: Settings
    current: CurrentWorktree
    environment: Environment


def resolve(settings: Settings, store: Store, *, cwd: Path, listeners: Listeners | None = None) -> ResolvedEnvironment:
    """Return the environment of the worktree of `cwd`; ports and names that it gets now are remembered.

    `listeners`, here and below, are those of whoever looks often.
    NotARepositoryError or UsageError outside of every worktree, HiddenError for one without an environment,
    SettingsError or TemplateValueError for `router.toml`.
    """
    if watcher := store.running_watcher():
        settings = replace(settings, port=watcher.port)
    current = current_worktree(settings, store, cwd=cwd, listeners=listeners)
    environment = _environment(settings, current)
    free = {name: port for name, port in environment.ports.items() if name not in current.strangers}
    hand_out_all(store, path=current.worktree.path, ports=free)
    return ResolvedEnvironment(settings, current, environment)


def foreign_values(
    settings: Settings, store: Store, *, cwd: Path, environ: Mapping[str, str], listeners: Listeners | None = None
) -> tuple[tuple[Leak, ...], tuple[Copied, ...]]:
    """Return the values of other worktrees, and those that are the main checkout's too.

    They are sought in a shell's environment and in the files of the worktree of `cwd`.
    """
    resolved = resolve(settings, store, cwd=cwd, listeners=listeners)
    found = _assignments(resolved, environ=environ, covered=environ)
    return _leaks(resolved, found), _copied(resolved, found, covered=environ)


@dataclass(frozen=True, slots=True)
class CommandEnvironment:
    """The environment for a command, the leaks that were replaced in it, and what the main checkout has in common.

    `root` is the path of the worktree, `ports` and `addresses` are those of its services, `current` is what was found
    of it.
    """

    values: dict[str, str]
    replaced: tuple[Leak, ...]
    copied: tuple[Copied, ...]
    root: str
    ports: Mapping[str, int]
    addresses: Addresses
    current: CurrentWorktree


def command_environment(
    settings: Settings, store: Store, *, cwd: Path, environ: Mapping[str, str], fix: bool,
    listeners: Listeners | None = None,
) -> CommandEnvironment:  # fmt: skip
    """Return the environment for a command in the worktree of `cwd`.

    It names the worktree that the command should reach in `ROUTER_EXPECT`, and in `ROUTER_RESOLVE` where the hosts are.
    LeakError where there are leaks and `fix`
    is not asked for, other than by files that were copied from the main checkout.
    """
    resolved = resolve(settings, store, cwd=cwd, listeners=listeners)
    environment = resolved.environment
    covered = {**environ, **environment.values}
    found = _assignments(resolved, environ=environ, covered=covered)
    leaked, main = _leaks(resolved, found), _of_main(resolved)
    if not fix:  # what was copied with a file of the main checkout's is common, and said instead
        leaks.refuse(tuple(each for each in leaked if not _is_copied(each.assignment, main)))
    replaced = leaked if fix else ()
    own = {EXPECT: environment.name, RESOLVE: resolving(resolved.settings.port)}
    values = {**leaks.without_leaks(environ, replaced), **environment.values, **own}
    common = _copied(resolved, found, covered=covered)
    uris = resolved.settings.redirect_uris_with(resolved.current.repository.callback_paths)
    addresses = Addresses(environment.urls, uris)
    return CommandEnvironment(
        values, replaced, common, environment.path, environment.ports, addresses, resolved.current
    )


def _environment(settings: Settings, current: CurrentWorktree) -> Environment:
    repository, worktree, remembered = current.repository, current.worktree, current.remembered
    path = shown(worktree.path)
    if broken := next((p for p in repository.problems if p.kind == "unreadable-file"), None):
        raise SettingsError(broken.message, hint="fix it: until then nothing in it counts")
    if hidden(repository, worktree):
        raise HiddenError(f"{path} has no environment: it is hidden", hint="take `hide = true` out of router.toml")
    if remembered is None or not remembered.project:
        raise UsageError(f"{path} has no environment: git is still creating it", hint="try again in a moment")
    base = _base(settings, repository, worktree, remembered)
    base = replace(base, values={**base.values, **resource_variables(current, state=settings.state_dir)})
    try:
        return _with_templates(base, repository, worktree)
    except TemplateValueError as exc:
        name, _, reason = exc.message.partition(": ")
        line = _line_in_file(Path(repository.path, repository_file.FILE), name, exc.line)
        message = f"{repository_file.FILE}, line {line}: [env] {name}: {reason}"
        raise TemplateValueError(message, line=line, hint=exc.hint) from exc


def _base(
    settings: Settings, repository: Repository, worktree: Worktree, remembered: RememberedWorktree
) -> Environment:
    uris = settings.redirect_uris_with(repository.callback_paths)
    redirect_uri = next((uri for uri in uris if not uri.endswith("/*")), uris[0])
    return base_environment(repository, worktree, remembered, port=settings.port, redirect_uri=redirect_uri)


def _with_templates(base: Environment, repository: Repository, worktree: Worktree) -> Environment:
    return with_templates(base, repository.env, branch=worktree.branch) if repository.env else base


def _line_in_file(path: Path, variable: str, line: int) -> int:
    """Return the line of a TOML file that is this line of a variable's value.

    A value in three quotes begins on the line of its key or, where nothing follows the quotes, below it.
    """
    lines = (files.read_bounded(path, limit=repository_file.LARGEST) or b"").decode().splitlines()
    key = re.compile(rf"[ \t]*[\"']?{re.escape(variable)}[\"']?[ \t]*=[ \t]*(\"\"\"|''')?[ \t]*(\S)?")
    for number, text in enumerate(lines, 1):
        if match := key.match(text):
            return number + line - 1 + bool(match[1] and not match[2])
    return line


def _assignments(
    resolved: ResolvedEnvironment, *, environ: Mapping[str, str], covered: Mapping[str, str]
) -> tuple[Assignment, ...]:
    """Return what the shell and the worktree's files say; `covered` are the values that count before those of files.

    A file that git tracks is the same in every worktree: a value in it counts only where nothing covers it.
    """
    root, own = Path(resolved.current.worktree.path), resolved.environment.values
    tracked = set(os.fsdecode(git.change(root, "ls-files", "-z", "--", *envfiles.names(root))).split("\0"))
    in_files = [
        each
        for each in _strongest(root)
        if not (each.source in tracked and each.variable in own and covered.get(each.variable) == own[each.variable])
    ]
    return (*(Assignment(variable, value, SHELL) for variable, value in sorted(environ.items())), *in_files)


def _strongest(root: Path) -> Iterable[Assignment]:
    """Return the value that counts of each variable that a checkout's files set."""
    found: dict[str, Assignment] = {}
    for variable, value, file in envfiles.values(root):
        found.setdefault(variable, Assignment(variable, value, file))
    return found.values()


def _leaks(resolved: ResolvedEnvironment, found: Iterable[Assignment]) -> tuple[Leak, ...]:
    tools = frozenset({sys.prefix, f"{sys.prefix}/bin", os.path.dirname(sys.executable)})  # noqa: PTH120 - links stay
    leaked = leaks.find_leaks(resolved.environment, tuple(_others(resolved)), found, tools=tools)
    shared, main = resolved.current.repository.shared, _of_main(resolved)
    return tuple(
        each for each in leaked if not (each.assignment.variable in shared and _is_copied(each.assignment, main))
    )


def _of_main(resolved: ResolvedEnvironment) -> Mapping[str, str]:
    """Return the values of the main checkout's files, none for the main checkout itself."""
    if resolved.current.worktree.main:
        return {}
    return {each.variable: each.value for each in _strongest(Path(resolved.current.repository.path))}


def _is_copied(assignment: Assignment, main: Mapping[str, str]) -> bool:
    """Tell whether a file says what the main checkout's own files say."""
    return assignment.source != SHELL and main.get(assignment.variable) == assignment.value


def _copied(
    resolved: ResolvedEnvironment, found: Iterable[Assignment], *, covered: Mapping[str, str]
) -> tuple[Copied, ...]:
    """Return what is the main checkout's too, of the values that count: the shell's before those of files."""
    counting = [each for each in found if covered.get(each.variable, each.value) == each.value]
    once = {each.variable: each for each in reversed(counting)}
    return copied.find_copied(
        (each for each in counting if once[each.variable] is each),
        _of_main(resolved), own=resolved.environment.values, shared=resolved.current.repository.shared,
    )  # fmt: skip


def _others(resolved: ResolvedEnvironment) -> Iterator[Environment]:
    """Yield the environments of all other worktrees that ever had one, served or not."""
    current = resolved.current
    read = {repository.common_dir for repository in current.repositories}
    remembered = {each.id: each for each in survey.living(current.memory).worktrees}
    unread = dict.fromkeys(identity.common_dir for identity in remembered if identity.common_dir not in read)
    for repository in (*current.repositories, *survey.repositories(unread)):
        for worktree in repository.worktrees:
            other = remembered.get(worktree.id)
            if other and other.project and worktree.id != current.worktree.id:
                base = _base(resolved.settings, repository, worktree, other)
                try:
                    yield _with_templates(base, repository, worktree)
                except RouterError:
                    yield base

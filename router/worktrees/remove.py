"""`router hook worktree-remove`: a worktree that `worktree-create` created goes, but no work that is nowhere else."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from router.errors import GitError, UnsavedWorkError, UsageError
from router.processes.servers import place_of, servers
from router.processes.stop import stop
from router.text import shown
from router.worktrees import git_commands, layout, rest, unsaved
from router.worktrees.git_commands import Checkout
from router.worktrees.provision import Say


def remove(path: Path, *, force: bool, routers: Collection[int], say: Say) -> None:
    """Remove a worktree that `create` created, and its branch where every commit is on another one too.

    UnsavedWorkError where work would be lost, unless `force`; a branch with such work stays even then. With `force` its
    servers end first; `routers` are the pids of the watcher and its Caddy, which stay. Safe to repeat: a worktree that
    is gone already is no error. `say` gets a line for each step.
    """
    checkout = _checkout_of(path)
    name = shown(str(checkout.root))
    worktree = git_commands.worktree_at(checkout.common, checkout.root)
    if worktree is None:
        _finish(checkout, say=say)
        return
    admin = git_commands.admin_directory(checkout.common, worktree)
    branch = layout.marked_branch(admin)
    if force and worktree.present:
        _end_servers(checkout, routers, say=say)
    elif worktree.present:
        _refuse(name, unsaved.work(checkout, admin, branch), instead="commit, push or merge it")
        _refuse(name, list(_running(checkout, routers)), instead=f"end it: `cd {name} && router stop`")
        unsaved.clear(checkout)
    removal = rest.begin(checkout, branch) if worktree.present else None
    try:
        force = force or bool(git_commands.submodules(checkout.root))
        git_commands.remove_worktree(checkout.common, checkout.root, force=force)
    except GitError:
        if git_commands.worktree_at(checkout.common, checkout.root) is not None:
            raise
    if removal:
        rest.finish(checkout, removal, say=say)
    _say_removed(checkout, branch, say=say)


def _finish(checkout: Checkout, *, say: Say) -> None:
    """Finish a removal that git has done with, though something of the directory is left."""
    name = shown(str(checkout.root))
    removal = rest.begun(checkout)
    if not os.path.lexists(checkout.root):
        say(f"{name} is gone already")
    elif removal is None:
        raise GitError(f"{checkout.root} is no worktree of {checkout.main}", hint="see `git worktree list`")
    else:
        rest.finish(checkout, removal, say=say)
        _say_removed(checkout, removal.branch, say=say)


def _say_removed(checkout: Checkout, branch: str | None, *, say: Say) -> None:
    say(f"removed {shown(str(checkout.root))}")
    if branch is not None:
        _delete_branch(checkout.common, branch, say=say)
    layout.remove_empty_parents(checkout.root)


def _running(checkout: Checkout, routers: Collection[int]) -> Iterator[str]:
    """Yield the servers that run in a worktree: without their directory they would stay, and serve nothing."""
    found = servers(git_commands.paths(checkout.common))
    for process in found.of(place_of(str(checkout.root))):
        if process.pid not in routers:
            ports = " and ".join(map(str, sorted(found.ports[process.pid])))
            yield f"{process.program or 'a process'} (pid {process.pid}) listens on {ports}"


def _end_servers(checkout: Checkout, routers: Collection[int], *, say: Say) -> None:
    """End what listens in a worktree, as `router stop` does: without its directory nothing would."""
    done = stop(str(checkout.root), roots=git_commands.paths(checkout.common), routers=routers)
    for process in done.ended.processes:
        say(f"ended {process.program or 'a process'} (pid {process.pid})")
    for each in done.containers:
        say(f"stopped the container {each.name}")
    for failed in done.failed:
        say(shown(failed.message))


def _refuse(name: str, reasons: list[str], *, instead: str) -> None:
    if reasons:
        raise UnsavedWorkError(
            f"{name} stays: {'; '.join(reasons)}",
            hint=f"{instead}; or: router hook worktree-remove --force {name}",
        )


def _delete_branch(common: Path, branch: str, *, say: Say) -> None:
    if git_commands.branch_commit(common, branch) is None:
        return
    if count := git_commands.commits_on_branch_alone(common, branch):
        say(f"branch {shown(branch)} stays: {unsaved.commits(count)} on it alone")
        return
    try:
        git_commands.delete_branch(common, branch)
    except GitError as exc:
        say(f"branch {shown(branch)} stays: {shown(exc.message)}")
    else:
        say(f"removed branch {shown(branch)}")


def _checkout_of(path: Path) -> Checkout:
    """Return the checkout of a worktree that `create` may have created. UsageError where the path is another one."""
    depth = len(layout.DIRECTORY)
    try:
        real = Path(os.path.realpath(path))
    except ValueError as exc:  # a NUL in it, or half a character
        raise UsageError(f"{str(path)!r} is no path", hint="name the worktree to remove") from exc
    if path.is_absolute() and real.parts[-depth - 1 : -1] == layout.DIRECTORY and len(real.parts) > depth + 1:
        here = git_commands.checkout_at(real.parents[depth])
        if here.main == real.parents[depth]:
            return Checkout(here.common, here.main, real)
    raise UsageError(
        f"{path} is not below the `{'/'.join(layout.DIRECTORY)}` of a main checkout",
        hint="this removes what `router hook worktree-create` created; for others: `git worktree remove`",
    )

"""Starts the server of a worktree's service: once, in its own environment, on its own port."""

import time
from pathlib import Path

from router.env.hooks import without_hooks
from router.env.worktree_env import CommandEnvironment
from router.errors import RouterError
from router.launch.prepared import prepared
from router.ps import ProcessId
from router.servers import records
from router.servers.command import StartCommand
from router.servers.records import Record
from router.servers.spawn import spawn
from router.servers.states import failures_by
from router.store import Store
from router.text import shown
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class Begun:
    """A server that was begun, or that another command has begun (`new` is False); `notes` say what was changed."""

    directory: Path
    new: bool
    notes: tuple[str, ...] = ()


def begin(own: CommandEnvironment, service: str, command: StartCommand, *, store: Store) -> Begun:
    """Begin the server of a service of a worktree, where it does not run; waits for nothing.

    `own` is the worktree's environment for a command. UsageError where the worktree has no such service, RouterError
    where its server cannot be started.
    """
    tree = own.current.worktree
    directory = records.directory_of(store, tree.id, service)
    with records.locked(directory) as lock:
        before = records.at(directory, mine=lock is not None)
        if lock is None or (before and before.runs):
            return Begun(directory, new=False)
        cwd = Path(own.root, command.folder)
        if not cwd.is_dir():
            raise RouterError(f"{shown(str(cwd))} is not there: {service} is not started", hint="see router.toml")
        ready = prepared(command.words, without_hooks(own.values), root=own.root, ports=own.ports,
                         addresses=own.addresses, cwd=cwd, service=service, store=store)  # fmt: skip

        def remember(server: ProcessId) -> None:
            remembered = own.current.remembered
            record = Record(tree.id, own.root, remembered.label if remembered else "", service, own.ports[service],
                            server, time.time(), failures_by(before))  # fmt: skip
            records.write(store, directory, record)

        records.forget_end(directory)
        spawn(ready.argv, environ=ready.environ, cwd=cwd, directory=directory, lock=lock, remember=remember)
    return Begun(directory, new=True, notes=ready.notes)

"""The commands of /etc/hosts: `hosts` prints the router's block, `hosts sync` writes it, `hosts clean` removes it."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.cli.opened import current_directory
from router.cli.output import Output
from router.errors import HostsError, RouterError

if TYPE_CHECKING:
    from router.document import Document
    from router.settings import Settings
    from router.store import Store

app = typer.Typer()

File = Annotated[Path | None, typer.Option("--file", help="A file other than /etc/hosts.", hidden=True)]


@app.callback(invoke_without_command=True)
def hosts(context: typer.Context) -> Output | None:
    """Print every live host for /etc/hosts. Programs that do not resolve *.localhost need that block."""
    from router import hosts as hosts_
    from router.settings import load
    from router.watcher import client

    if context.invoked_subcommand is not None:
        return None
    settings = load()
    store = _store(settings)
    status = _published(store) or client.status(settings, store, cwd=current_directory())
    return Output(hosts_.block(hosts_.names(status)))


@app.command()
def sync(file: File = None) -> Output:
    """Write that block into /etc/hosts. The rest stays, and a copy of the old file is kept beside it."""
    from router import hosts as hosts_
    from router.settings import load

    status = _published(_store(load()))
    if status is None:
        raise RouterError(
            "no watcher is running, so no host is live", hint="run `router up --detach`", kind="watcher-down"
        )
    path, names = file or hosts_.FILE, hosts_.names(status)
    try:
        changed = hosts_.sync(path, names)
    except HostsError as exc:
        raise HostsError(exc.message, hint=exc.hint or f"run `{sudo('sync')}`") from exc
    return Output(notes=(f"{path}: {len(names)} hosts{'' if changed else ', nothing to change'}",))


@app.command()
def clean(file: File = None) -> Output:
    """Remove that block from /etc/hosts. The rest stays."""
    from router import hosts as hosts_

    path = file or hosts_.FILE
    try:
        changed = hosts_.clean(path)
    except HostsError as exc:
        raise HostsError(exc.message, hint=exc.hint or f"run `{sudo('clean')}`") from exc
    return Output(notes=(f"{path}: {'the block is removed' if changed else 'it has no block of the router'}",))


def sudo(command: str) -> str:
    """Return the line that runs `router hosts COMMAND` as root, who has neither this PATH nor these variables."""
    import shlex

    variables = [f"ROUTER_STATE_DIR={value}"] if (value := os.environ.get("ROUTER_STATE_DIR")) else []
    called = Path(sys.argv[0]).absolute()
    program = [str(called)] if called.name == "router" else [sys.executable, "-m", "router"]
    return shlex.join(["sudo", *variables, *program, "hosts", command])


def _store(settings: "Settings") -> "Store":
    """Return the state directory as it is, under sudo that of the user who called it; nothing is created there."""
    from router import hosts as hosts_
    from router.store import Store

    return Store(hosts_.directory_of_caller(settings.state_dir, environ=os.environ))


def _published(store: "Store") -> "Document | None":
    """Return the status document of the running watcher, None where none runs."""
    from router.watcher import client

    watcher = store.running_watcher()
    return client.published(store, watcher.pid) if watcher else None

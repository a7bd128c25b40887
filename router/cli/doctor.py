"""`router doctor` and `router hosts`: what is wrong with this machine, and its file of host names."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.cli.options import say
from router.errors import HostsError, RouterError
from router.settings import Settings, load
from router.store import Store

if TYPE_CHECKING:
    from router.status import Document

app = typer.Typer()
hosts_app = typer.Typer()
app.add_typer(hosts_app, name="hosts")

AsJson = Annotated[bool, typer.Option("--json", help="Print the findings as JSON, schema 1.")]
File = Annotated[Path | None, typer.Option("--file", help="Another file than /etc/hosts.", hidden=True)]


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Look at everything that can be wrong on this machine, each with what to do; exit 1 if something fails."""
    from router.doctor import findings
    from router.doctor.examine import examine

    found = examine(load, cwd=Path.cwd(), sync=_sudo("sync"))
    if as_json:
        print(json.dumps(findings.document(found), indent=2))
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        print(*findings.lines(found, colour=colour), sep="\n")
    raise typer.Exit(1 if findings.failed(found) else 0)


@hosts_app.callback(invoke_without_command=True)
def hosts(context: typer.Context) -> None:
    """Print the block of /etc/hosts with every live host, for what does not resolve *.localhost."""
    from router import hosts as hosts_
    from router.watcher import client

    if context.invoked_subcommand is None:
        settings = load()
        store = _store(settings)
        status = _served(store) or client.status(settings, store, cwd=Path.cwd())
        print(hosts_.block(hosts_.names(status)), end="")


@hosts_app.command()
def sync(file: File = None) -> None:
    """Write that block into /etc/hosts; all else in it stays, and what it was is kept beside it."""
    from router import hosts as hosts_

    status = _served(_store(load()))
    if status is None:
        raise RouterError("no watcher runs, so no host is live", hint="run `router up --detach`")
    path, names = file or hosts_.FILE, hosts_.names(status)
    try:
        changed = hosts_.sync(path, names)
    except HostsError as exc:
        raise HostsError(exc.message, hint=exc.hint or f"run `{_sudo('sync')}`") from exc
    say(f"{path}: {len(names)} hosts{'' if changed else ', as it was'}")


@hosts_app.command()
def clean(file: File = None) -> None:
    """Remove that block from /etc/hosts; all else in it stays."""
    from router import hosts as hosts_

    path = file or hosts_.FILE
    try:
        changed = hosts_.clean(path)
    except HostsError as exc:
        raise HostsError(exc.message, hint=exc.hint or f"run `{_sudo('clean')}`") from exc
    say(f"{path}: {'the block is gone' if changed else 'there is no block'}")


def _store(settings: Settings) -> Store:
    """Return the state directory, as it is: under sudo it is that of the user who called, and nothing is made there."""
    from router import hosts as hosts_

    return Store(hosts_.directory_of_caller(settings.state_dir, environ=os.environ))


def _served(store: Store) -> "Document | None":
    """Return the status document of the running watcher, None where none runs."""
    try:
        document = json.loads(store.read(store.status_file) or "null") if store.running_watcher() else None
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _sudo(command: str) -> str:
    """Return the command that does this as root: sudo knows neither this environment's programs nor its variables."""
    import shlex

    own = [f"ROUTER_STATE_DIR={value}"] if (value := os.environ.get("ROUTER_STATE_DIR")) else []
    called = Path(sys.argv[0]).absolute()
    program = [str(called)] if called.name == "router" else [sys.executable, "-m", "router"]
    return shlex.join(["sudo", *own, *program, "hosts", command])

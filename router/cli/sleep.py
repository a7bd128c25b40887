"""The command `router pin`: a worktree that does not sleep by itself."""

from pathlib import Path
from typing import Annotated

import typer

from router.cli.opened import named_worktree, opened
from router.cli.options import Name
from router.cli.output import Output

app = typer.Typer()

Off = Annotated[bool, typer.Option("--off", help="Let it sleep by itself again.")]


@app.command()
def pin(name: Name = None, off: Off = False) -> Output:
    """Keep a worktree awake. Its servers are not stopped by themselves, until it is let go with --off."""
    from router.env.current import current_worktree
    from router.sleep import kept
    from router.watcher import client

    settings, store = opened()
    _, tree = named_worktree(settings, store, name)
    identity = current_worktree(settings, store, cwd=Path(tree["path"])).worktree.id
    if off:
        was = kept.unpin(store, identity)
        said = "may sleep by itself again" if was else "was not pinned"
    else:
        kept.pin(store, identity)
        said = "is pinned: it does not sleep by itself"
    client.wake(store)
    return Output(notes=(f"{tree['name']} {said}",))

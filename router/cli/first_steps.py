"""What `router up` says below its table: where the dashboard is, how to stop the router, what to do next."""

import os
import shutil
from contextlib import closing
from functools import partial
from pathlib import Path

from router.document import Document, find, name_at
from router.observe.lanes import Lanes
from router.observe.start_command import start_command
from router.text import shown

_PATIENCE = 2.0  # seconds


def lines(status: Document, *, at: Path, foreground: bool) -> tuple[str, ...]:
    """Return the lines for people; the next step is for the worktree that the directory `at` is in."""
    stops = "Ctrl-C stops it" if foreground else "`router down` stops it"
    with closing(Lanes[Path, str | None](threads=1)) as lanes:  # the disk with the worktree may hang
        step = lanes.run({at: partial(_next_step, status, at)}, patience=_PATIENCE).get(at)
    return (f"The dashboard is at {status['origin']}; {stops}.", *([f"Next: {step}"] if step else []))


def _next_step(status: Document, at: Path) -> str | None:
    """Return what to do in a worktree: open its page, or start its server with the command that its files say."""
    name = name_at(status, at)
    if name is None:
        return None
    tree = find(status, name)
    web, root = tree["services"]["web"], Path(tree["path"])
    if web["up"]:
        return f"open {tree['url']}"
    found = start_command(root, installed=shutil.which)
    if found is None:
        return (
            f"start the dev server of {tree['name']} as usual, in {shown(str(root))}; "
            f"`router run -- COMMAND` gives it port {web['port']}"
        )
    return found.typed(str(root), here=os.curdir)

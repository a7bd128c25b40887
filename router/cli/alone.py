"""The commands that agents run all the time, where no watcher answers them: worked out here, without Typer."""

import os
from collections.abc import Sequence

from router.cli import outcomes, output
from router.cli.opened import current_directory, opened
from router.cli.outcomes import Ready
from router.cli.output import Output
from router.cli.typed import typed


def answer(arguments: Sequence[str]) -> Output | Ready | None:
    """Return what a command comes to, None where it is not typed as usual. RouterError where it fails."""
    asked = typed(arguments)
    if asked is None:
        return None
    settings, store = opened()
    cwd = current_directory()
    if asked.command != "hook":
        return outcomes.outcome(settings, store, asked, cwd=cwd, environ=os.environ)
    from router.worktrees import provision

    provision.post_create(cwd=cwd, settings=settings, store=store, say=output.note, progress=output.progress)
    return Output()

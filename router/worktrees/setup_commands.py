"""The commands of `[setup] run`: run in a new worktree, in its environment, once, and only as they were allowed."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from router import proc
from router.env import worktree_env
from router.env.hooks import without_hooks
from router.errors import HiddenError, NotAllowedError, RouterError
from router.resource_settings import words
from router.servers.log import last_lines
from router.servers.states import ended_how
from router.settings import Settings
from router.store import Store
from router.text import shown
from router.trust import records
from router.trust.statements import allowed, expect_allowed
from router.trust.wanted import wanted
from router.worktrees import setup_done
from router.worktrees.git_commands import Checkout

Say = Callable[[str], None]
_LOG = "worktree-router-setup.log"  # in a worktree's administrative directory: what the last of them said


def run(checkout: Checkout, settings: Settings, store: Store, *, environ: Mapping[str, str], say: Say) -> None:
    """Run the commands of `[setup] run` in a worktree, in order, until the first that fails.

    That they were is noted: whoever calls this asks `setup_done` before. What is not allowed, and what fails, is said
    and no error: the worktree is of use all the same. `environ` is the shell's environment, of which values of other
    worktrees are replaced.
    """
    asked = wanted(checkout.main, hosts=settings.data_hosts)
    lines, admin = asked.settings.setup.run, setup_done.admin_directory(checkout)
    if not lines or admin is None:
        return
    try:
        verdict = allowed(asked.statements, records.read(store, checkout.common))
        expect_allowed(verdict, place=shown(str(checkout.main)))
        own = worktree_env.command_environment(settings, store, cwd=checkout.root, environ=environ, fix=True)
    except HiddenError as exc:
        say(f"did not run [setup] run: {exc.message}")
    except NotAllowedError as exc:
        say(f"did not run [setup] run: {exc.message}; {exc.hint}")
    else:
        if _all(lines, checkout.root, without_hooks(own.values), log=admin / _LOG, say=say):
            setup_done.note(admin, lines)


def _all(lines: Sequence[str], root: Path, environ: Mapping[str, str], *, log: Path, say: Say) -> bool:
    """Run commands in order, and tell whether all succeeded; the first failure ends it, and is said."""
    for number, line in enumerate(lines):
        say(f"running {line}")
        try:
            code = proc.run_logged(words(line), env=environ, cwd=root, log=log)
            failed = ended_how(code) if code else ""
        except RouterError as exc:
            failed = f"was not run: {exc.message}; {exc.hint}"
        if failed:
            said = last_lines(log)
            say(f"{line} {failed}{', and said last:' if said else ''}")
            for each in said:
                say(f"  {each}")
            left = f"; not run: {'; '.join(lines[number + 1 :])}" if lines[number + 1 :] else ""
            say(f"the worktree is made all the same{left}; fix that, then `router hook post-create` in it tries again")
            return False
    return True

"""Which work would be lost with a worktree: what is in no commit, and commits that are nowhere else."""

from collections.abc import Iterator
from pathlib import Path

from router import blocks, files
from router.env.env_files import FILES
from router.errors import BlockError
from router.observe import git_files
from router.text import shown
from router.worktrees import git_commands
from router.worktrees.git_commands import Checkout

_NAMED = 5


def work(checkout: Checkout, admin: Path, branch: str | None) -> list[str]:
    """Return what would be lost, each as a sentence; empty where nothing would.

    That is: files neither committed nor ignored (`.env.local` with nothing but the router's block, and links into the
    main checkout, do not count); what a rebase or merge in progress has stashed away; commits of HEAD that are on no
    branch, remote branch or tag, where `branch`, created with the worktree and removed with it, does not count; commits
    of a submodule that are on none of its remote branches. A lock counts too: somebody is at work.
    """
    reasons = []
    if (lock := git_files.lock(admin)) is not None:
        reasons.append(f"it is locked ({shown(lock.strip()) or 'no reason is given'})")
    if operation := git_commands.operation_in_progress(admin):
        reasons.append(f"a {operation} is in progress")
    changed = [name for state, name in git_commands.uncommitted(checkout.root) if not _ours(checkout, state, name)]
    if changed:
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        reasons.append(f"not committed: {', '.join(map(shown, changed[:_NAMED]))}{more}")
    return [*reasons, *_on_head(checkout.root, branch), *_in_submodules(checkout.root)]


def _on_head(checkout: Path, branch: str | None) -> Iterator[str]:
    """Yield which commits of HEAD would be lost: those on no branch, or on the one that goes with the worktree."""
    if nowhere := git_commands.commits_on_head_alone(checkout):
        named = "; ".join(map(shown, nowhere[:_NAMED])) + ("; …" if len(nowhere) > _NAMED else "")
        keep = f"`git branch NAME {nowhere[0].partition(' ')[0]}` keeps {'it' if len(nowhere) == 1 else 'them'}"
        yield f"{commits(len(nowhere))} on no branch ({named}): {keep}"
    elif found := git_commands.commits_on_head_alone(checkout, ignoring=branch):
        yield f"{commits(len(found))} on {shown(branch or '')} alone"


def commits(count: int) -> str:
    """Return a number of commits as the beginning of a sentence."""
    return f"{count} commit{'s are' if count > 1 else ' is'}"


def clear(checkout: Checkout) -> None:
    """Remove what only the router put there and git does not ignore, so that git finds the worktree clean."""
    for state, name in git_commands.uncommitted(checkout.root):
        if _ours(checkout, state, name):
            (checkout.root / name).unlink(missing_ok=True)


def _ours(checkout: Checkout, state: str, name: str) -> bool:
    path = checkout.root / name
    if state != "??":
        return False
    if path.is_symlink():
        return path.readlink() == checkout.main / name
    if name not in FILES.values():
        return False
    try:
        parts = blocks.parts(files.text(path) or "")
    except BlockError:
        return False
    return parts.block is not None and not (parts.before + parts.after).strip()


def _in_submodules(checkout: Path) -> list[str]:
    reasons = []
    for name in git_commands.submodules(checkout):
        submodule = checkout / name
        if (submodule / ".git").exists():
            if count := git_commands.unpushed_commits(submodule):
                reasons.append(f"{commits(count)} in the submodule {shown(name)} alone")
            reasons += _in_submodules(submodule)
    return reasons

"""`router init` on a checkout: its files read, changed as `integrations` says, shown, and written when asked."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from router import files
from router.errors import FileError, SettingsError
from router.naming import shown
from router.tools.compose_collisions import collisions
from router.tools.edits import TOOLS, Change, Facts, changes, diff
from router.worktrees import git_commands
from router.worktrees.provision import setup

_COMPOSE = "compose"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What `router init` found: the changes to a checkout's files, the text to print, and what to tell beside it."""

    root: Path
    changes: tuple[Change, ...]
    text: str
    notes: tuple[str, ...]

    def summary(self, *, written: bool) -> str:
        """Return what became of the changes, as a line."""
        names = ", ".join(change.path for change in self.changes)
        if not self.changes:
            return "nothing to change"
        return f"written: {names}" if written else f"nothing is written yet; --write would write {names}"


def propose(tools: Iterable[str], *, cwd: Path, port: int, redirect_uri: str) -> Proposal:
    """Return what setting these tools up means for the checkout of `cwd`. Nothing is written.

    RouterError names the file that cannot be read or changed; then none is changed.
    """
    checkout = git_commands.checkout_at(cwd)
    asked = tuple(dict.fromkeys(tools))
    known = tuple(tool for tool in asked if tool in TOOLS)
    texts: dict[str, str | None] = {}
    for path in dict.fromkeys(path for tool in known for path in TOOLS[tool].files):
        if not _points_to(checkout.root / path, [checkout.root / other for other in texts]):
            _expect_inside(checkout.root, path)
            texts[path] = files.text(checkout.root / path)
    found, notes = changes(known, texts, Facts(port, redirect_uri, _links(checkout.main)))
    report, more = _report(checkout.root) if _COMPOSE in asked else ("", ())
    return Proposal(checkout.root, found, "".join(map(diff, found)) + report, notes + more)


def write(proposal: Proposal) -> None:
    """Write the changes, each file as one step. FileError where one cannot be written."""
    for change in proposal.changes:
        path = proposal.root / change.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise FileError(f"{path.parent} cannot be made: {exc.strerror}", hint="mend what is there") from exc
        _expect_inside(proposal.root, change.path)
        files.write(path, change.after)


def _expect_inside(root: Path, path: str) -> None:
    parent = (root / path).parent
    if Path(os.path.realpath(parent)) != parent:
        raise FileError(f"{parent} is a link", hint="replace it by a directory of this checkout's own")


def _points_to(path: Path, others: Iterable[Path]) -> bool:
    """Tell whether a file is a link to another that is changed anyway, as CLAUDE.md to AGENTS.md."""
    return path.is_symlink() and any(os.path.realpath(path) == str(other) for other in others)


def _links(main: Path) -> tuple[str, ...]:
    try:
        return setup(main).link
    except SettingsError:  # told where it matters: when a worktree is made
        return ()


def _report(root: Path) -> tuple[str, tuple[str, ...]]:
    """Return what would collide between two worktrees' stacks, a paragraph each, and notes."""
    names = git_commands.compose_files(root)
    if not names:
        return "", ("compose: this checkout has no Compose file",)
    lines, notes = [], []
    for name in names:
        try:
            found = collisions(files.text(root / name) or "")
        except FileError as exc:
            notes.append(f"compose: {shown(name)}: {shown(exc.message)}")
            continue
        notes += [] if found else [f"compose: nothing in {shown(name)} would collide"]
        lines += [f"{shown(name)}:{c.line}: {shown(c.what)}\n    {shown(c.instead)}\n" for c in found]
    return "".join(lines), tuple(notes)

"""`router init` on a checkout: its files are read, changed by `edits`, shown as a diff, and written when asked."""

import contextlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from router import files
from router.errors import FileError, SettingsError
from router.observe import git
from router.observe.projects import project
from router.observe.projects.checkout import checkout as files_of
from router.repository_file import FILE
from router.repository_settings import load_repository_settings
from router.text import shown
from router.tools.compose import published
from router.tools.compose.report import report
from router.tools.edited import Change, Facts
from router.tools.edits import TOOLS, changes, diff
from router.tools.proposal import proposed
from router.tools.resources import look
from router.tools.resources.proposal import Candidate
from router.tools.resources.uses import PATTERNS
from router.values import dataclass
from router.worktrees import checkout_files, git_commands
from router.worktrees.git_commands import Checkout

_COMPOSE, _RESOURCES = "compose", "resources"
_LARGEST = 1 << 20  # bytes of a file; the parsers take seconds for one
_LARGEST_SOURCE = 1 << 18  # bytes of a file that is read for resources


@dataclass(frozen=True, slots=True)
class Proposal:
    """What `router init` proposes: the changes to a checkout's files, the text to print, and notes about it."""

    root: Path
    changes: tuple[Change, ...]
    text: str
    notes: tuple[str, ...]

    def summary(self, *, written: bool) -> str:
        """Return as a line which files change, and whether they were written."""
        names = ", ".join(change.path for change in self.changes)
        if not self.changes:
            return "nothing to change"
        return f"written: {names}" if written else f"nothing is written yet; --write would write {names}"


def propose(tools: Iterable[str], *, cwd: Path, port: int, url: str = "", hosts: Collection[str] = ()) -> Proposal:
    """Return what setting these tools up changes in the checkout of `cwd`, whose worktree has this `url`.

    Nothing is written. `hosts` are the other machines on which databases may be made.
    RouterError names the file that cannot be read or changed; then none is changed.
    """
    checkout = git_commands.checkout_at(cwd)
    wanted = tuple(dict.fromkeys(tools))
    edited = tuple(tool for tool in wanted if tool in TOOLS)
    texts: dict[str, str | None] = {}
    for path in dict.fromkeys(path for tool in edited for path in TOOLS[tool].files):
        if not _points_to(checkout.root / path, [checkout.root / other for other in texts]):
            _expect_inside(checkout.root, path)
            with contextlib.suppress(
                *([FileError] if path == FILE and _RESOURCES not in wanted else [])
            ):  # reported where it matters
                texts[path] = files.text(checkout.root / path, limit=_LARGEST)
    resources, more = _resources(checkout, hosts) if _RESOURCES in wanted else ((), ())
    facts = Facts(
        port, _links(checkout.main), _claude_settings(), git.name(checkout.common), url,
        checkout_files.committed(checkout.root, texts), resources,
    )  # fmt: skip
    proposed, notes = changes(edited, texts, facts)
    text, further = "", tuple[str, ...]()
    if _COMPOSE in wanted:
        text, further = report(checkout.root, checkout.main, checkout_files.compose_files(checkout.root))
    return Proposal(checkout.root, proposed, "".join(map(diff, proposed)) + text, (*notes, *more, *further))


def _resources(checkout: Checkout, hosts: Collection[str]) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Return the resources of the main checkout, whose `router.toml` alone counts."""
    compose = checkout_files.compose_files(checkout.main)
    others = checkout_files.matching(checkout.main, PATTERNS)

    def read(name: str) -> str | None:
        return files.text(checkout.main / name, limit=_LARGEST_SOURCE)

    found, notes = look.proposed(checkout.main, compose, others, read=read, hosts=hosts)
    if checkout.root != checkout.main:
        notes = (*notes, f"only the router.toml of {checkout.main} counts: merge this one into it")
    return found, notes if found or notes else ("no database, queue or cache is named in the files of this checkout",)


def propose_settings(*, cwd: Path, reserved: Collection[int]) -> Proposal:
    """Return the `router.toml` that the files of the checkout of `cwd` suggest. Nothing is written.

    Where there is one already the text is what it lacks, and nothing changes. RouterError where it cannot be used, or
    `cwd` is in no checkout; `reserved` are the router's own ports.
    """
    checkout = git_commands.checkout_at(cwd)
    root, main = checkout.root, git_commands.worktree_at(checkout.common, checkout.main)
    tree = files_of(root)
    compose = published.services(checkout_files.compose_files(root), tree.read)
    there = load_repository_settings(root) if (root / FILE).exists() else None
    found = project.read(tree, more=compose)
    text = proposed(found, branch=main.branch if main else None, reserved=reserved, there=there)
    if there is not None:
        lacks = "it lacks what is printed here" if text else "it lacks nothing that other files say"
        return Proposal(root, (), text, (f"{FILE} is there already and stays as it is: {lacks}",))
    if not text:
        return Proposal(root, (), "", ("no file of this checkout says how its servers start or on which ports",))
    elsewhere = f"{FILE} counts in the main checkout, {shown(str(checkout.main))}: merge it, or write it there"
    notes = () if root == checkout.main else (elsewhere,)
    return Proposal(root, (Change(FILE, None, text),), text, notes)


def write(proposal: Proposal) -> None:
    """Write the changes, each file as one step. FileError names one that cannot be written."""
    for change in proposal.changes:
        path = proposal.root / change.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise FileError(f"{path.parent} cannot be created: {exc.strerror}", hint="see what is there") from exc
        _expect_inside(proposal.root, change.path)
        files.write(path, change.after)


def _expect_inside(root: Path, path: str) -> None:
    parent = (root / path).parent
    if Path(os.path.realpath(parent)) != parent:
        raise FileError(f"{parent} is a link", hint="replace it by a directory of this checkout")


def _points_to(path: Path, others: Iterable[Path]) -> bool:
    """Tell whether a file is a link to another one that is edited, as CLAUDE.md may be one to AGENTS.md."""
    return path.is_symlink() and any(os.path.realpath(path) == str(other) for other in others)


def _claude_settings() -> tuple[str, str]:
    """Return the user's own settings of Claude Code: their file, and its text where it can be read."""
    home = os.environ.get("CLAUDE_CONFIG_DIR") or os.path.expanduser("~/.claude")  # noqa: PTH111 - it may be unset
    path = Path(home, "settings.json")
    try:
        return str(path), (files.read_bounded(path, limit=_LARGEST) or b"").decode("utf-8", "replace")
    except FileError:
        return str(path), ""


def _links(main: Path) -> tuple[str, ...]:
    try:
        return load_repository_settings(main).setup.link
    except (FileError, SettingsError):  # reported where it matters: when a worktree is created
        return ()

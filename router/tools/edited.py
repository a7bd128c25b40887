"""The texts of a checkout's files on their way from what they are to what a tool needs."""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatch

from router.blocks import HASH, parts, with_block
from router.errors import BlockError, FileError
from router.tools.resources.proposal import Candidate
from router.values import dataclass, replace

CREATE, REMOVE, POST_CREATE = (f"router hook {name}" for name in ("worktree-create", "worktree-remove", "post-create"))


@dataclass(frozen=True, slots=True)
class Facts:
    """What the texts depend on: the router's port, and the paths that `[setup]` links.

    `claude` is the user's own settings of Claude Code: their file and its text, empty where there is none. `repository`
    is the repository's name, `url` the address of the checkout's worktree, empty where it has none, `committed` those
    of the files that git has. `resources` are the databases, queues and caches that each worktree should have.
    """

    port: int
    links: tuple[str, ...] = ()
    claude: tuple[str, str] = ("", "")
    repository: str = ""
    url: str = ""
    committed: frozenset[str] = frozenset()
    resources: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A file of the checkout, its text before (None where it does not exist) and after."""

    path: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Edited:
    """The texts of a checkout's files after the edits so far, None where there is no file, and notes on them."""

    texts: Mapping[str, str | None]
    notes: tuple[str, ...] = ()

    def text(self, path: str) -> str:
        """Return the text of a file, empty where there is none."""
        return self.texts.get(path) or ""

    def with_text(self, path: str, text: str) -> "Edited":
        """Return these texts with another one for a file."""
        return replace(self, texts={**self.texts, path: text})

    def with_notes(self, notes: Iterable[str]) -> "Edited":
        """Return these texts with more notes."""
        return replace(self, notes=(*self.notes, *notes))


def ignoring(edited: Edited, *paths: str) -> Edited:
    """Return the texts with these paths in the block of `.gitignore`, unless other lines of it ignore them."""

    def edit(text: str) -> str:
        sections = parts(text)
        listed = (sections.block or "").splitlines()
        around = f"{sections.before}\n{sections.after}"
        new = [path for path in paths if path not in listed and not _ignores(around, path)]
        block = "".join(f"{line}\n" for line in dict.fromkeys([*listed, *new]))
        return with_block(text, block, maker="router init", comment=HASH) if new else text

    return changed(edited, ".gitignore", edit)


def _ignores(text: str, path: str) -> bool:
    """Tell whether one of these plain patterns ignores a path; none counts if one is negated (`!`)."""
    lines = [line.strip() for line in text.splitlines()]
    if any(line.startswith("!") for line in lines):
        return False
    directory = path.endswith("/")
    return any(
        fnmatch(path.strip("/"), line.strip("/"))
        for line in lines
        if line and not line.startswith("#") and (directory or not line.endswith("/"))
    )


def changed(edited: Edited, path: str, edit: Callable[[str], str]) -> Edited:
    """Return the texts with one edited. The edit sees `\\n` as line ends; a file with Windows line ends keeps them."""
    text = edited.text(path)
    plain = text.replace("\r\n", "\n")
    windows = "\r\n" in text and plain.replace("\n", "\r\n") == text
    try:
        after = edit(plain if windows else text)
    except (FileError, BlockError) as exc:
        raise FileError(f"{path} is not changed: {exc.message}", hint=exc.hint) from exc
    after = after.replace("\n", "\r\n") if windows else after
    return edited if after == text else edited.with_text(path, after)

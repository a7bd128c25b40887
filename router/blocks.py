"""The router's own block in a file of somebody else's, between two lines that mark it."""

from router.errors import BlockError
from router.values import dataclass

_BEGIN = ">>> worktree-router >>>"
_END = "<<< worktree-router <<<"


@dataclass(frozen=True, slots=True)
class Comment:
    """How one kind of file writes a comment of one line."""

    opens: str
    closes: str = ""

    def __call__(self, text: str) -> str:
        """Return text as a comment, without a line end."""
        return f"{self.opens}{text}{self.closes}"


@dataclass(frozen=True, slots=True)
class Parts:
    """A text in three parts: before, in and after its block; `block` is None where it has none."""

    before: str
    block: str | None
    after: str


HASH = Comment("# ")
HTML = Comment("<!-- ", " -->")  # Markdown: a line that opens with # is a heading there
END = HASH(_END)


def parts(text: str, comment: Comment = HASH) -> Parts:
    """Return the text before, in and after the block. BlockError where its marks are damaged."""
    lines = text.splitlines(keepends=True)
    begins = [index for index, line in enumerate(lines) if line.startswith(comment.opens + _BEGIN)]
    ends = [index for index, line in enumerate(lines) if line.rstrip("\r\n") == comment(_END)]
    if not begins and not ends:
        return Parts(text, None, "")
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise BlockError(
            "the lines that mark the router's block are damaged", hint="remove what is left of the block and try again"
        )
    before, block, after = lines[: begins[0]], lines[begins[0] + 1 : ends[0]], lines[ends[0] + 1 :]
    return Parts("".join(before), "".join(block), "".join(after))


def with_block(text: str, block: str, *, maker: str, comment: Comment = HASH) -> str:
    """Return a text with this block in place of the one it had, else at its end; every other byte stays.

    `block` is whole lines, `maker` the command that writes it, `comment` how the file writes comments.
    BlockError where the marks are damaged.
    """
    around = parts(text, comment)
    glue = "\n" if around.before and not around.before.endswith("\n") else ""
    begin = comment(f"{_BEGIN} written by `{maker}`; changes between these lines are overwritten")
    return f"{around.before}{glue}{begin}\n{block}{comment(_END)}\n{around.after}"


def without_block(text: str, comment: Comment = HASH) -> str:
    """Return a text without its block. BlockError where the marks are damaged."""
    around = parts(text, comment)
    return around.before + around.after

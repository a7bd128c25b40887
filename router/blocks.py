"""A block of the router's own inside a file that is somebody else's, between two lines that mark it."""

from dataclasses import dataclass

from router.errors import BlockError

BEGIN = "# >>> worktree-router >>> made by `{maker}`; what stands between these lines is overwritten"
END = "# <<< worktree-router <<<"


@dataclass(frozen=True, slots=True)
class Parts:
    """A text around its block; `block` is None where it has none."""

    before: str
    block: str | None
    after: str


def parts(text: str) -> Parts:
    """Return what stands before, in and behind the block. BlockError where its marks are torn."""
    lines = text.splitlines(keepends=True)
    begins = [place for place, line in enumerate(lines) if line.startswith("# >>> worktree-router >>>")]
    ends = [place for place, line in enumerate(lines) if line.rstrip("\r\n") == END]
    if not begins and not ends:
        return Parts(text, None, "")
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise BlockError(
            "the lines that mark the router's block are torn", hint="remove what is left of the block and try again"
        )
    before, block, after = lines[: begins[0]], lines[begins[0] + 1 : ends[0]], lines[ends[0] + 1 :]
    return Parts("".join(before), "".join(block), "".join(after))


def with_block(text: str, block: str, *, maker: str) -> str:
    """Return a text with this block, in the place of the one it had, else at its end; every other byte as it was.

    `block` is whole lines, `maker` the command that makes it. BlockError where the marks are torn.
    """
    found = parts(text)
    glue = "\n" if found.before and not found.before.endswith("\n") else ""
    return f"{found.before}{glue}{BEGIN.format(maker=maker)}\n{block}{END}\n{found.after}"


def without_block(text: str) -> str:
    """Return a text without its block. BlockError where the marks are torn."""
    found = parts(text)
    return found.before + found.after

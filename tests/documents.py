"""What the tests read of README and docs: pages, their blocks, links, anchors and tables."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
BOOK = (README, *sorted(DOCS.rglob("*.md")))
PAGES = (*BOOK, ROOT / "CHANGELOG.md", *sorted((ROOT / "examples").rglob("*.md")))
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`[^`\n]+`")
_PROMPT = "$ "


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and its text."""

    language: str
    text: str

    @property
    def is_script(self) -> bool:
        """Whether it is a file to save, and not commands to type."""
        return self.text.startswith("#!")


@dataclass(frozen=True)
class Command:
    """A command of a page, and the lines that it shows as output below it."""

    text: str
    shown: tuple[str, ...] = ()


def title(page: Path) -> str:
    """Return how a page is called: its path in the project."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    return [Block(language, text) for language, text in _FENCE.findall(page.read_text())]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())


def commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a `console` block, each with its output, or the lines of a `sh` block."""
    if block.language == "sh" and not block.is_script:
        yield from (Command(line) for line in block.text.splitlines() if line and not line.startswith("#"))
    elif block.language == "console":
        for part in re.split(rf"^{re.escape(_PROMPT)}", block.text, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            yield Command(command, tuple(shown))


def links(page: Path) -> list[str]:
    """Return the targets of a page's links and images."""
    return re.findall(r"\]\(([^)\s]+)\)", _SPAN.sub("", prose(page)))


def spans(page: Path) -> list[str]:
    """Return what stands between backticks in a page's text."""
    return [span.strip("`") for span in _SPAN.findall(prose(page))]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the places where repositories are hosted make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(text: str) -> list[list[str]]:
    """Return the rows of every table in a text, each as its cells; a row of dashes stands below each header."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def tables(text: str) -> list[list[list[str]]]:
    """Return every table in a text, each as its rows."""
    return [rows(match) for match in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)]


def pattern(line: str) -> re.Pattern[str]:
    """Return what a line of shown output stands for: `…` is any text, a number any number, a space any room."""
    parts = (re.escape(" ".join(part.split())) for part in f" {line} ".split("…"))
    return re.compile(r"\s*" + re.sub(r"\d+", r"\\d+", ".*".join(parts)).replace(r"\ ", r"\s+") + r"\s*")


def is_shown(shown: Iterable[str], lines: Iterable[str]) -> bool:
    """Tell whether lines of output have all that a page shows, in its order and maybe with others between them."""
    left = iter(lines)
    return all(any(pattern(each).fullmatch(line) for line in left) for each in shown if each != "…")

"""What agents read of the router: a section of their own files, and a skill; `docs/skill.py` makes it."""

from pathlib import Path

from router.blocks import HTML, parts, with_block
from router.tools.edited import Edited, Facts, changed
from router.tools.texts import SKILL

AGENTS_FILES = ("AGENTS.md", "CLAUDE.md")
SKILL_FILE = ".claude/skills/router/SKILL.md"


def text() -> str:
    """Return what agents have to know, as Markdown."""
    return (Path(__file__).parent / "agents.md").read_text(encoding="utf-8")


def agents(edited: Edited, _: Facts) -> Edited:
    """Return the texts with the section in the files that agents read, in one where it includes the other."""
    for path in AGENTS_FILES:
        if path not in edited.texts:
            continue
        if path == "CLAUDE.md" and "@AGENTS.md" in edited.text(path).split():
            continue
        edited = changed(edited, path, _with_section)
    return edited


def skill(edited: Edited) -> Edited:
    """Return the texts with the skill; what is in its file besides stays."""
    return changed(edited, SKILL_FILE, lambda before: _with_section(before or SKILL, maker="router init claude"))


def _with_section(before: str, *, maker: str = "router init agents") -> str:
    if before and parts(before, HTML).block is None:  # without an empty line it would belong to the text above
        before = f"{before}\n" if before.endswith("\n") else f"{before}\n\n"
    return with_block(before, text(), maker=maker, comment=HTML)

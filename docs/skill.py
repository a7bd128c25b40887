"""Make what `router init` gives agents to read from the reference: `python docs/skill.py`."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs/reference"
TARGET = ROOT / "router/tools/agents.md"
COMMANDS = ("status", "url", "env", "run", "curl", "start", "restart", "stop", "logs", "whose", "explain", "resources")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def skill() -> str:
    """Return the sections of the page for agents, and a line for each command that they need."""
    page = (REFERENCE / "agents.md").read_text()
    sections = page[page.index("## Your worktree") :].replace("\n## ", "\n### ").replace("## ", "### ", 1)
    table = (REFERENCE / "commands.md").read_text()
    lines = "".join(f"- {_line(table, name)}\n" for name in COMMANDS)
    return _LINK.sub(r"\1", f"## Worktrees and `router`\n\n{sections}\n### Commands\n\n{lines}")


def _line(table: str, name: str) -> str:
    """Return a command's row of the reference as one line: how it is typed, and the first sentence of what it does."""
    row = re.search(rf"^\| (`router {name}\b[^`]*`)[^|]* \| (.*) \|$", table, re.MULTILINE)
    if row is None:
        raise SystemExit(f"commands.md has no row of `router {name}`")
    typed, does = row[1].replace("\\|", "|"), _LINK.sub(r"\1", row[2])
    return f"{typed} {re.split(r'[.;] ', does)[0].rstrip('.')}"


if __name__ == "__main__":
    TARGET.write_text(skill())

"""What the router says, cut to what an agent reads: short, bounded, without values that may be secret."""

from collections.abc import Iterator, Mapping

from router.document import Document, problems
from router.masked import masked_line
from router.text import shown

LONGEST = 6_000  # characters of an answer: fewer than 3,000 tokens, also where addresses are half of it
_SAFE = {
    "FEATURE", "WORKTREE_NAME", "WORKTREE_BRANCH", "WORKTREE_URL", "WORKTREE_API_URL", "OAUTH_REDIRECT_URI",
    "OAUTH_STATE", "DATABASE_NAME", "RABBITMQ_VHOST", "REDIS_KEY_PREFIX", "COMPOSE_PROJECT_NAME", "PORT",
}  # fmt: skip


def status(document: Document, *, own: str | None) -> str:
    """Return a line for each worktree, the own one first and then those that are up, and what is wrong."""
    trees = sorted(document["worktrees"], key=lambda tree: (tree["name"] != own, not _up(tree), tree["name"]))
    wrong = [each for each in problems(document) if each["name"] in (None, own)]
    found = [f"{each['severity']}: {each['message']} ({each['hint']})" for each in wrong]
    here = f"this worktree: {own or 'none: this directory is in none'}"
    watcher = "" if document["watcher"]["running"] else "no router runs: `router up --detach` starts one"
    return cut([each for each in (watcher, here, *map(shown, found), *map(_line, trees)) if each])


def environment(values: Mapping[str, str]) -> str:
    """Return the variables of a worktree: with the value where that is the router's own, else with the name alone."""
    return cut([f"{name}={value}" if _is_safe(name) else f"{name} (set)" for name, value in values.items()])


def log(text: str) -> str:
    """Return the last lines of a log, without what looks like a secret in them."""
    return cut([masked_line(line) for line in text.splitlines()], last=True)


def cut(lines: list[str], *, last: bool = False) -> str:
    """Return lines up to what an agent reads, the first or the last of them; one line says how many are left out."""
    kept = list(_fitting(reversed(lines) if last else iter(lines)))
    left = len(lines) - len(kept)
    more = [f"… {left} more lines"] if left else []
    return "\n".join([*more, *reversed(kept)] if last else [*kept, *more])


def _fitting(lines: Iterator[str]) -> Iterator[str]:
    room = LONGEST - 40
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return
        yield line


def _line(tree: Document) -> str:
    services = ", ".join(
        f"{name} {each.get('state', 'up' if each['up'] else 'down')} on {each['port']}"
        for name, each in tree["services"].items()
        if each.get("seen", True)
    )
    wrong = f"; {len(tree['problems'])} problems" if tree["problems"] else ""
    return shown(f"{tree['name']} {tree['url']} branch {tree['branch'] or '(detached)'}: {services}{wrong}")


def _up(tree: Document) -> bool:
    return any(each["up"] for each in tree["services"].values())


def _is_safe(name: str) -> bool:
    return name in _SAFE or name.endswith("_PORT")

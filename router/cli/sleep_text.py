"""What is said of worktrees that sleep or do not."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router.document import Document


def asleep(tree: "Document", service: str, *, now: float) -> str:
    """Return since when a service sleeps, and with the first of its worktree what memory that had."""
    from router.processes.words import duration, size

    state = tree["services"][service]
    found = (tree.get("sleep") or {}).get("asleep")
    since = f"asleep {duration(now - _epoch(state['since']))}"
    first = next((each for each in tree["services"] if found and each in found["services"]), None)
    return f"{since}, was {size(found['memory'])}" if found and service == first else since


def lines(tree: "Document", *, now: float) -> Iterator[str]:
    """Yield what keeps a worktree awake, or since when it sleeps and why."""
    from router.processes.words import duration, size

    sleep = tree.get("sleep")
    if not sleep:
        return
    if found := sleep["asleep"]:
        since = duration(now - _epoch(found["since"]))
        yield f"asleep for {since} ({found['why']}): {', '.join(found['services'])}; it had {size(found['memory'])}"
        return
    if sleep["pinned"]:
        yield "pinned: it does not sleep by itself"
    elif sleep["after_s"] is not None:
        yield f"sleeps {duration(sleep['after_s'])} after its last use"
    if last := sleep["last_use"]:
        yield f"last use, {duration(now - _epoch(last['since']))} ago: {last['text']}"


def _epoch(when: str) -> float:
    from datetime import datetime  # here: most worktrees do not sleep

    return datetime.fromisoformat(when).timestamp()

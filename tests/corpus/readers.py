"""How a case of each kind is read: a directory with its files and the case itself, to what is expected of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from router.tools.compose_collisions import collisions

Case = Mapping[str, Any]


def _compose(root: Path, _: Case) -> list[str]:
    """Return what would collide between two stacks, a line each."""
    return [f"{each.line}: {each.what}" for each in collisions((root / "compose.yaml").read_text())]


READERS: dict[str, Callable[[Path, Case], object]] = {"compose": _compose}

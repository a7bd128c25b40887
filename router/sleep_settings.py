"""What a `router.toml` may say of when worktrees sleep."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from router.amounts import seconds
from router.model import SleepRules

SHORTEST = 1.0
"""Seconds: less than that is no time in which anybody could be missed."""


def _after(value: float) -> float:
    if value < SHORTEST:
        raise ValueError("write at least 1s, such as 30m; without it nothing sleeps for being idle")
    return value


def _share(value: Any) -> float:
    found = re.fullmatch(r"([0-9]{1,3}) ?%", value) if isinstance(value, str) else None
    if found is None or not 1 <= int(found[1]) <= 100:  # noqa: PLR2004
        raise ValueError(f'write the part of the memory that is to stay available, such as "15%", not {value!r:.100}')
    return int(found[1]) / 100


class Sleep(BaseModel):
    """When the servers of a worktree are stopped, and which.

    `after` is for how many seconds nobody used it, `pressure` the part of the machine's memory below which the longest
    idle are stopped; None where neither is wanted. `adopted` counts servers that the router did not start, `containers`
    those of the worktree's Compose projects. `wake` is whether a visit starts every service that has a command.
    """

    model_config = ConfigDict(extra="forbid")
    after: Annotated[float, BeforeValidator(seconds), AfterValidator(_after)] | None = None
    pressure: Annotated[float, BeforeValidator(_share)] | None = None
    adopted: Annotated[bool, Field(strict=True)] = False
    containers: Annotated[bool, Field(strict=True)] = False
    wake: Annotated[bool, Field(strict=True)] = False

    def rules(self) -> SleepRules | None:
        """Return the rules by which worktrees sleep, None where none ever does."""
        if self.after is None and self.pressure is None:
            return None
        return SleepRules(self.after, self.pressure, adopted=self.adopted, containers=self.containers)

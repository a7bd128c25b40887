"""What keeps a worktree awake, and since when."""

from enum import StrEnum

from router.values import dataclass


class Sign(StrEnum):
    """By what somebody's use of a worktree was seen."""

    SEEN = "seen"
    STARTED = "started"
    CONNECTION = "connection"
    BYTES = "bytes"
    CPU = "cpu"
    COMMAND = "command"
    SAVED = "saved"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Activity:
    """A sign of use: when it was last seen, in words what it was, and `since` when for people.

    `at` is in seconds of the monotonic clock, which stands still while the machine is suspended, `since` in seconds
    since the epoch.
    """

    at: float
    sign: Sign
    text: str
    since: float = 0.0

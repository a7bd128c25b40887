"""What Caddy says outside of its log: kept in memory, as Go's own messages quote what a server answers.

Caddy writes and filters its log itself, all but what Go's library says ("Unsolicited response received on idle HTTP
channel starting with …"): that goes to standard error, and no configuration filters it. The rest there is worth a
place in the log: why Caddy could not start, and the last words of one that crashed.
"""

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

_QUOTES = b"Unsolicited response"
_MOST = 1 << 20  # bytes


def unnamed() -> IO[bytes]:
    """Return a file without a name, whose writers append: in memory on Linux, elsewhere where temporary files are."""
    if hasattr(os, "memfd_create"):
        file: IO[bytes] = os.fdopen(os.memfd_create("caddy"), "r+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it is open for as long as Caddy runs
    fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) | os.O_APPEND)
    return file


def path(file: IO[bytes]) -> Path:
    """Return a path that leads to the file for as long as it is open here."""
    return Path(f"/dev/fd/{file.fileno()}")


def bound(file: IO[bytes]) -> None:
    """Empty the file where it has grown long."""
    if os.fstat(file.fileno()).st_size > _MOST:
        os.ftruncate(file.fileno(), 0)


def save(file: IO[bytes], *, log: Path) -> None:
    """Append to a log what may stand there, and close the file. A log that cannot be written stays as it is."""
    with file:
        file.seek(0)
        lines = [line for line in file if _QUOTES not in line]
    with contextlib.suppress(OSError), log.open("ab") as out:
        out.writelines(lines)

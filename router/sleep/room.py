"""How much memory this machine has left, as Linux tells it."""

import re
from pathlib import Path

from router.sleep.decision import Room

_AMOUNT = re.compile(r"^(MemTotal|MemAvailable):\s+(\d+) kB$", re.MULTILINE)
_STALLED = re.compile(r"^some avg10=(\d+\.\d+) ", re.MULTILINE)


def room(proc: Path = Path("/proc")) -> Room:
    """Return what is available (proc_meminfo(5)) and how long processes waited for memory; all of it where none tells.

    https://docs.kernel.org/accounting/psi.html: not every kernel has `/proc/pressure`.
    """
    amounts = {name: int(kilobytes) for name, kilobytes in _AMOUNT.findall(_text(proc / "meminfo"))}
    stalled = _STALLED.search(_text(proc / "pressure/memory"))
    total, available = amounts.get("MemTotal", 0), amounts.get("MemAvailable", 0)
    return Room(available / total if total else 1.0, float(stalled[1]) if stalled else 0.0)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""

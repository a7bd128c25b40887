"""How long a configuration goes on once another has taken its connections: until what has reached it is being answered.

Caddy takes no other configuration meanwhile, so that the next change waits for it.
"""

from pathlib import Path

LONG = 100
"""Milliseconds: enough where ten programs wait for each processor, and what the Caddyfile says."""
SHORT = 25
"""Milliseconds: what has reached it is read within a few, and who goes on asking hears `Connection: close`."""
BUSY = 20.0  # per cent of the time in which some program waited for a processor, of the last ten seconds
_PRESSURE = Path("/proc/pressure/cpu")


def drain(pressure: Path = _PRESSURE) -> int:
    """Return how long, in milliseconds: short only where the kernel says that processors are free (its psi.rst)."""
    try:
        words = pressure.read_text().split()
        waited = float(words[1].removeprefix("avg10="))
    except (OSError, ValueError, IndexError):
        return LONG
    return SHORT if waited < BUSY else LONG

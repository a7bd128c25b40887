"""Text as it is shown: that of others, made fit to be printed, addresses, and times."""

import time


def shown(text: str) -> str:
    """Return text fit for a line of output: control characters and undecodable bytes percent-encoded."""
    if text.isprintable():
        return text
    from urllib.parse import quote  # here: most text needs none of it

    return "".join(c if c.isprintable() else quote(c, errors="surrogateescape") for c in text)


def host_port(address: str, port: int) -> str:
    """Return `address:port` as a URL and Caddy write it: an IPv6 literal in brackets (RFC 3986 section 3.2.2)."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def utc(when: float) -> str:
    """Return a time in seconds since the epoch as documents have it: `2026-11-21T10:00:00Z`."""
    from datetime import UTC, datetime  # here: most text needs none of it

    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(when: float) -> str:
    """Return a time in seconds since the epoch as the clock of this machine shows it: `10:00`."""
    return time.strftime("%H:%M", time.localtime(when))

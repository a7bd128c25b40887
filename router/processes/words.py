"""Sizes and times as people write them."""

_UNITS = ((86400, "day"), (3600, "h"), (60, "min"))


def size(count: int) -> str:
    """Return a number of bytes: `412 MB`, `1.3 GB`."""
    megabytes = count / 1_000_000
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"  # noqa: PLR2004


def duration(seconds: float) -> str:
    """Return a time in its largest unit: `40 s`, `12 min`, `3 h`, `1 day`, `18 days`."""
    for length, unit in _UNITS:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}"
    return f"{max(0, int(seconds))} s"

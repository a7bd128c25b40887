"""What others write, in every form that can be thought of: a fixed number of examples, more with a longer profile."""

from hypothesis import settings


def part(fraction: float) -> settings:
    """Return settings with a part of the profile's examples, for a test whose every example costs more."""
    return settings(max_examples=max(int(settings().max_examples * fraction), 5))


SLOW = part(0.3)
"""For a test that takes more than two seconds: 30 examples at each change, 3,000 in the long profile."""

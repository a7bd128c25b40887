"""Real processes for each test, ended after it."""

from collections.abc import Iterator

import pytest

from tests.processes.scenes import Started, started


@pytest.fixture
def real() -> Iterator[Started]:
    """What starts processes for this test."""
    with started() as made:
        yield made

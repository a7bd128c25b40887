"""What the tests of the doctor share."""

import pytest

from tests.e2e.routers import free_port


@pytest.fixture
def free() -> int:
    """A port that nobody uses."""
    return free_port()

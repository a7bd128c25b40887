"""A repository to look at."""

from pathlib import Path

import pytest

from tests.observe.shops import make


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with one commit, in a directory whose real path is known."""
    return make(tmp_path.resolve() / "shop")

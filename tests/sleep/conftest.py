"""A repository with a worktree for each test, and what puts it to sleep."""

from collections.abc import Iterator

import pytest

from tests.servers import conftest as servers
from tests.servers.shops import Shop
from tests.sleep.nights import Night

shop = servers.shop


@pytest.fixture
def night(shop: Shop) -> Iterator[Night]:
    """What puts the worktrees of a repository to sleep, as a watcher has it."""
    made = Night(shop)
    yield made
    made.end()

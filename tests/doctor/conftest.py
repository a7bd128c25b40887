"""What the tests of the doctor share."""

import socket

import pytest


@pytest.fixture
def free() -> int:
    """A port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])

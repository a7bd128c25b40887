"""A disk that is soon full: a small file system of its own, for tests of what happens then."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import REQUIRE_ALL


@contextlib.contextmanager
def small_disk(directory: Path, *, size: str = "64k") -> Iterator[Path]:
    """Mount a file system of that size on a new directory until the block ends; only root may, others skip the test."""
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(directory)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode and not REQUIRE_ALL:
        pytest.skip(f"no file system can be mounted: {mounted.stderr.strip()}")
    assert not mounted.returncode, mounted.stderr
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(directory: Path) -> Path:
    """Leave no room on a directory's file system, and return the file that takes it."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return ballast

"""What hangs or fails as disks of a network do: a file system that never answers, system calls that return an error."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_MNT_FORCE, _MNT_DETACH = 1, 2  # umount(2)


@contextlib.contextmanager
def hung_disk(directory: Path) -> Iterator[None]:
    """Mount a file system that answers no request over a directory until the block ends.

    Whoever touches it waits, as with a network file system whose server is away; those who wait get an error at the
    end. Skips the test where no such file system can be mounted.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as exc:
        pytest.skip(f"no file system of our own can be mounted: {exc}")
    target, options = os.fsencode(directory), f"fd={device},rootmode=40000,user_id=0,group_id=0"
    if libc.mount(b"hung", target, b"fuse", 0, options.encode()):
        os.close(device)
        pytest.skip(f"no file system of our own can be mounted: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        os.close(device)  # ends the connection: every request fails
        libc.umount2(target, _MNT_FORCE | _MNT_DETACH)


def failing_calls(directory: Path) -> Path:
    """Build the library that lets system calls fail in a program that it is preloaded into; return its path.

    `failing_calls.c` says how to choose them. Skips the test where there is no compiler, or no Linux.
    """
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler (apt-get install gcc)")
    library = directory / "failing_calls.so"
    source = Path(__file__).with_name("failing_calls.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library

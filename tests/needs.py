"""What a test needs of the machine: it is skipped where that is missing, unless all tests are asked for."""

import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

REQUIRE_ALL = os.environ.get("ROUTER_TESTS_REQUIRE_ALL") == "1"


def needs(*programs: str, root: bool = False) -> Callable[[Any], Any]:
    """Return a mark for tests that run these programs, as root where asked."""
    missing = [program for program in programs if shutil.which(program) is None]
    why = f"{missing[0]} is missing" if missing else "only root may do that" if root and os.getuid() else ""
    return pytest.mark.skipif(bool(why) and not REQUIRE_ALL, reason=why or "all is there")

"""Every kind that a URL may have is there."""

import subprocess
import sys

from router.data.connection import KINDS
from router.data.kinds import kind


def test_every_kind_of_a_url_is_there() -> None:
    assert len({type(kind(name)) for name in KINDS}) == len(KINDS)


def test_no_client_library_is_imported_before_it_is_needed() -> None:
    asked = "import sys, router.data.kinds; print({'pg8000', 'pymysql', 'redis'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

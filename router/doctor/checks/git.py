"""Whether git is there and new enough."""

from collections.abc import Iterator

from router.doctor.findings import Finding
from router.observe import git


def check() -> Iterator[Finding]:
    """Yield git's version. GitError where it is missing or too old."""
    yield Finding("ok", "git", git.check_version())

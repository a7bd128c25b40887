"""Which web frameworks a directory has, by the texts of its files."""

from router.doctor.frameworks import django, javascript, rails
from router.doctor.frameworks.framework import Files, Framework

MARKERS = (javascript.MARKER, django.MARKER, rails.MARKER)
"""The files that show whether a directory uses a framework at all."""


def further_files(files: Files) -> tuple[str, ...]:
    """Return the names of further files to read, by the texts of those that were; more of them may name more."""
    wanted = (*javascript.further_files(files), *rails.further_files(files), *django.further_files(files))
    return tuple(dict.fromkeys(name for name in wanted if name not in files))


def frameworks(files: Files) -> tuple[Framework, ...]:
    """Return the frameworks of a directory, each with what it needs."""
    used = [*javascript.frameworks(files)]
    if django.is_used(files):
        used.append(django.framework(files))
    if rails.is_used(files):
        used.append(rails.framework(files))
    return tuple(used)

"""Which web frameworks a directory has, by the texts of its files."""

import re
from collections.abc import Iterator

from router.doctor.frameworks import angular, django, nextjs, rails, react_scripts, storybook, vite, webpack
from router.doctor.frameworks.framework import Files, Framework
from router.doctor.frameworks.package import MARKER, package

MARKERS = (MARKER, django.MARKER, rails.MARKER)
"""The files that show whether a directory uses a framework at all."""

_INSIDE = re.compile(r"(?!\.\.?/)[\w.@-]+(?:/(?!\.\.?/)[\w.@-]+)*")


def further_files(files: Files) -> tuple[str, ...]:
    """Return the names of further files to read, by the texts of those that were; more of them may name more."""
    wanted: list[str] = []
    if MARKER in files:
        used = package(files)
        wanted += (*nextjs.further_files(), *vite.further_files(used), *webpack.further_files(used))
        wanted += (*react_scripts.further_files(), *angular.further_files(), *storybook.further_files())
    wanted += (*rails.further_files(files), *django.further_files(files))
    # Files name others, and anybody writes them: none outside of the directory is read
    return tuple(name for name in dict.fromkeys(wanted) if name not in files and _INSIDE.fullmatch(name))


def frameworks(files: Files, *, port: int) -> tuple[Framework, ...]:
    """Return the frameworks of a directory, each with what it needs; the router listens on this port."""
    return (*_of_package(files), *django.frameworks(files), *rails.frameworks(files, port=port))


def _of_package(files: Files) -> Iterator[Framework]:
    used = package(files)
    if found := list(nextjs.frameworks(files, used)):
        yield from found  # what else it depends on is for its tests
    else:
        shells = (angular.frameworks, react_scripts.frameworks, webpack.vue_cli, webpack.frameworks)
        # The first: a shell around webpack-dev-server brings its own
        yield from next((found for shell in shells if (found := list(shell(files, used)))), [])
        yield from vite.frameworks(files, used)
    yield from storybook.frameworks(files, used)

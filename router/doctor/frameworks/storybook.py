"""Storybook: it accepts `*.localhost`; its builder is Vite or webpack, which its configuration may change."""

from collections.abc import Iterator

from router.doctor.frameworks.framework import Files, Framework, first_of
from router.doctor.frameworks.javascript import mentions, tokens
from router.doctor.frameworks.package import SCRIPTS, Package

_CONFIGS = tuple(f".storybook/main.{end}" for end in SCRIPTS)
_HOT = ("hmr", "clientPort", "webSocketURL")


def frameworks(files: Files, package: Package) -> Iterator[Framework]:
    """Yield what Storybook needs, where a script starts it."""
    if not any(package.commands("storybook", "start-storybook")):
        return
    file = first_of(files, _CONFIGS)
    if mentions(tokens(files.get(file, "")), *_HOT):
        look = "the settings of its builder must set no address for hot reload"
        yield Framework("storybook", file=file, unsure="it changes how its builder reloads", look=look)
    else:
        yield Framework("storybook")


def further_files() -> tuple[str, ...]:
    """Return the names of its files that are worth reading."""
    return _CONFIGS

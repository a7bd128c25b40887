"""Create React App: it checks hosts only where package.json has a `proxy`, by its own webpack-dev-server's rule."""

from collections.abc import Iterator

from router.doctor.frameworks.framework import Files, Framework, elsewhere, first_of, variable
from router.doctor.frameworks.package import ENV_FILES, Package, installed, lowest
from router.doctor.frameworks.webpack import ACCEPTS, INSTALLED, REFUSES, SERVER

_NAME = "react-scripts"
_FILE = ".env.development"
_LINE = "DANGEROUSLY_DISABLE_HOST_CHECK=true"
_WRAPPERS = ("craco.config.js", "craco.config.ts", "craco.config.cjs", "config-overrides.js")
_PROGRAMS = (_NAME, "craco", "react-app-rewired")
_NEWER = (5,)  # the first with webpack-dev-server 4


def frameworks(files: Files, package: Package) -> Iterator[Framework]:
    """Yield what Create React App needs, where a directory is an app of it."""
    if package.is_app(files, (_NAME,), programs=_PROGRAMS, configs=_WRAPPERS):
        yield _hot(files, package) or _hosts(files, package) or _wrapped(files) or Framework(_NAME)


def further_files() -> tuple[str, ...]:
    """Return the names of its files that are worth reading."""
    return (*ENV_FILES, *_WRAPPERS, INSTALLED, f"node_modules/{_NAME}/package.json")


def _hosts(files: Files, package: Package) -> Framework | None:
    if not package.proxy or _value(files, package, "DANGEROUSLY_DISABLE_HOST_CHECK") == "true":
        return None
    own = installed(files, _NAME) or lowest(package.all[_NAME])
    version = installed(files, SERVER) or ((3, 11) if own and own < _NEWER else None)
    if version is None:
        why = f"package.json has a proxy, and which {SERVER} it has shows once it is installed"
        return Framework(_NAME, file=_FILE, unsure=why, look=f"before {SERVER} 4.11 it needs {_LINE}")
    if version >= ACCEPTS:
        return None
    return Framework(_NAME, line=_LINE, file=_FILE, without=f"{REFUSES}, as package.json has a proxy")


def _hot(files: Files, package: Package) -> Framework | None:
    for name in ("WDS_SOCKET_HOST", "WDS_SOCKET_PORT"):
        if _value(files, package, name) not in {None, "", "0"}:
            file = next((each for each in reversed(ENV_FILES) if variable(files, (each,), name)), "package.json")
            return elsewhere(_NAME, file, name)
    return None


def _wrapped(files: Files) -> Framework | None:
    """Return what a configuration around its own may change: craco and others run it."""
    file = first_of(files, _WRAPPERS)
    if "devServer" not in files.get(file, ""):
        return None
    look = 'devServer must leave allowedHosts at "all", or have ".localhost" in it, and set no address for hot reload'
    return Framework(_NAME, file=file, unsure="its devServer is changed by a program", look=look)


def _value(files: Files, package: Package, name: str) -> str | None:
    """Return a variable's value: a script sets it in front of its command, or an env file does."""
    words = (word.partition("=") for command in package.commands(*_PROGRAMS, starts=True) for word in command.before)
    set_before = next((value.strip("'\"") for key, is_set, value in words if is_set and key == name), None)
    return set_before if set_before is not None else variable(files, ENV_FILES, name)

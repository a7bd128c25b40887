"""A command made ready to be run in a worktree: its files are read, and what Node has to load is written."""

import contextlib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from time import time

from router.launch.command import Place, launched
from router.launch.launch import PROCFILE, Launch
from router.launch.preload import node_options, text
from router.launch.sign_in import Addresses, given
from router.launch.tree import tree
from router.store import Store
from router.values import dataclass

_KEPT = 30 * 86400  # seconds that a file stays which no command asked for again


@dataclass(frozen=True, slots=True)
class Prepared:
    """A command's words and its whole environment, and what was changed, a line each."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    notes: tuple[str, ...]


def prepared(
    argv: tuple[str, ...],
    environ: Mapping[str, str],
    *,
    root: str,
    ports: Mapping[str, int],
    addresses: Addresses,
    cwd: Path,
    service: str | None,
    store: Store,
) -> Prepared:
    """Return how a command is run in `cwd`, in the worktree at `root` whose services have these `ports`, `addresses`.

    UsageError where there is no such service, StoreError where a file that the command needs cannot be written.
    """
    real = os.path.realpath(root)
    folder = os.path.relpath(os.path.realpath(cwd), real)
    place = Place(real, "" if folder == "." else folder, tree(Path(real)), ports)
    launch = launched(argv, place, environ=environ, service=service)
    own = given(launch.served, place.files, addresses, argv=argv, environ=environ)
    values = {**environ, **own, **launch.variables, **_with_preload(launch, environ, store)}
    kept = {name: value for name, value in values.items() if name not in launch.unset}
    said = (f"router: set for sign-in: {shlex.join(f'{name}={value}' for name, value in own.items())}",) if own else ()
    return Prepared(_with_procfile(launch, store), kept, (*launch.notes, *said))


def _with_preload(launch: Launch, environ: Mapping[str, str], store: Store) -> dict[str, str]:
    if not launch.targets:
        return {}
    path = _write(store, text(launch.targets), end=".cjs")
    return {"NODE_OPTIONS": node_options(str(path), before=environ.get("NODE_OPTIONS", ""))}


def _with_procfile(launch: Launch, store: Store) -> tuple[str, ...]:
    if launch.procfile is None:
        return launch.argv
    path = str(_write(store, launch.procfile, end=".procfile"))
    return tuple(path if word == PROCFILE else word for word in launch.argv)


def _write(store: Store, content: str, *, end: str) -> Path:
    """Write a file named after its content: commands that run at once never replace each other's."""
    import hashlib  # here: most commands need no such file

    folder = store.directory / "launch"
    path = folder / f"{hashlib.sha256(content.encode(errors='surrogateescape')).hexdigest()[:16]}{end}"
    store.write(path, content)
    with contextlib.suppress(OSError):
        for each in folder.iterdir():
            if each.stat().st_mtime < time() - _KEPT:
                each.unlink()
    return path

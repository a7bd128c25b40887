"""/etc/hosts: the router's block in it, and nothing else."""

import contextlib
import errno
import os
import pwd
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from router import blocks, files
from router.errors import FileError, HostsError
from router.naming import host_forms

FILE = Path("/etc/hosts")
MAKER = "router hosts sync"
_ADDRESSES = ("127.0.0.1", "::1")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+localhost")  # RFC 1035 section 2.3.4
_LONGEST = 253
_IN_USE = frozenset({errno.EBUSY, errno.EXDEV})  # the file is a mount of its own, as in a container


def names(status: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the hosts of a status document, sorted: of labels, aliases and services; only what is a host name.

    Services that are not there yet have none.
    """
    hosts = {host for worktree in status["worktrees"] for host in _hosts(worktree)}
    return tuple(sorted(filter(is_host, hosts)))


def is_host(text: str) -> bool:
    """Tell whether text is a host name below `localhost`."""
    return len(text) <= _LONGEST and _HOST.fullmatch(text) is not None


def block(hosts: Iterable[str]) -> str:
    """Return the lines of these hosts between the marks of the block, as the file should have them."""
    return blocks.with_block("", _lines(hosts), maker=MAKER)


def sync(path: Path, hosts: Iterable[str]) -> bool:
    """Put these hosts into a file's block, or remove the block where there are none; False where nothing changes.

    Everything else stays byte for byte, and the old file is kept, see `backup`. HostsError where it cannot be changed.
    """
    text = _text(path)
    lines = _lines(hosts)
    if not lines:
        return _change(path, text, blocks.without_block(text))
    if blocks.parts(text).block is None and not text.endswith("\n"):  # its last line keeps the missing line end
        return _change(path, text, blocks.with_block("", lines, maker=MAKER) + text)
    return _change(path, text, blocks.with_block(text, lines, maker=MAKER))


def clean(path: Path) -> bool:
    """Remove a file's block; False where it has none. HostsError where the file cannot be changed."""
    text = _text(path)
    return _change(path, text, blocks.without_block(text))


def backup(path: Path) -> Path:
    """Return the path at which the file is kept as it was before the last change."""
    return path.with_name(f"{path.name}.before-router")


def _hosts(worktree: Mapping[str, Any]) -> Iterator[str]:
    for name in (worktree["name"], *worktree["aliases"]):
        services = (service for service, each in worktree["services"].items() if each.get("seen", True))
        yield from (form.host_of(name) for service in services for form in host_forms(service))


def _lines(hosts: Iterable[str]) -> str:
    """Return one line for each host and address: musl's resolver cuts longer lines."""
    return "".join(f"{address} {host}\n" for host in hosts if is_host(host) for address in _ADDRESSES)


def _change(path: Path, before: str, after: str) -> bool:
    if after == before:
        return False
    try:
        files.write(backup(path), before)
        _replace(path, after)
    except FileError as exc:
        raise _failed(path, exc) from exc
    return True


def _replace(path: Path, text: str) -> None:
    try:
        files.write(path, text)
    except FileError as exc:
        if not isinstance(exc.__cause__, OSError) or exc.__cause__.errno not in _IN_USE:
            raise
        _overwrite(path, text)


def _overwrite(path: Path, text: str) -> None:
    """Write into the file itself: one that is a mount cannot be replaced."""
    try:
        with path.open("r+b") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise FileError(f"{path} cannot be written: {exc.strerror}", hint=f"restore it from {backup(path)}") from exc


def _text(path: Path) -> str:
    try:
        return files.text(path) or ""
    except FileError as exc:
        raise _failed(path, exc) from exc


def _failed(path: Path, exc: FileError) -> HostsError:
    cause = exc.__cause__
    if isinstance(cause, PermissionError):
        return HostsError(f"{path} cannot be changed: {cause.strerror}", hint="")
    if path.is_symlink():
        return HostsError(exc.message, hint="put the lines of `router hosts` into the file that the link leads to")
    return HostsError(exc.message, hint=exc.hint)


def directory_of_caller(directory: Path, *, environ: Mapping[str, str], home: Path | None = None) -> Path:
    """Return a directory below root's home as the one of the user who called sudo; any other as it is."""
    caller, own = environ.get("SUDO_USER"), home or Path.home()
    if not caller or "ROUTER_STATE_DIR" in environ or not directory.is_relative_to(own):
        return directory
    with contextlib.suppress(KeyError):
        return Path(pwd.getpwnam(caller).pw_dir) / directory.relative_to(own)
    return directory

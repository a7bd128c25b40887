"""Where the user's own settings and state are; with few imports, as every command begins here."""

import os
import stat
import sys
from pathlib import Path

APP = "worktree-router"
_SOCKET_LIMIT = 100  # bytes; sun_path holds 104 on macOS, 108 on Linux, with the closing zero


def config_file() -> Path:
    """Return the path of the user's own settings file."""
    directory = _of_linux("XDG_CONFIG_HOME", ".config")
    if directory is None:
        import platformdirs

        directory = Path(platformdirs.user_config_dir(APP, appauthor=False))
    return directory / "config.toml"


def state_directory() -> Path:
    """Return the state directory of who has set no other."""
    directory = _of_linux("XDG_STATE_HOME", ".local/state")
    if directory is None:
        import platformdirs

        directory = Path(platformdirs.user_state_dir(APP, appauthor=False))
    return directory


def _of_linux(variable: str, default: str) -> Path | None:
    """Return our directory where the XDG specification has it, None where only platformdirs says where that is.

    That one takes as long to import as half of Python takes to start.
    """
    named, home = os.environ.get(variable, ""), os.environ.get("HOME", "")
    if sys.platform != "linux" or not (named.startswith("/") or home.startswith("/")):
        return None
    return Path(named, APP) if named.startswith("/") else Path(home, default, APP)


def short(directory: Path, *, state: Path) -> Path:
    """Return the directory for sockets: this one, or one in /tmp where its path is too long.

    Whoever uses the latter makes it 0700 and checks whose it is.
    """
    if len(os.fsencode(directory / "caddy.sock")) <= _SOCKET_LIMIT:
        return directory
    import hashlib

    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:12]
    return Path(f"/tmp/worktree-router-{os.getuid()}-{digest}")  # noqa: S108 - made 0700 and checked


def asked_socket(state: Path) -> Path:
    """Return where the watcher of a state directory answers commands."""
    return short(state, state=state) / "asked.sock"


def is_private(directory: Path) -> bool:
    """Tell whether a directory is the user's own, no link, and closed to others. OSError where it is not there."""
    found = directory.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def absolute(path: Path) -> Path:
    """Return a path as from the current directory, `~` resolved. ValueError where there is no such home directory."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as exc:
        raise ValueError("there is no such home directory") from exc

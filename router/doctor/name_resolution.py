"""How each program resolves names below `localhost`, and what makes this system resolve them."""

import os
import re
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from router import files, proc
from router.errors import FileError, RouterError

PROBE = "router-doctor.localhost"
"""A name that stands in no file: it resolves only where every name below `localhost` does."""

_TIMEOUT = 4.0  # seconds
_LARGEST = 1 << 20  # bytes of a system file
_CURL_NOT_RESOLVED = 6  # curl(1), EXIT CODES; any other code means that it tried to connect
_CURL_TIMED_OUT = 28
_ASK_NODE = "require('dns').lookup(process.argv[1], error => process.exit(error ? 6 : 0))"
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*")


def python(name: str = PROBE) -> bool:
    """Tell whether Python resolves a name to this machine; like most programs it asks the C library."""
    try:
        answers = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a label that is empty or too long
        return False
    return {str(address[0]) for *_, address in answers} <= {"127.0.0.1", "::1"}


def curl(name: str = PROBE, *, environ: Mapping[str, str] = os.environ) -> bool | None:
    """Tell whether curl resolves a name; None where there is no curl, or it did not answer in time."""
    code = _code("curl", "-q", "--silent", "--noproxy", "*", "--max-time", "2", f"http://{name}:1/", environ=environ)
    return None if code in {None, _CURL_TIMED_OUT} else code != _CURL_NOT_RESOLVED


def node(name: str = PROBE, *, environ: Mapping[str, str] = os.environ) -> bool | None:
    """Tell whether Node resolves a name; None where there is no Node, or it did not answer in time."""
    code = _code("node", "-e", _ASK_NODE, name, environ=environ)
    return {0: True, 6: False}.get(-1 if code is None else code)


def fix(*, platform: str = sys.platform, root: Path = Path("/")) -> str | None:
    """Return the command that makes this system resolve `*.localhost`; None where there is none."""
    if platform != "linux" or any(root.glob("lib/ld-musl-*")):
        return None
    hosts = re.search(r"^hosts:(.*)$", _text(root / "etc/nsswitch.conf"), re.MULTILINE)
    if any(path for folder in _LIBRARIES for path in root.glob(f"{folder[1:]}/libnss_myhostname.so.2")):
        in_use = hosts is None or re.search(r"\bmyhostname\b", hosts[1])
        return None if in_use else "sudo sed -i '/^hosts:/ s/files/files myhostname/' /etc/nsswitch.conf"
    families = re.findall(r"^ID(?:_LIKE)?=\"?([^\"\n]*)", _text(root / "etc/os-release"), re.MULTILINE)
    debian = {"debian", "ubuntu"} & set(" ".join(families).split())
    return "sudo apt-get install libnss-myhostname" if debian else None


def forgets(root: Path = Path("/")) -> bool:
    """Tell whether this system writes its /etc/hosts again at each start: WSL does, unless configured not to."""
    wsl = "microsoft" in _text(root / "proc/version").lower()
    return wsl and not re.search(r"(?i)generateHosts\s*=\s*false", _text(root / "etc/wsl.conf"))


def unresolved(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that Python does not resolve."""
    return tuple(name for name in names if not python(name))


def _code(*command: str, environ: Mapping[str, str]) -> int | None:
    env = {key: value for key, value in environ.items() if key != "NODE_OPTIONS"}
    try:
        return proc.run(command, env=env, timeout=_TIMEOUT).code
    except RouterError:
        return None


def _text(path: Path) -> str:
    try:
        return (files.read_bounded(path, limit=_LARGEST) or b"").decode(errors="replace")
    except FileError:
        return ""

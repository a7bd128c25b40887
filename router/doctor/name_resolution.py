"""How names below `localhost` are resolved, by each program that asks in its own way, and what mends it here."""

import os
import re
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from router import files, proc
from router.errors import FileError, RouterError

PROBE = "router-doctor.localhost"
"""A name that nobody has written down anywhere: it resolves only where every name below `localhost` does."""

_TIMEOUT = 4.0  # seconds
_LARGEST = 1 << 20  # bytes of a system file
_CURL_NOT_RESOLVED = 6  # curl(1), EXIT CODES; it tries a port where nobody listens
_CURL_TOO_LATE = 28
_ASK_NODE = "require('dns').lookup(process.argv[1], error => process.exit(error ? 6 : 0))"
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*")


def python(name: str = PROBE) -> bool:
    """Tell whether Python resolves a name to this machine, which asks the C library as most programs do."""
    try:
        found = socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # a label that is empty or too long
        return False
    return {str(address[0]) for *_, address in found} <= {"127.0.0.1", "::1"}


def curl(name: str = PROBE, *, environ: Mapping[str, str] = os.environ) -> bool | None:
    """Tell whether curl resolves a name, None where there is no curl or it does not say."""
    code = _code("curl", "-q", "--silent", "--noproxy", "*", "--max-time", "2", f"http://{name}:1/", environ=environ)
    return None if code in {None, _CURL_TOO_LATE} else code != _CURL_NOT_RESOLVED


def node(name: str = PROBE, *, environ: Mapping[str, str] = os.environ) -> bool | None:
    """Tell whether Node resolves a name, None where there is no Node or it does not say."""
    code = _code("node", "-e", _ASK_NODE, name, environ=environ)
    return {0: True, 6: False}.get(-1 if code is None else code)


def fix(*, platform: str = sys.platform, root: Path = Path("/")) -> str | None:
    """Return the command that makes this system's own resolver know `*.localhost`; None where there is none."""
    if platform != "linux" or any(root.glob("lib/ld-musl-*")):
        return None
    hosts = re.search(r"^hosts:(.*)$", _text(root / "etc/nsswitch.conf"), re.MULTILINE)
    if any(path for place in _LIBRARIES for path in root.glob(f"{place[1:]}/libnss_myhostname.so.2")):
        knows = hosts is None or re.search(r"\bmyhostname\b", hosts[1])
        return None if knows else "sudo sed -i '/^hosts:/ s/files/files myhostname/' /etc/nsswitch.conf"
    like = re.findall(r"^ID(?:_LIKE)?=\"?([^\"\n]*)", _text(root / "etc/os-release"), re.MULTILINE)
    debian = {"debian", "ubuntu"} & set(" ".join(like).split())
    return "sudo apt-get install libnss-myhostname" if debian else None


def forgets(root: Path = Path("/")) -> bool:
    """Tell whether this system writes its /etc/hosts anew at each start: WSL does, unless told not to."""
    wsl = "microsoft" in _text(root / "proc/version").lower()
    return wsl and not re.search(r"(?i)generateHosts\s*=\s*false", _text(root / "etc/wsl.conf"))


def unknown(names: Iterable[str]) -> tuple[str, ...]:
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

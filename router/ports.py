"""Hash ports, as Worktrunk's `hash_port` filter computes them (`contract/ports.json`), and what is a port at all."""

import re

from router.naming import siphash13

LOWEST, HIGHEST = 1024, 65535
ADMIN_PORT = 2019  # Caddy's default admin endpoint: no worktree may make the proxy expose it
NOT_DEV_PORTS = frozenset({5432, 3306, 6379, 5672, 9229, 9230, 5678, 2019})
_PREFIX = {"web": "fe", "api": "be"}


def hash_port(text: str) -> int:
    """Return the port from 10000 to 19999 that Worktrunk gives to text."""
    return 10000 + siphash13(text) % 10000


def service_port(service: str, branch: str) -> int:
    """Return the hash port of a worktree's service, over the branch as git names it."""
    return hash_port(f"{_PREFIX.get(service, service)}-{branch}")


def parse_port(text: str) -> int | None:
    """Return the port that text names: decimal digits, 1024 to 65535; None for anything else."""
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII):
        return None
    port = int(text)
    return port if LOWEST <= port <= HIGHEST else None

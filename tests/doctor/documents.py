"""Findings and the parts of a status document that the tests of the doctor are about."""

from collections.abc import Iterable
from typing import Any

from router.doctor.findings import Finding


def levels(findings: Iterable[Finding]) -> list[str]:
    """Return the levels of findings."""
    return [finding.level for finding in findings]


def worktree(name: str = "feature-x", path: str = "/nowhere", **rest: Any) -> dict[str, Any]:
    """Return a worktree whose web server is vite, and whose api is down."""
    services = {"web": {"up": True, "program": "vite"}, "api": {"up": False, "program": None}}
    return {"name": name, "path": path, "aliases": [], "services": services, "problems": [], **rest}


def status(*worktrees: dict[str, Any], problems: Iterable[dict[str, Any]] = (), **caddy: Any) -> dict[str, Any]:
    """Return the status of these worktrees; `caddy` is Caddy's part."""
    known = {"pid": None, "admin": "unix//nowhere", "in_sync": None, "loads": None}
    return {"worktrees": list(worktrees), "problems": list(problems), "repositories": [],
            "origin": "http://localhost:8080", "caddy": {**known, **caddy},
            "oauth": {"redirect_uris": ["http://localhost:8080/auth/callback"]}}  # fmt: skip


def problem(kind: str, severity: str = "warning") -> dict[str, Any]:
    """Return a problem of a web service."""
    return {"kind": kind, "severity": severity, "service": "web", "message": f"a {kind}", "hint": "do this"}

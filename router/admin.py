"""Caddy's admin API: hand it a configuration, ask what it serves."""

import contextlib
import hashlib
import time
from dataclasses import dataclass
from typing import Any

import httpx

from router.errors import CaddyError, LoadRefusedError

_TIMEOUT = 10.0  # seconds; a load of 5000 worktrees takes two


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that Caddy took: how long that took, and the digest of what it serves now."""

    milliseconds: float
    digest: str


class Admin:
    """A client of one admin endpoint: `unix//path` as Caddy writes it, or `host:port`."""

    def __init__(self, address: str) -> None:
        self.address = address
        path = address.removeprefix("unix/") if address.startswith("unix/") else None
        base = "http://caddy" if path else f"http://{address}"
        # No TLS here: reading all the certificates takes 50 ms and 6 MB
        transport = httpx.HTTPTransport(uds=path, verify=False)
        self._client = httpx.Client(base_url=base, transport=transport, timeout=_TIMEOUT, trust_env=False)
        self._client.headers["Connection"] = "close"  # a load replaces the admin endpoint with its connections

    def load(self, text: str) -> Loaded:
        """Make a Caddyfile the running configuration.

        Raises LoadRefusedError with Caddy's reason, the old configuration then goes on; CaddyError where it
        does not answer.
        """
        started = time.perf_counter()
        answer = self._ask("POST", "/load", content=text.encode(), headers={"Content-Type": "text/caddyfile"})
        if answer.status_code != httpx.codes.OK:
            raise LoadRefusedError(f"Caddy refused the configuration: {_reason(answer)}", hint="see `router logs`")
        return Loaded((time.perf_counter() - started) * 1000, self.digest())

    def digest(self) -> str:
        """Return the digest of the configuration that Caddy serves; CaddyError where it does not answer."""
        return hashlib.sha256(self._ask("GET", "/config/").content).hexdigest()

    def answers(self) -> bool:
        """Tell whether Caddy answers here."""
        try:
            return self._ask("GET", "/config/admin").status_code == httpx.codes.OK
        except CaddyError:
            return False

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        """Ask once more where the connection was cut: the endpoint that took it was just being replaced."""
        try:
            with contextlib.suppress(httpx.ReadError, httpx.RemoteProtocolError):
                return self._client.request(method, path, **rest)
            return self._client.request(method, path, **rest)
        except httpx.HTTPError as exc:
            message = f"Caddy does not answer at {self.address}: {exc}"
            raise CaddyError(message, hint="run `router up`") from exc


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])[:500]
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"

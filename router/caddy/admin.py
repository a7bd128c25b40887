"""Caddy's admin API: hand it a configuration, ask what it serves."""

import contextlib
import hashlib
import json
import time
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx

from router.caddy import frame
from router.caddy.caddyfile import MARK_LOG, Endpoint
from router.errors import CaddyError, ForeignCaddyError, LoadRefusedError
from router.values import dataclass

_TIMEOUT = 10.0  # seconds; a load of 5000 worktrees takes two
_CADDYFILE = "text/caddyfile"
_FRAMES = 4  # with what they are adapted to: configurations take turns at two sets of sockets
_DEFAULT = Endpoint("localhost:2019")  # Caddy's own, where its configuration has no admin block


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that Caddy took: how long that took, and the digest of what it serves now."""

    milliseconds: float
    digest: str


@dataclass(frozen=True, slots=True)
class Served:
    """What Caddy serves: its digest and text (JSON), whether it is somebody else's, and where its admin API listens."""

    digest: str
    text: str
    foreign: bool
    endpoint: Endpoint


class Admin:
    """A client of one admin endpoint: `unix//path` as Caddy writes it, or `host:port`.

    Where it is `guarded`, a configuration that is neither empty nor of a router's making is never overwritten.
    `hint` is what to do where Caddy does not answer.
    """

    def __init__(self, address: str, *, guarded: bool = False, hint: str = "run `router up`") -> None:
        self.address = address
        self.reachable = False
        self._guarded = guarded
        self._hint = hint
        self._taken = ""
        self._frames: dict[str, str] = {}  # the JSON of each, the one last used at the end
        path = address.removeprefix("unix/") if address.startswith("unix/") else None
        base = "http://caddy" if path else f"http://{address}"
        # No TLS here: reading all the certificates takes 50 ms and 6 MB
        transport = httpx.HTTPTransport(uds=path, verify=False)
        self._client = httpx.Client(base_url=base, transport=transport, timeout=_TIMEOUT, trust_env=False)
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))  # not ours to send back
        self._client.headers["Connection"] = "close"  # a load replaces the admin endpoint with its connections

    def load(self, text: str) -> Loaded:
        """Make a Caddyfile the running configuration.

        Raises LoadRefusedError with Caddy's reason, the old configuration then goes on; ForeignCaddyError where
        that is not ours to replace; CaddyError where it does not answer.
        """
        if self._guarded:
            self.check(self.served())
        started = time.perf_counter()
        if not self._taken_as_json(text):
            answer = self._post("/load", text, _CADDYFILE)
            if answer.status_code != httpx.codes.OK:
                raise LoadRefusedError(f"Caddy refused the configuration: {_reason(answer)}", hint="see `router logs`")
        return Loaded((time.perf_counter() - started) * 1000, self.digest())

    def digest(self) -> str:
        """Return the digest of the configuration that Caddy serves; CaddyError where it does not answer."""
        return _digest(self._config())

    def served(self) -> Served:
        """Return what Caddy serves now; CaddyError where it does not answer."""
        content = self._config()
        try:
            config = json.loads(content)
        except (ValueError, RecursionError):
            config = content.decode(errors="replace")
        return Served(_digest(content), content.decode(errors="replace"), _foreign(config), _endpoint(config))

    def take_over(self, served: Served) -> None:
        """Let this one foreign configuration be overwritten."""
        self._taken = served.digest

    def check(self, served: Served) -> None:
        """Raise ForeignCaddyError where a configuration is not to be overwritten."""
        if self._guarded and served.foreign and served.digest != self._taken:
            raise ForeignCaddyError(
                f"the Caddy at {self.address} serves something that the router did not put there; it was left alone",
                hint="use another Caddy; or `router down`, then `router up --take-over`, which saves and replaces it",
            )

    def answers(self) -> bool:
        """Tell whether Caddy answers here."""
        try:
            return bool(self._config())
        except CaddyError:
            return False

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _taken_as_json(self, text: str) -> bool:
        """Hand over the configuration as JSON; where Caddy refuses that, its reason is to be one for the text."""
        parts = frame.parts(text)
        adapted = self._frames.pop(parts.frame, None) or self._adapted(parts.frame)
        if adapted is None:
            return False
        self._frames[parts.frame] = adapted
        for oldest in tuple(self._frames)[:-_FRAMES]:
            del self._frames[oldest]
        answer = self._post("/load", frame.filled(adapted, parts.tables), "application/json")
        return answer.status_code == httpx.codes.OK

    def _adapted(self, text: str) -> str | None:
        """Return the JSON that Caddy makes of a Caddyfile, None where it makes none."""
        answer = self._post("/adapt", text, _CADDYFILE)
        try:
            config = answer.json()["result"] if answer.status_code == httpx.codes.OK else None
            return frame.dumped(config) if config and isinstance(config, Mapping) else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def _post(self, path: str, content: str, kind: str) -> httpx.Response:
        return self._ask("POST", path, content=content.encode(), headers={"Content-Type": kind})

    def _config(self) -> bytes:
        answer = self._ask("GET", "/config/")
        if answer.status_code != httpx.codes.OK:
            self.reachable = False
            message = f"what listens at {self.address} is no Caddy that lets us in: {_reason(answer)}"
            raise CaddyError(message, hint=self._hint)
        return answer.content

    def _ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        """Ask once more where the connection was cut: the endpoint that took it was just being replaced."""
        try:
            with contextlib.suppress(httpx.ReadError, httpx.RemoteProtocolError):
                return self._answered(self._client.request(method, path, **rest))
            return self._answered(self._client.request(method, path, **rest))
        except httpx.HTTPError as exc:
            self.reachable = False
            raise CaddyError(f"Caddy does not answer at {self.address}: {exc}", hint=self._hint) from exc

    def _answered(self, answer: httpx.Response) -> httpx.Response:
        self.reachable = True
        return answer


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _foreign(config: Any) -> bool:
    """Tell whether a configuration serves something without a router's mark."""
    if config is None:
        return False
    logs = _inside(config, "logging", "logs")
    marked = isinstance(logs, Mapping) and MARK_LOG in logs
    return not marked and (not isinstance(config, Mapping) or bool(config.get("apps")))


def _endpoint(config: Any) -> Endpoint:
    """Return the admin block of a configuration, to be kept in the next one."""
    block = _inside(config, "admin")
    if not isinstance(block, Mapping) or not isinstance(listen := block.get("listen"), str):
        return _DEFAULT
    origins = block.get("origins") or ()
    return Endpoint(listen, tuple(str(origin) for origin in origins), block.get("enforce_origin") is True)


def _inside(config: Any, *keys: str) -> Any:
    for key in keys:
        config = config.get(key) if isinstance(config, Mapping) else None
    return config


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])[:500]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"status {answer.status_code}"

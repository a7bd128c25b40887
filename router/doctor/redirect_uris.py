"""Redirect URIs checked against the documented rules of Entra, Google, GitHub and Okta."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from router.values import dataclass

_LONGEST = 256  # Entra: "Maximum URI length"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider that does not accept a URI, and the reason by its rules."""

    provider: str
    reason: str


def refusals(uri: str) -> tuple[Refusal, ...]:
    """Return the providers that do not accept this redirect URI; none where all of them do."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return tuple(Refusal(provider, "it is no URI") for provider in RULES)
    reasons = {provider: rule(uri, parts, host) for provider, rule in RULES.items()}
    return tuple(Refusal(provider, reason) for provider, reason in reasons.items() if reason)


def example(uri: str) -> str:
    """Return a URI that a pattern (`…/callback/*`) stands for; any other URI as it is."""
    return f"{uri.removesuffix('*')}google" if uri.endswith("/*") else uri


def fit_one_callback(uris: tuple[str, ...]) -> bool:
    """Tell whether one GitHub OAuth app can have all of these: its one callback URL, and paths below it."""
    return any(all(f"{uri}/".startswith(f"{one.rstrip('/')}/") for uri in uris) for one in uris)


def _entra(uri: str, parts: SplitResult, host: str) -> str:
    """https://learn.microsoft.com/entra/identity-platform/reply-url."""
    if parts.scheme == "http" and host != "localhost":
        return "http is for localhost only"
    if parts.scheme not in {"http", "https"}:
        return "it must begin with https, or with http://localhost"
    if len(uri) > _LONGEST:
        return f"it has {len(uri)} characters, more than {_LONGEST}"
    if special := re.search(r"[!$'(),;]", uri):
        return f"it has a {special[0]}"
    if "*" in uri:
        return "a wildcard is only possible in the manifest, and not with personal accounts"
    return "it has a fragment" if "#" in uri else ""


def _google(uri: str, parts: SplitResult, host: str) -> str:
    """https://developers.google.com/identity/protocols/oauth2/web-server#uri-validation."""
    local = host in _LOCAL
    reasons = {
        "http is for localhost only": parts.scheme != "https" and not (parts.scheme == "http" and local),
        "its host must end in a public domain": not local and (host.endswith(".localhost") or "." not in host),
        "its host is an IP address": not local and (":" in host or re.fullmatch(r"[0-9.]+", host) is not None),
        "it has a user": "@" in parts.netloc,
        "it has a fragment": "#" in uri,
        "it has a wildcard": "*" in uri,
        "it has a character outside ASCII": not uri.isascii() or not uri.isprintable(),
        "its percent-encoding is wrong": re.search(r"%(?![0-9A-Fa-f]{2})|%00|%[Cc]0%80", uri) is not None,
        "its path goes up": re.search(r"(?:/|\\|%2[Ff]|%5[Cc])(?:\.|%2[Ee]){2}", uri) is not None,
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def _github(uri: str, parts: SplitResult, host: str) -> str:
    """https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#redirect-urls."""
    if parts.scheme not in {"http", "https"} or not host:
        return "it is no URL"
    return "it has a wildcard" if "*" in uri else ""


def _okta(uri: str, parts: SplitResult, host: str) -> str:
    """https://developer.okta.com/docs/reference/api/oauth-clients/."""
    if not parts.scheme or not host:
        return "it is not absolute"
    if "*" in uri.removeprefix(f"{parts.scheme}://*."):
        return "a wildcard may only stand for a subdomain"
    return "it has a fragment" if "#" in uri else ""


RULES: Mapping[str, Callable[[str, SplitResult, str], str]] = {
    "Entra": _entra,
    "Google": _google,
    "GitHub": _github,
    "Okta": _okta,
}
"""The rule of each provider: it returns the reason why a URI is not accepted, empty where it is."""

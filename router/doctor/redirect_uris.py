"""Redirect URIs against what Entra, Google, GitHub and Okta document of those that can be registered."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

_LONGEST = 256  # Entra: "Maximum URI length"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider that does not take a URI, and by which of its rules."""

    provider: str
    reason: str


def refusals(uri: str) -> tuple[Refusal, ...]:
    """Return the providers that would not take this redirect URI; none, where all of them would."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
    except ValueError:
        return tuple(Refusal(provider, "it is no URI") for provider in RULES)
    told = ((provider, rule(uri, parts, host)) for provider, rule in RULES.items())
    return tuple(Refusal(provider, reason) for provider, reason in told if reason)


def example(uri: str) -> str:
    """Return a URI that a pattern (`…/callback/*`) stands for; one that is no pattern as it is."""
    return f"{uri.removesuffix('*')}google" if uri.endswith("/*") else uri


def below_one(uris: tuple[str, ...]) -> bool:
    """Tell whether a GitHub OAuth app can have all of these: its one callback URL, or paths below that."""
    return any(all(f"{uri}/".startswith(f"{one.rstrip('/')}/") for uri in uris) for one in uris)


def _entra(uri: str, parts: SplitResult, host: str) -> str:
    """https://learn.microsoft.com/entra/identity-platform/reply-url."""
    if parts.scheme == "http" and host != "localhost":
        return "http is for localhost alone"
    if parts.scheme not in {"http", "https"}:
        return "a web application's begins with https, or http://localhost"
    if len(uri) > _LONGEST:
        return f"it has {len(uri)} characters, {_LONGEST} are the most"
    if found := re.search(r"[!$'(),;]", uri):
        return f"it has a {found[0]}"
    if "*" in uri:
        return "a wildcard goes through the manifest alone, and not where personal accounts sign in"
    return "it has a fragment" if "#" in uri else ""


def _google(uri: str, parts: SplitResult, host: str) -> str:
    """https://developers.google.com/identity/protocols/oauth2/web-server#uri-validation."""
    local = host in _LOCAL
    reasons = {
        "http is for localhost alone": parts.scheme != "https" and not (parts.scheme == "http" and local),
        "a host's last part must be a public one": not local and (host.endswith(".localhost") or "." not in host),
        "an address is no host": not local and (":" in host or re.fullmatch(r"[0-9.]+", host) is not None),
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
    return "it takes no wildcard" if "*" in uri else ""


def _okta(uri: str, parts: SplitResult, host: str) -> str:
    """https://developer.okta.com/docs/reference/api/oauth-clients/."""
    if not parts.scheme or not host:
        return "it is not absolute"
    if "*" in uri.removeprefix(f"{parts.scheme}://*."):
        return "a wildcard is for a subdomain alone"
    return "it has a fragment" if "#" in uri else ""


RULES: Mapping[str, Callable[[str, SplitResult, str], str]] = {
    "Entra": _entra,
    "Google": _google,
    "GitHub": _github,
    "Okta": _okta,
}
"""Of each provider the rule that gives the reason why it takes a URI not, empty where it does."""

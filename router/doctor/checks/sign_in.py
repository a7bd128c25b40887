"""Whether the identity providers accept the redirect URIs."""

from collections.abc import Iterator, Sequence

from router.doctor import redirect_uris
from router.doctor.findings import Finding

_ONE_FOR_ALL = "export ROUTER_CALLBACK_PATHS='[\"/auth/callback\"]'"


def check(uris: Sequence[str]) -> Iterator[Finding]:
    """Yield for each redirect URI the providers that refuse it, by their documented rules."""
    for uri in uris:
        registered = redirect_uris.example(uri)
        refusals = redirect_uris.refusals(registered)
        for refusal in refusals:
            message = f"{refusal.provider} does not accept {registered}: {refusal.reason}"
            yield Finding("warn", "sign-in", message, _ONE_FOR_ALL)
        if not refusals:
            yield Finding("ok", "sign-in", _accepted(uri, registered))
    if not redirect_uris.fit_one_callback(tuple(redirect_uris.example(uri) for uri in uris)):
        message = "GitHub accepts one callback URL for each OAuth app: register an app there for each of these"
        yield Finding("ok", "sign-in", message)


def _accepted(uri: str, registered: str) -> str:
    if uri != registered:
        return f"{uri} stands for one redirect URI for each provider, such as {registered}: register those, not the *"
    return f"{uri} is a redirect URI that {', '.join(redirect_uris.RULES)} accept"

"""Where an OAuth callback goes: the rules of `caddy/callback.j2` in plain Python, for `explain` and for the tests."""

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote_to_bytes

from router.caddy.tag import FORM, FRONT, LABEL, OUT_OF, PATH_OF, TEXT, split
from router.naming import PATH_SEGMENT, HostForm, check_callback_path, host_forms, origin, service_host
from router.route_table import Route, RouteTable
from router.values import dataclass

BAD_REQUEST = 400
MAX_STATE = 4096
MAX_URI = 16_384  # the dev servers behind us stop at 16 KiB of headers
MAX_FORM = 262_144

COLON, SLASH = "(?::|%3[Aa])", "(?:/|%2[Ff])"
"""A colon and a slash as a query has them: raw or percent-encoded."""

NONCE = r"[A-Za-z0-9._~-]+"

# The name `state` in a query, as Go and every other reader of forms decodes it
STATE = "".join(f"(?:{letter}|%{ord(letter):x})" for letter in "state")

READINGS = (
    rf"({LABEL}\.{LABEL})\.{NONCE}",
    rf"({LABEL}(?:--{LABEL})?)\.{NONCE}",
    rf"(?:{TEXT}*[|;.])?({LABEL}\.{LABEL})",
    rf"(?:{TEXT}*[|;.])?({LABEL}(?:--{LABEL})?)",
)
"""How a state can name a host, Go's regular expressions and Python's; group 1 is the host without `.localhost`.

Each begins or ends the state. Of two that name hosts of the same worktree the earlier one counts; a service's name
has the worktree's in it.
"""

_READINGS = tuple(re.compile(reading) for reading in READINGS)
_FORM = re.compile(r"application/x-www-form-urlencoded[ \t]*(?:;|$)", re.IGNORECASE)
_ANSWERED = re.compile(r"(?:^|&)(?:state|code|error)(?:=|&|$)")
# A text, as few commands need it: `re` compiles it when it is first used
_TAG_OF_QUERY = rf"(?:^|&)state={PATH_OF}[^&]"
_TAG_OF_SIGN_OUT = rf"(?:^|&)state={OUT_OF}"
_TAG_OF_FORM = re.compile(rf"\A(?:.*?&)?state={PATH_OF}[^&]", re.DOTALL)
_ENCODED = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a live name leads: the label of a worktree, and the origin of the very host that is named."""

    label: str
    origin: str


@dataclass(frozen=True, slots=True)
class Live:
    """Every name that leads to a worktree: `tags` are those of a tag, `hosts` those of a state."""

    tags: Mapping[str, Destination]
    hosts: Mapping[str, Destination]


@dataclass(frozen=True, slots=True)
class Request:
    """What a callback brought, raw as it came: `path` and `query` of the address, a form's `body`."""

    path: str
    query: str = ""
    method: str = "GET"
    body: str = ""
    content_type: str = "application/x-www-form-urlencoded"
    fetch_mode: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the router answers: a `status`, the `page` (redirect, relay, chooser, error) and why, in words.

    A redirect has `label` and `origin`, both of the route table, and `rest`: the path and query that follow the origin.
    A chooser that is `searched` looks for the worktree that began before it asks, first of all at the host `first`.
    """

    status: int
    page: str
    rule: str
    label: str | None = None
    origin: str | None = None
    rest: str = ""
    searched: bool = False
    first: str = ""


def path_pattern(paths: Iterable[str]) -> str:
    """Return the regular expression, Go's and Python's, of the paths that are callbacks; nothing in it captures."""
    return "|".join(_pattern(path, slash="/") for path in paths)


def redirect_uri_pattern(at: str, paths: Iterable[str]) -> str:
    """Return the expression of our redirect URIs at an origin as a query has them: raw or percent-encoded."""
    encoded = at.replace(":", COLON).replace("/", SLASH)
    return f"{encoded}(?:{'|'.join(_pattern(path, slash=SLASH) for path in paths)})"


def _pattern(path: str, *, slash: str) -> str:
    exact = check_callback_path(path).removesuffix("/*").replace(".", r"\.").replace("/", slash)
    return f"{exact}(?:{slash}{PATH_SEGMENT})+{slash}?" if path.endswith("/*") else exact


def destinations(table: RouteTable, *, port: int, target: str = "host") -> Live:
    """Return every name that a state or a tag can carry and where it leads; `target` is ROUTER_CALLBACK_TARGET."""
    named = [(route, name, form) for route in table.routes for name in route.names for form in _forms(route)]
    # The dev server's own port strips no tag: a tagged state goes to the host in either case
    tags = {form.tag_of(name): Destination(route.name, origin(form.host_of(name), port)) for route, name, form in named}
    hosts = {}
    for route, name, form in named:
        host = form.host_of(name)
        there = home(route, port=port, target=target, host=host) if form.service == "web" else origin(host, port)
        hosts[host.removesuffix(".localhost")] = Destination(route.name, there)
    return Live(tags, hosts)


def home(route: Route, *, port: int, target: str, host: str = "") -> str:
    """Return the origin that a state which names a worktree's web leads to; `host` is the one that it names."""
    web = route.services[0]
    at_host = target == "host" or web.blocked  # at its port somebody else would get the code
    return origin(host or service_host(route.name, "web"), port) if at_host else f"http://localhost:{web.port}"


def _forms(route: Route) -> Iterator[HostForm]:
    return (form for service in route.services for form in host_forms(service.name))


def decide(request: Request, *, paths: Iterable[str], live: Live) -> Decision | None:
    """Return what is answered to a request at `localhost`, None where its path is no callback.

    `live` is what `destinations` returns. The rules R1 to R15 are those of the OAuth research, RFC 9700 among their
    sources.
    """
    match = re.fullmatch(rf"(/\.router/relay)?({path_pattern(paths)})", request.path)
    waits = _waits(request)
    if match is None and not waits:
        return None
    relayed, path = match is not None and match.group(1) is not None, match.group(2) if match else request.path
    refused = _refused(request, relayed=relayed)
    if refused:
        return Decision(refused[0], "chooser" if refused[0] == BAD_REQUEST else "error", refused[1])
    sent = f"{request.body}&{request.query}" if request.method == "POST" else request.query
    states = list(_states(sent))
    if len(states) > 1:
        return Decision(BAD_REQUEST, "chooser", "more than one state")
    if not any(states):
        if request.method == "POST" or relayed or _ANSWERED.search(sent):
            return Decision(BAD_REQUEST, "chooser", "no state", searched=True)
        return Decision(200, "relay", "no state, code or error: the answer may be in the fragment")
    # R9: everything after the host stays as it came. A relayed state is no part of the answer: it stays behind.
    uri = f"{request.path}?{request.query}" if request.query else request.path
    if waits == "sign-in" and request.method == "POST":  # its tag is in the body: the address says where to look for it
        uri = f"{request.path}?{FORM}&{request.query}"
    status = 307 if request.method == "POST" else 302
    return _routed(states[0], live, status=status, rest=path if relayed else uri, waits=waits == "sign-in")


def _waits(request: Request) -> str:
    """Return what an app waits for on this very path, as a tag says: a `sign-in`, a `sign-out`, or nothing."""
    found, waits = re.search(_TAG_OF_QUERY, request.query), "sign-in"
    if out := re.search(_TAG_OF_SIGN_OUT, request.query):
        found, waits = out, "sign-out"
    if request.method == "POST" and _FORM.match(request.content_type):
        form = _TAG_OF_FORM.search(request.body)
        found, waits = (form, "sign-in") if form else (found, waits)
    path = found[1] if found else ""
    return waits if path and re.sub("%7[Ee]", "~", re.sub("%2[Cc]|,", "/", path)) == request.path else ""


def _refused(request: Request, *, relayed: bool) -> tuple[int, str] | None:
    form = request.method == "POST"
    checks = (
        (request.fetch_mode not in ("", "navigate"), 403, "not a navigation"),
        (request.method not in ("GET", "HEAD", *(() if relayed else ("POST",))), 405, "neither GET nor a form"),
        (len(request.path) + len(request.query) >= MAX_URI, 414, f"the address is longer than {MAX_URI} bytes"),
        (form and not _FORM.match(request.content_type), 415, "the body is not a form"),
        (form and len(request.body.encode()) > MAX_FORM, 413, f"the form is longer than {MAX_FORM} bytes"),
        (form and "#" in request.body, BAD_REQUEST, "the form has a raw '#'"),
    )
    return next(((status, why) for failed, status, why in checks if failed), None)


def _routed(state: str, live: Live, *, status: int, rest: str, waits: bool) -> Decision:
    tagged = split(state)
    front = re.fullmatch(FRONT, state)
    if len(tagged.state if tagged else front[2] if front else state) > MAX_STATE:
        return Decision(404, "chooser", f"the state is longer than {MAX_STATE} characters")
    if tagged:
        # The name that the sign-in began on, service and alias included: its cookies are there
        name = tagged.name
        began = f"the host that the sign-{'out' if tagged.ends else 'in'} began on"
        destination, rule = live.tags.get(name), f"the tag names {name}, {began}"
        if destination is None:
            return Decision(404, "chooser", f"the tag names {name}, which is not live")
        return Decision(status, "redirect", rule, destination.label, destination.origin, rest)
    if front and waits:
        return _searched(
            f"the tag names a host in front of {front[1]}", first=front[1] if front[1] in live.hosts else ""
        )
    found = [(destination, rule) for name, rule in _candidates(state) if (destination := live.hosts.get(name))]
    if len({destination.label for destination, _ in found}) != 1:
        return _searched(f"the state names {'two live worktrees' if found else 'no live worktree'}")
    destination, rule = found[0]
    return Decision(status, "redirect", rule, destination.label, destination.origin, rest)


def _searched(rule: str, *, first: str = "") -> Decision:
    return Decision(404, "chooser", rule, searched=True, first=first)


def _candidates(state: str) -> Iterator[tuple[str, str]]:
    for match in filter(None, (reading.fullmatch(state) for reading in _READINGS)):
        if match[1] == state:
            yield match[1], "the state is the name"
        elif match.start(1):
            yield match[1], f"the name follows the last '{state[match.start(1) - 1]}' of the state"
        else:
            yield match[1], "the state is the name, '.' and a nonce"


def _states(sent: str) -> Iterator[str]:
    # As Go's url.ParseQuery reads them, but a raw ';' is a character (R12); what cannot be decoded has no value
    for pair in sent.split("&"):
        name, _, value = pair.partition("=")
        if _decoded(name) == "state":
            yield _decoded(value)


def _decoded(text: str) -> str:
    if not _ENCODED.fullmatch(text):
        return ""
    # Once. Latin-1 keeps each byte a character of its own; none above 0x7e is a state's (R11)
    return unquote_to_bytes(text.replace("+", " ")).decode("latin-1")

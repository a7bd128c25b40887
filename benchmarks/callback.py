"""What a callback and a sign-in cost in Caddy, against a plain `respond` of the same Caddy."""

import http.client
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from benchmarks.measure import Load, Result, Row, interleaved, ratio, spread, wrk
from benchmarks.proxies import server
from router.caddy import assets, caddyfile
from router.route_table import RouteTable
from tests.e2e.caddies import Running, running
from tests.e2e.routers import free_port, wait_until
from tests.fakes import route, service, table

WORKTREES = 100
_LAST = f"feature-{WORKTREES - 1}"
_PLAIN = "\nhttp://plain.test:{port} {{\n\tbind 127.0.0.1 ::1\n\trespond ok\n}}\n"
_AUTHORIZE = "https://login.example/authorize?redirect_uri=http%3A%2F%2Flocalhost%3A{port}%2Fauth%2Fcallback&state=Zk3x"
_TAGGING = re.compile(r"(?ms)^\t@login .*?^\t\}\n|^\t*invoke @answer \S+\n")
"""What of a Caddyfile has to do with tags: the rule for an upstream's answers and that for callbacks."""
_FORM = """wrk.method = "POST"
wrk.body = "code=abc&state={label}"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
"""


@dataclass(frozen=True)
class Kind:
    """A request: its host and target, the status it must have, the words its Location must have, wrk's script."""

    host: str
    target: str
    status: int
    leads: str = ""
    script: str = ""


KINDS = {
    "respond": Kind("plain.test", "/", 200),
    "callback → worktree": Kind("localhost", f"/auth/callback?code=abc&state={_LAST}", 302, _LAST),
    "tagged callback → worktree": Kind("localhost", f"/auth/callback?code=abc&state=WT1.{_LAST}.Zk3x", 302, _LAST),
    "form post → worktree": Kind("localhost", "/auth/callback", 307, _LAST, _FORM.format(label=_LAST)),
    "fragment: relay page": Kind("localhost", "/auth/callback", 200),
    "fragment: relay → worktree": Kind("localhost", f"/.router/relay/auth/callback?state={_LAST}", 302, _LAST),
    "callback with an unknown state: chooser": Kind("localhost", "/auth/callback?code=abc&state=nobody", 404),
}
LOGIN = {
    "page": Kind(f"{_LAST}.localhost", "/", 200),
    "sign-in begins, state tagged": Kind(f"{_LAST}.localhost", "/login", 302, "login.example"),
}


def run(*, smoke: bool) -> Result:
    """Measure the callbacks in turn, then what is proxied with and without the tagging rules."""
    rounds = 1 if smoke else 5
    kinds = dict(list(KINDS.items())[:3]) if smoke else KINDS
    with _caddy() as (caddy, routes):
        asked = {name: partial(_wrk, caddy, kind, checked=_checked(caddy, kind)) for name, kind in kinds.items()}
        found = interleaved(asked, rounds=rounds)
        proxied = {} if smoke else interleaved(_proxied(caddy, routes), rounds=rounds)
    base = _rps(found["respond"])
    rows: list[Row] = [
        {"request": name, "requests/s": spread(_rps(loads)), "of respond": ratio(_rps(loads), base)}
        for name, loads in {**found, **proxied}.items()
    ]
    return Result(rows, notes=[f"{WORKTREES} worktrees; a chooser or a relay page is a file, a template with it"])


@contextmanager
def _caddy() -> Iterator[tuple[Running, RouteTable]]:
    """Run Caddy over a route table whose last worktree has a server with a page and a login."""
    app = free_port()
    routes = [route(f"feature-{n}", service("web", app), service("api", 20000 + n)) for n in range(WORKTREES)]
    with ExitStack() as stack:
        destination = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        caddy = stack.enter_context(running(table(*routes), destination))
        login = f"redir /login {_AUTHORIZE.format(port=caddy.site.port)}\n\trespond ok"
        stack.enter_context(server(destination / "server", app, login))
        _load(caddy, table(*routes))
        yield caddy, table(*routes)


def _proxied(caddy: Running, routes: RouteTable) -> dict[str, Callable[[], Load]]:
    """Return a page and a login through the whole configuration, and through one without the tagging rules."""

    def through(kind: Kind, *, tagging: bool) -> Load:
        _load(caddy, routes, tagging=tagging)
        return _wrk(caddy, kind, checked=_checked(caddy, kind))

    return {
        f"{name}{without}": partial(through, kind, tagging=tagging)
        for name, kind in LOGIN.items()
        for without, tagging in (("", True), (" (without the tagging rules)", False))
    }


def _load(caddy: Running, routes: RouteTable, *, tagging: bool = True) -> None:
    text = caddyfile.render(routes, caddy.site, templates=assets.templates())
    text = text if tagging else _TAGGING.sub("", text)
    answer = caddy.load_text(text + _PLAIN.format(port=caddy.site.port))
    if answer.status_code != 200:
        raise RuntimeError(answer.text)


def _checked(caddy: Running, kind: Kind) -> bool:
    """Tell that the answer is the one that is to be measured; RuntimeError where it is not."""
    form = {"Content-Type": "application/x-www-form-urlencoded"} if kind.script else {}
    body = f"code=abc&state={_LAST}".encode() if kind.script else b""
    ask = partial(caddy.request, "POST" if kind.script else "GET", kind.target, headers=form, body=body)
    answer = wait_until(lambda: _answer(partial(ask, host=f"{kind.host}:{caddy.site.port}")), what=kind.target)
    if answer.status_code != kind.status or kind.leads not in answer.headers.get("location", ""):
        raise RuntimeError(f"{kind} was answered {answer.status_code} {answer.headers}")
    return True


def _answer(ask: Callable[[], httpx.Response]) -> httpx.Response | None:
    """Return the answer, None where the load before cut the connection."""
    try:
        return ask()
    except (OSError, http.client.HTTPException):
        return None


def _wrk(caddy: Running, kind: Kind, *, checked: bool) -> Load:
    assert checked
    port, expected = caddy.site.port, kind.status < 400
    return wrk(port, f"{kind.host}:{port}", kind.target, script=kind.script, plain=expected)


def _rps(loads: list[Load]) -> list[float]:
    return [load.rps for load in loads]

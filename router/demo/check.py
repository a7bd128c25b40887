"""`router demo --check`: walks through everything that the demo shows, by itself, one line a step."""

import json
import re
import time
from collections.abc import Callable

from router import proc
from router.demo.browser import Browser, Clock, Page
from router.demo.scenario import BRANCHES, CART, LOGIN, MAIN, Demo, free_port, usable_port
from router.errors import RouterError
from router.naming import label
from router.observe.probe import connects
from router.ports import service_port
from router.watcher.logs import log_lines

NEW, OTHER = "feature/pay", "chore/tidy"
_TAIL = 20  # lines of the logs that are shown where a step failed
USERS = {CART: "Ada Lovelace", LOGIN: "Grace Hopper"}


def check(port: int, *, say: Callable[[str], None], log: Callable[[str], None]) -> bool:
    """Walk through the demo and `say` how each step went; what the router logged goes to `log` where one failed."""
    with Demo(usable_port(port, log)) as demo:
        prepared = _passed("three worktrees, their servers and the router start", _start, demo, say)
        passed = [_passed(title, step, demo, say) for title, step in STEPS] if prepared else [False]
        if not all(passed):
            lines = [x for x in log_lines(demo.store, follow=False) if '"level":"info"' not in x]
            for line in lines[-_TAIL:]:
                log(line)
    return _passed("nothing is left behind", _removed, demo, say) and all(passed)


def _passed(title: str, step: Callable[[Demo], None], demo: Demo, say: Callable[[str], None]) -> bool:
    began = time.monotonic()
    try:
        step(demo)
    except RouterError as exc:
        say(f"FAIL {title}: {exc.message}")
        return False
    say(f"ok   {title} ({time.monotonic() - began:.1f} s)")
    return True


def _start(demo: Demo) -> None:
    demo.make()
    demo.begin()


def _hosts(demo: Demo) -> None:
    for branch in BRANCHES:
        _shows(demo, branch)


def _ports(demo: Demo) -> None:
    answer = demo.router("status", "--json")
    found = {w["branch"]: w["services"]["web"] for w in json.loads(answer.out or '{"worktrees": []}')["worktrees"]}
    # Where another program has the hash port, the app chose one of its own
    hashed = "hash" if demo.web(MAIN).get("port") == service_port("web", MAIN) else "listener"
    wanted = {MAIN: hashed, CART: "env:.env.local", LOGIN: "listener"}
    _same("the ports' sources", {branch: web["source"] for branch, web in found.items()}, wanted)


def _dashboard(demo: Demo) -> None:
    origin = demo.settings.origin
    _same(f"GET {origin}", Browser().get(origin).status, 200)
    labels = sorted(map(label, BRANCHES))
    shown = f"{origin}/.router/status.json"
    demo.see(shown, lambda: sorted(set(re.findall(r'"oauth_state": "(.*?)"', Browser().get(shown).text))), labels)


def _api(demo: Demo) -> None:
    for branch in BRANCHES:
        page = Browser().get(f"{demo.url(branch)}/api")
        _same(page.url, page.find('"branch": "([^"]*)"'), branch)


def _stream(demo: Demo) -> None:
    with Clock(f"{demo.url(CART)}/clock") as clock:
        clock.ticks()


def _worktree_added(demo: Demo) -> None:
    _answers(demo, NEW, 404)
    demo.add(NEW)
    _answers(demo, NEW, 502)
    demo.serve(NEW)
    _shows(demo, NEW)


def _signed_in(demo: Demo) -> None:
    browser = Browser()
    asked = {branch: browser.click(browser.get(demo.url(branch)), "Sign in") for branch in USERS}
    for branch in reversed(USERS):  # the last one asked is the first one answered
        page = browser.click(asked[branch], USERS[branch])
        _same(f"the sign-in of {branch}", (page.url, _user(page)), (f"{demo.url(branch)}/", USERS[branch]))
    users = {branch: _user(browser.get(demo.url(branch))) for branch in USERS}
    _same("who is signed in", users, USERS)


def _killed(demo: Demo) -> None:
    demo.end(LOGIN, at_once=True)
    demo.see(f"{LOGIN} is up", lambda: demo.web(LOGIN).get("up"), False)
    _answers(demo, LOGIN, 502)


def _moved(demo: Demo) -> None:
    port = free_port()
    demo.serve(LOGIN, port)
    _shows(demo, LOGIN)
    demo.see(f"the port of {LOGIN}", lambda: demo.web(LOGIN).get("port"), port)


def _stream_lives(demo: Demo) -> None:
    with Clock(f"{demo.url(MAIN)}/clock") as clock:
        clock.ticks()
        before = _loads(demo)
        demo.add(OTHER)
        _answers(demo, OTHER, 502)
        demo.git("worktree", "remove", str(demo.folder(OTHER)))
        _answers(demo, OTHER, 404)
        demo.see("two configurations were loaded", lambda: _loads(demo) >= before + 2, True)
        clock.ticks()


def _worktree_removed(demo: Demo) -> None:
    demo.end(NEW)
    demo.git("worktree", "remove", str(demo.folder(NEW)))
    _answers(demo, NEW, 404)


def _watcher_killed(demo: Demo) -> None:
    demo.end("router", at_once=True)
    _hosts(demo)
    _signed_in(demo)


def _watcher_returned(demo: Demo) -> None:
    with Clock(f"{demo.url(CART)}/clock") as clock:
        clock.ticks()
        caddy = demo.caddy
        demo.watch()
        _same("the pid of Caddy", demo.caddy, caddy)
        clock.ticks()


def _down(demo: Demo) -> None:
    status = demo.status()
    _same("the exit code of `router down`", demo.router("down").code, 0)
    pids = {name: status[name]["pid"] for name in ("watcher", "caddy")}
    demo.see("still running", lambda: [name for name, pid in pids.items() if pid and proc.identify(pid)], [])
    sockets = [*demo.store.directory.rglob("*.sock"), demo.store.socket]
    _same("sockets left", [str(path) for path in sockets if path.exists()], [])
    _same(f"port {demo.port} is open", connects("127.0.0.1", demo.port), False)


def _removed(demo: Demo) -> None:
    _same("still running", [name for name, child in demo.children.items() if child.ended() is None], [])
    _same(f"{demo.directory} is there", demo.directory.exists(), False)


def _shows(demo: Demo, branch: str) -> None:
    url = demo.url(branch)
    demo.see(url, lambda: Browser().get(url).find("<h1>(.*)</h1>"), branch)


def _answers(demo: Demo, branch: str, status: int) -> None:
    url = demo.url(branch)
    demo.see(f"{url}: status", lambda: Browser().get(url).status, status)


def _loads(demo: Demo) -> int:
    return int(demo.status()["caddy"].get("loads", 0))


def _user(page: Page) -> str:
    return page.find("Signed in as <strong>(.*?)</strong>")


def _same(what: str, seen: object, wanted: object) -> None:
    if seen != wanted:
        raise RouterError(f"{what}: {seen!r} instead of {wanted!r}")


STEPS = (
    ("every worktree answers on its own host", _hosts),
    ("each port is found: by hash, in .env.local, by the server's directory", _ports),
    ("the dashboard shows all of them", _dashboard),
    ("/api answers", _api),
    ("an event stream flows", _stream),
    ("git worktree add: its host answers 404, then 502 until its server starts", _worktree_added),
    ("two sign-ins at once, answered crosswise, end on their own hosts", _signed_in),
    ("a killed server is shown as down", _killed),
    ("started on another port, it is found again", _moved),
    ("an event stream lives on while worktrees come and go", _stream_lives),
    ("git worktree remove: its host answers 404", _worktree_removed),
    ("the watcher killed: hosts and sign-ins go on", _watcher_killed),
    ("the next watcher takes the same Caddy over, streams included", _watcher_returned),
    ("router down leaves no process, socket or port", _down),
)

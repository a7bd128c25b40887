"""`router demo --check`: does everything that the demo shows by itself, and prints one line for each step."""

import json
import re
import time
from collections.abc import Callable

from router import ps
from router.demo.browser import Browser, Clock, Page
from router.demo.scenario import BRANCHES, CART, LOGIN, MAIN, Demo, free_port, usable_port
from router.errors import RouterError
from router.naming import label
from router.observe.probe import connects
from router.watcher.logs import log_lines

NEW, OTHER = "feature/pay", "chore/tidy"
_TAIL = 20  # lines of the logs that are shown where a step failed
USERS = {CART: "Ada Lovelace", LOGIN: "Grace Hopper"}


def check(port: int, *, say: Callable[[str], None], log: Callable[[str], None]) -> bool:
    """Do every step of the demo and `say` how it went; where one fails, `log` gets the end of the router's logs."""
    with Demo(usable_port(port, log)) as demo:
        prepared = _run_step("three worktrees, their servers and the router start", _prepare, demo, say)
        passed = [_run_step(title, step, demo, say) for title, step in STEPS] if prepared else [False]
        if not all(passed):
            lines = [line for line in log_lines(demo.store, follow=False) if '"level":"info"' not in line]
            for line in lines[-_TAIL:]:
                log(line)
    return _run_step("nothing is left behind", _removed, demo, say) and all(passed)


def _run_step(title: str, step: Callable[[Demo], None], demo: Demo, say: Callable[[str], None]) -> bool:
    began = time.monotonic()
    try:
        step(demo)
    except RouterError as exc:
        say(f"FAIL {title}: {exc.message}")
        return False
    say(f"ok   {title} ({time.monotonic() - began:.1f} s)")
    return True


def _prepare(demo: Demo) -> None:
    demo.create()
    demo.start()


def _hosts(demo: Demo) -> None:
    for branch in BRANCHES:
        _shows(demo, branch)


def _ports(demo: Demo) -> None:
    answer = demo.router("status", "--json")
    worktrees = json.loads(answer.out or '{"worktrees": []}')["worktrees"]
    sources = {worktree["branch"]: worktree["services"]["web"]["source"] for worktree in worktrees}
    # Where another program has taken its port meanwhile, the app chose one of its own
    main = "listener" if sources.get(MAIN) == "listener" else "hash"
    _expect("the ports' sources", sources, {MAIN: main, CART: "env:.env.local", LOGIN: "listener"})


def _dashboard(demo: Demo) -> None:
    origin = demo.settings.origin
    _expect(f"GET {origin}", Browser().get(origin).status, 200)
    status = f"{origin}/.router/status.json"

    def labels() -> list[str]:
        return sorted(set(re.findall(r'"oauth_state": "(.*?)"', Browser().get(status).text)))

    demo.wait_for(status, labels, sorted(map(label, BRANCHES)))


def _api(demo: Demo) -> None:
    for branch in BRANCHES:
        page = Browser().get(f"{demo.url(branch)}/api")
        _expect(page.url, page.find('"branch": "([^"]*)"'), branch)


def _stream(demo: Demo) -> None:
    with Clock(f"{demo.url(CART)}/clock") as clock:
        clock.wait_for_event()


def _worktree_added(demo: Demo) -> None:
    _answers(demo, NEW, 404)
    demo.add(NEW)
    _answers(demo, NEW, 502)
    demo.serve(NEW)
    _shows(demo, NEW)


def _signed_in(demo: Demo) -> None:
    browser = Browser()
    prompts = {branch: browser.click(browser.get(demo.url(branch)), "Sign in") for branch in USERS}
    for branch in reversed(USERS):  # the sign-in that began last is finished first
        page = browser.click(prompts[branch], USERS[branch])
        _expect(f"the sign-in of {branch}", (page.url, _user(page)), (f"{demo.url(branch)}/", USERS[branch]))
    users = {branch: _user(browser.get(demo.url(branch))) for branch in USERS}
    _expect("who is signed in", users, USERS)


def _killed(demo: Demo) -> None:
    demo.end(LOGIN, kill=True)
    demo.wait_for(f"{LOGIN} is up", lambda: demo.web(LOGIN).get("up"), False)
    _answers(demo, LOGIN, 502)


def _moved(demo: Demo) -> None:
    port = free_port()
    demo.serve(LOGIN, port)
    _shows(demo, LOGIN)
    demo.wait_for(f"the port of {LOGIN}", lambda: demo.web(LOGIN).get("port"), port)


def _stream_survives(demo: Demo) -> None:
    with Clock(f"{demo.url(MAIN)}/clock") as clock:
        clock.wait_for_event()
        before = _loads(demo)
        demo.add(OTHER)
        _answers(demo, OTHER, 502)
        demo.git("worktree", "remove", str(demo.folder(OTHER)))
        _answers(demo, OTHER, 404)
        demo.wait_for("two configurations were loaded", lambda: _loads(demo) >= before + 2, True)
        clock.wait_for_event()


def _worktree_removed(demo: Demo) -> None:
    demo.end(NEW)
    demo.git("worktree", "remove", str(demo.folder(NEW)))
    _answers(demo, NEW, 404)


def _watcher_killed(demo: Demo) -> None:
    demo.end("router", kill=True)
    _hosts(demo)
    _signed_in(demo)


def _watcher_returned(demo: Demo) -> None:
    with Clock(f"{demo.url(CART)}/clock") as clock:
        clock.wait_for_event()
        caddy = demo.caddy
        demo.watch()
        _expect("the pid of Caddy", demo.caddy, caddy)
        clock.wait_for_event()


def _down(demo: Demo) -> None:
    status = demo.status()
    _expect("the exit code of `router down`", demo.router("down").code, 0)
    pids = {name: status[name]["pid"] for name in ("watcher", "caddy")}
    demo.wait_for("still running", lambda: [name for name, pid in pids.items() if pid and ps.identify(pid)], [])
    sockets = [*demo.store.directory.rglob("*.sock"), demo.store.socket]
    _expect("sockets left", [str(path) for path in sockets if path.exists()], [])
    _expect(f"port {demo.port} is open", connects("127.0.0.1", demo.port), False)


def _removed(demo: Demo) -> None:
    _expect("still running", [name for name, child in demo.children.items() if child.exit_code() is None], [])
    _expect(f"{demo.directory} is there", demo.directory.exists(), False)


def _shows(demo: Demo, branch: str) -> None:
    url = demo.url(branch)
    demo.wait_for(url, lambda: Browser().get(url).find("<h1>(.*)</h1>"), branch)


def _answers(demo: Demo, branch: str, status: int) -> None:
    url = demo.url(branch)
    demo.wait_for(f"{url}: status", lambda: Browser().get(url).status, status)


def _loads(demo: Demo) -> int:
    return int(demo.status()["caddy"].get("loads", 0))


def _user(page: Page) -> str:
    return page.find("Signed in as <strong>(.*?)</strong>")


def _expect(what: str, actual: object, expected: object) -> None:
    if actual != expected:
        raise RouterError(f"{what}: {actual!r} instead of {expected!r}")


STEPS = (
    ("every worktree answers on its own host", _hosts),
    ("each port is known: by default, from .env.local, from a server that was found", _ports),
    ("the dashboard shows all of them", _dashboard),
    ("/api answers", _api),
    ("an event stream flows", _stream),
    ("git worktree add: its host answers 502 instead of 404, then its server", _worktree_added),
    ("two sign-ins at once, finished in the other order, end on their own hosts", _signed_in),
    ("a killed server is down", _killed),
    ("started on another port, it is found again", _moved),
    ("an event stream survives while worktrees come and go", _stream_survives),
    ("git worktree remove: its host answers 404", _worktree_removed),
    ("the watcher is killed: hosts and sign-ins still work", _watcher_killed),
    ("the next watcher takes over the same Caddy, streams included", _watcher_returned),
    ("router down leaves no process, socket or port", _down),
)

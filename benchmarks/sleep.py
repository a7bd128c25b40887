"""What sleeping worktrees give back, with a tab left open on each, and what it costs to tell that nobody uses them."""

import json
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks.measure import Goal, MissingError, Result, Row, progress
from benchmarks.scan import connections, cost, running
from benchmarks.worktrees import routed
from router.model import SleepRules
from router.observe import sock_diag
from router.observe.listeners import Listeners
from router.processes import memory
from router.route_table import Route, Service
from router.servers import records
from router.sleep.running import running as what_runs
from router.store import Store
from tests.e2e import browsers
from tests.e2e.routers import Router, wait_until
from tests.fakes import worktree
from tests.servers.shops import keepers

VITE = Path(__file__).parents[1] / "tests/e2e"
PROJECT = {"type": "module", "scripts": {"dev": "vite"}}
LONG = 240.0  # seconds


def run(*, smoke: bool) -> Result:
    """Measure ten Vites awake and asleep, then a look at the connections, and one at all that runs."""
    count, after, processes, busy = (1, 4, 0, 20) if smoke else (10, 20, 300, 300)
    rows = list(_given_back(count, after))
    with running(processes, count) as roots:
        rows += _costs(roots, busy=busy, times=3 if smoke else 40)
    held = next(row["MB"] for row in rows if row["what"].startswith("asleep"))
    kept = next(row["count"] for row in rows if row["what"].startswith("kept awake"))
    goals = [Goal(f"MB that {count} sleeping servers hold", held, 20), Goal("kept awake by an open tab", kept, 0)]
    note = f"each sleeps {after} s after its last use; of what is asleep, the growth of the watcher and Caddy counts"
    return Result(rows, [] if smoke else goals, [note])


def missing() -> str:
    """Return what this part needs that is not there, and how to get it; empty where all of it is."""
    if not (shutil.which("npm") and (VITE / "node_modules/vite").exists()):
        return "Vite is missing: npm ci in tests/e2e"
    browser = browsers.sync_playwright and any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return "" if browser else "Chromium or playwright is missing: apt-get install chromium, pip install playwright"


def _given_back(count: int, after: int) -> Iterator[Row]:
    if why := missing():
        raise MissingError(why)
    with routed(count) as router:
        paths = [Path(tree["path"]) for tree in router.worktrees().values() if not tree["main"]]
        before = _of_routers(router)
        _start(router, paths, after)
        store = Store(router.state)
        awake = [_size(_whole(store, path)) for path in paths]
        with _tabs(router, paths):
            progress(f"{count} worktrees with a tab open on each, until they sleep")
            asleep = _until_asleep(router, paths, limit=after * 4 + 60)
            time.sleep(after)
            woken = sum(router.web(path)["state"] != "asleep" for path in asleep)
        left = [_size(_whole(store, path)) for path in asleep]
        grown = {name: size - before[name] for name, size in _of_routers(router).items()}
        yield {"what": f"awake, {count} servers of Vite, by npm", "MB": round(sum(awake), 1), "count": count}
        yield {
            "what": "asleep, what is left of them and the growth of watcher and Caddy",
            "MB": round(sum(left) + sum(grown.values()), 1),
            "count": len(asleep),
        }
        yield from ({"what": f"of it: {name}", "MB": round(size, 1)} for name, size in grown.items())
        yield {"what": "kept awake by an open tab", "count": count - len(asleep)}
        yield {"what": "woken by an open tab", "count": woken}


def _start(router: Router, paths: Iterable[Path], after: int) -> None:
    lines = f'[services.web]\nrun = "npm run dev"\n[sleep]\nafter = "{after}s"\n'
    (router.repository / "router.toml").write_text(lines)
    assert router.run("allow").code == 0
    for path in paths:
        shutil.copytree(VITE / "vite", path, dirs_exist_ok=True)
        (path / "vite.config.mjs").write_text("export default { server: { port: 5173, strictPort: true } };")
        (path / "package.json").write_text(json.dumps(PROJECT))
        (path / "node_modules").symlink_to(VITE / "node_modules")
        said = router.run("start", cwd=path)
        assert said.code == 0, said.err


@contextmanager
def _tabs(router: Router, paths: Iterable[Path]) -> Iterator[None]:
    with ExitStack() as stack:
        browser = stack.enter_context(browsers.chromium())
        for path in paths:
            browser.new_page().goto(router.routed(path)["url"], wait_until="load", timeout=LONG * 1000)
        yield


def _until_asleep(router: Router, paths: list[Path], *, limit: float) -> list[Path]:
    """Return those that sleep, when all do or the time is up."""
    deadline = time.monotonic() + limit
    while True:
        asleep = [path for path in paths if router.web(path)["state"] == "asleep"]
        if len(asleep) == len(paths) or time.monotonic() > deadline:
            return asleep
        time.sleep(0.5)


def _whole(store: Store, path: Path) -> set[int]:
    """Return the processes of the server that was started in a worktree, with the one beside it."""
    [server] = [each for each in records.every(store) if each.record.path == str(path)]
    session = server.record.server.pid
    own = {each.pid for each in psutil.process_iter() if _session(each.pid) == session}
    return own | set(keepers(server.directory))


def _session(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])
    except OSError:
        return 0


def _size(pids: Iterable[int]) -> float:
    return sum(memory.of(pid).bytes for pid in pids) / 1e6


def _of_routers(router: Router) -> dict[str, float]:
    """Return the memory of the watcher and of its Caddy."""
    wait_until(lambda: router.watcher_pid and router.caddy_pid)
    return {"watcher": _size([router.watcher_pid]), "Caddy": _size([router.caddy_pid])}


def _costs(roots: list[str], *, busy: int, times: int) -> Iterator[Row]:
    listeners, store = Listeners(), Store(Path(roots[0]) / "state")
    routes = [
        Route(f"x{n}", worktree(f"x{n}", path=root), "shop", (), (Service("web", 1 + n, "127.0.0.1", "hash"),))
        for n, root in enumerate(roots)
    ]
    sleepers = [(route, SleepRules(after=1800)) for route in routes]
    ports = {each.port for each in listeners.scan(roots)}

    def whole() -> None:
        what_runs(sleepers, store, roots=roots, routers=(), listeners=listeners)

    def dump() -> None:
        list(sock_diag.connections(ports))

    count = len(psutil.pids())
    yield {"what": f"what runs, {len(roots)} worktrees and {count} processes", "CPU ms": cost(whole, times=times)}
    yield {"what": "the connections of this machine", "CPU ms": cost(dump, times=times)}
    with connections(busy):
        yield {"what": f"the same with {busy} more", "CPU ms": cost(dump, times=times)}

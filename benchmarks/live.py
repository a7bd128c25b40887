"""How soon a new worktree answers, and what that time is made of."""

import http.client
import time
from collections.abc import Callable, Mapping
from itertools import islice

from benchmarks.measure import Goal, Result, Row, percentiles, progress
from benchmarks.worktrees import free_ports, routed
from router.caddy import assets, caddyfile
from router.naming import label
from router.observe import survey
from router.observe.listeners import Listeners
from router.observe.surveys import Surveys
from router.remembered import Memory
from router.routes.plan import plan
from router.watcher.events import Watch
from router.watcher.pace import LOADS, LOADS_PER_SECOND
from tests.e2e.routers import Router, Upstream, wait_until
from tests.fakes import SITE

LIVE = 20
"""Worktrees that are there before anything is measured,"""
MANY = 200
"""and for the figure of a large repository."""
AT_ONCE = int(LOADS // 2) - 2
"""Worktrees that come and go without a rest: each of them takes two loads."""
APART = 1.0
"""Seconds between two changes where each is to be by itself: Caddy has drained, and nothing is held back."""


def run(*, smoke: bool) -> Result:
    """Time from `git worktree add` to the first 200, and from `git worktree remove` to the first 404."""
    times, inside, apart = (3, 2, 0.0) if smoke else (40, 12, APART)
    with routed(2 if smoke else LIVE, ports=(ports := some_ports(2 * times))) as router:
        added, removed = added_and_removed(router, _some(ports, 0, times), apart=apart)
        at_once, gone_at_once = added_and_removed(router, _some(ports, times, 2 * times))
        loads = [_load(router, n) for n in range(inside)]
    many_there = 3 if smoke else MANY
    with routed(many_there, ports=(ports := some_ports(times))) as router:
        many, _ = added_and_removed(router, ports, apart=apart)
    with routed(2 if smoke else LIVE, up=False) as router:
        parts = _parts(router, inside)
    whole = percentiles(added)
    rows: list[Row] = [
        {"what": "git worktree add → first 200", "ms": whole},
        {"what": "git worktree remove → first 404", "ms": percentiles(removed)},
        {"what": "git worktree add → first 200, in quick succession", "ms": percentiles(at_once)},
        {"what": "git worktree remove → first 404, in quick succession", "ms": percentiles(gone_at_once)},
        {"what": f"git worktree add → first 200, {many_there} worktrees", "ms": percentiles(many)},
        *({"what": f"of it: {name}", "ms": percentiles(values)} for name, values in parts.items()),
        {"what": "of it: load (Caddy)", "ms": percentiles(loads)},
    ]
    goals = [
        Goal("git worktree add → first 200, ms, p50", whole["median"], 40),
        Goal("git worktree add → first 200, ms, p99", whole["p99"], 150),
        Goal(f"git worktree add → first 200 with {many_there} worktrees, ms, p50", percentiles(many)["median"], 80),
    ]
    note = (f"{LIVE} worktrees; from the end of the git command, whose first event comes before that; "
            f"a second apart, or {AT_ONCE} as fast as they can and then a rest")  # fmt: skip
    return Result(rows, goals, [note])


def some_ports(times: int) -> dict[str, int]:
    """Return the ports of the branches that are added and removed."""
    return dict(zip((f"live/{n}" for n in range(times)), free_ports(times), strict=True))


def _some(ports: Mapping[str, int], first: int, end: int) -> dict[str, int]:
    return dict(islice(ports.items(), first, end))


def added_and_removed(
    router: Router, ports: Mapping[str, int], *, apart: float = 0.0
) -> tuple[list[float], list[float]]:
    """Return how long each branch's first 200 takes, and its first 404, in milliseconds, one after the other.

    `apart` are the seconds before each change. Without them there is a rest after every few: loads that follow each
    other all the time are held back.
    """
    progress(f"{len(ports)} worktrees, one after the other")
    appear, vanish = [], []
    for number, (branch, port) in enumerate(ports.items()):
        if not apart and number % AT_ONCE == 0:
            time.sleep(2 * AT_ONCE / LOADS_PER_SECOND if number else 0)
        with Upstream(branch, port):
            time.sleep(apart)
            path = router.add(branch)
            appear.append(_until(router, label(branch), 200))
            time.sleep(apart)
            router.git("worktree", "remove", "--force", path)
            vanish.append(_until(router, label(branch), 404))
    return appear, vanish


def _load(router: Router, n: int) -> float:
    loads = router.loads
    router.add(f"load/{n}")
    wait_until(lambda: router.loads > loads, what="a load")
    return float(router.seen()["caddy"]["last_load_ms"])


def _parts(router: Router, times: int) -> dict[str, list[float]]:
    """Time the watcher's own steps on the same repository, one by one, in this process."""
    progress(f"{times} times each step by itself")
    common = str(router.repository / ".git")
    listeners, memory, surveys = Listeners(), Memory(), Surveys()
    surveys.look([common])
    taken: dict[str, list[float]] = {}
    for n in range(times + 1):  # the first one warms up
        steps = {"git": _timed(lambda n=n: router.add(f"parts/{n}"))[0], "event": _event(router, f"event/{n}")}
        steps["look (what has changed)"], found = _timed(lambda: surveys.look([common]).repositories)
        steps["look (the whole, every 25 s)"], _ = _timed(lambda: survey.repositories([common]))
        steps["look (sockets)"], heard = _timed(lambda found=found: listeners.scan(survey.roots(found)))
        observed = survey.observed(found, heard, reserved=frozenset())
        steps["plan"], planned = _timed(lambda observed=observed, memory=memory: plan(observed, memory))
        memory = planned.memory
        steps["render"], _ = _timed(
            lambda table=planned.table: caddyfile.render(table, SITE, templates=assets.templates())
        )
        if n:
            for name, milliseconds in steps.items():
                taken.setdefault(name, []).append(milliseconds)
    return {"git worktree add itself (before)": taken.pop("git"), **taken}


def _event(router: Router, branch: str) -> float:
    """Return how long after git began to make a worktree the first event of it was here."""
    came: list[float] = []
    watch = Watch(lambda: came.append(time.perf_counter()))
    watch.start()
    try:
        watch.follow([str(router.repository / ".git"), str(router.repository / ".git/worktrees")])
        started = time.perf_counter()
        router.add(branch)
        wait_until(lambda: came, what="an event", pause=0.001)
        return (came[0] - started) * 1000
    finally:
        watch.close()


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    value = work()
    return (time.perf_counter() - started) * 1000, value


def _until(router: Router, name: str, status: int) -> float:
    """Return how long it takes, in milliseconds, until a host answers with a status."""
    started = time.perf_counter()
    while _answered(router, name) != status:
        if time.perf_counter() - started > 10:
            raise TimeoutError(f"{name} is not {status}")
        time.sleep(0.001)
    return (time.perf_counter() - started) * 1000


def _answered(router: Router, name: str) -> int:
    try:
        return router.get(name).status_code
    except (OSError, http.client.HTTPException):  # reset by the reload that is measured
        return 0

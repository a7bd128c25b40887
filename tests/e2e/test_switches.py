"""After `git switch` the host of before answers for a quarter of an hour, through restarts, and is nobody else's."""

import signal
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from router.naming import hash3
from router.remembered import RememberedWorktree
from router.routes.gone import RESERVED
from router.store import Store
from router.text import clock
from tests.e2e.routers import Json, Router, fresh, wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture
def before(router: Router) -> str:
    """The label of a worktree with a server, which the router knows."""
    label = fresh("before")
    router.add(label)
    router.detach()
    started(router, path(router, label), label)
    return label


def path(router: Router, label: str) -> Path:
    return router.directory / f"shop.{label}"


def started(router: Router, worktree: Path, page: str) -> None:
    """Start a server in a worktree on the port that it was assigned, and wait until its host answers."""
    router.serve(worktree, page, router.routed(worktree)["services"]["web"]["port"])
    wait_until(lambda: router.web(worktree).get("up"), what=f"{worktree} up")


def switched(router: Router, worktree: Path) -> str:
    """Switch a worktree to a new branch and return its new label."""
    branch = fresh("now")
    router.git("switch", "--quiet", "-c", branch, cwd=worktree)
    router.label(worktree, branch)
    return branch


def former(router: Router, worktree: Path) -> list[Json]:
    """Return the former names of a worktree as the status has them."""
    return list((router.at(worktree) or {}).get("former", []))


def a_quarter_of_an_hour_passes(router: Router) -> None:
    """Have every name that was lost have been lost a quarter of an hour earlier."""
    store = Store(router.state)
    with store.changing() as memory:
        store.remember(replace(memory, worktrees=tuple(map(_earlier, memory.worktrees))))


def _earlier(known: RememberedWorktree) -> RememberedWorktree:
    waits = known.waiting_since
    former = tuple(replace(each, since=each.since - RESERVED) for each in known.former)
    return replace(known, former=former, waiting_since=None if waits is None else waits - RESERVED)


def test_the_host_of_before_answers_as_it_did_and_its_end_is_shown(router: Router, before: str) -> None:
    worktree = path(router, before)
    now = switched(router, worktree)
    for host in (before, now):
        answer = wait_until(lambda host=host: router.get(host) if router.page(host) == before else None)  # type: ignore[misc]
        assert (answer.status_code, answer.headers["X-Worktree"]) == (200, now)
    [name] = former(router, worktree)
    until = datetime.fromisoformat(name["until"]).timestamp()
    assert name["name"] == before
    assert before in (router.at(worktree) or {})["aliases"]
    assert router.url(before) == f"http://{now}.localhost:{router.port}"
    [line] = [each for each in router.run("status").out.splitlines() if f"//{before}." in each]
    assert line.split()[-2:] == ["until", clock(until)]
    for asked in (f"http://{before}.localhost:{router.port}/", f"{before}.nonce", f"WT1.{before}.state"):
        said = router.run("explain", asked)
        assert (said.code, said.out.splitlines()[-1].rpartition(" ")[2]) == (0, clock(until)), said
    back = router.get("localhost", f"/auth/callback?code=c&state={before}.n")
    assert back.headers["Location"] == f"http://{before}.localhost:{router.port}/auth/callback?code=c&state={before}.n"


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_restart_of_the_watcher_changes_nothing_of_that(router: Router, before: str, how: str) -> None:
    worktree = path(router, before)
    now = switched(router, worktree)
    known = former(router, worktree)
    if how == "stopped":
        assert router.down().code == 0
    else:
        [watcher] = [each for each in router.processes() if each.pid == router.watcher_pid]
        watcher.send_signal(signal.SIGKILL)
        wait_until(lambda: not watcher.is_running(), what="the watcher killed")
    router.detach()
    router.label(worktree, now)
    assert former(router, worktree) == known
    assert known[0]["name"] == before
    wait_until(lambda: router.page(before) == before, what="the host of before answers")


def test_after_a_quarter_of_an_hour_its_page_links_to_the_new_host(router: Router, before: str) -> None:
    worktree = path(router, before)
    now = switched(router, worktree)
    a_quarter_of_an_hour_passes(router)
    wait_until(lambda: not former(router, worktree), what="the name has ended")
    page = wait_until(lambda: answer if (answer := router.get(before, "/a?b=c")).status_code == 404 else None)
    assert f"http://{now}.localhost:{router.port};" in page.text
    shown = router.get(before, "/a?b=c", headers={"Accept": "text/html"})
    assert shown.status_code == 404
    assert f'<a href="http://{now}.localhost:{router.port}/a?b=c">{now}</a>' in shown.text
    said = router.run("explain", f"http://{before}.localhost:{router.port}/")
    assert f"called {now} now" in said.out
    started(router, router.add(fresh("other")), "other")
    router.git("worktree", "add", "--quiet", path(router, "again"), before)
    assert router.routed(path(router, "again"))["name"] == before


def test_a_new_worktree_of_that_branch_has_the_suffix_until_then(router: Router, before: str) -> None:
    switched(router, path(router, before))
    router.git("worktree", "add", "--quiet", path(router, "again"), before)
    suffixed = f"{before}-{hash3(before)}"
    assert router.routed(path(router, "again"))["name"] == suffixed
    started(router, path(router, "again"), "again")
    assert (router.page(before), router.page(suffixed)) == (before, "again")
    assert router.url(before) == f"http://{suffixed}.localhost:{router.port}"  # it has the branch
    a_quarter_of_an_hour_passes(router)
    router.label(path(router, "again"), before)
    wait_until(lambda: router.page(before) == "again", what="the natural name")
    assert router.page(suffixed) == "again"


def test_switching_back_gives_the_name_back(router: Router, before: str) -> None:
    worktree = path(router, before)
    now = switched(router, worktree)
    router.git("switch", "--quiet", before, cwd=worktree)
    router.label(worktree, before)
    assert [each["name"] for each in former(router, worktree)] == [now]
    for host in (before, now):
        wait_until(lambda host=host: router.page(host) == before, what=f"{host} answers")  # type: ignore[misc]

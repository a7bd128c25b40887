"""The project of a framework in two worktrees, each started by `router run` and looked at in a real Chromium."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import psutil

from tests.e2e.routers import Router, fresh, wait_until
from tests.e2e.test_run import port, run
from tests.e2e.test_servers import replace, up
from tests.matrix.projects import Kind, Project, Update

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request, WebSocket

QUIET = {
    "BROWSER": "none", "npm_config_update_notifier": "false", "NG_CLI_ANALYTICS": "false",
    "NEXT_TELEMETRY_DISABLED": "1", "TURBO_TELEMETRY_DISABLED": "1",
    "STORYBOOK_DISABLE_TELEMETRY": "1", "ASTRO_TELEMETRY_DISABLED": "1", "NUXT_TELEMETRY_DISABLED": "1",
    "WRANGLER_SEND_METRICS": "false",
}  # fmt: skip
SLOW = 180.0  # seconds to compile a first page on a busy machine
_QUIET = 0.5  # seconds in which a page whose requests were all answered asks for nothing more
_STREAM = 30.0  # and in which one with an open request does not: Next streams, and nothing ends that


@dataclass(frozen=True)
class Installed:
    """Where a project's packages are: a directory with `node_modules`, or with programs for PATH."""

    modules: Path | None = None
    programs: Path | None = None

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which they are found."""
        path = os.environ["PATH"]
        return {**QUIET, "PATH": f"{self.programs}:{path}" if self.programs else path}


@dataclass(frozen=True)
class Seen:
    """What was seen of a framework: how many sockets of pages lived on, of how many, and each `web`'s program.

    `direct` is how many of them were opened to the server's own port, past the router.
    """

    lived: int
    sockets: int
    direct: int
    programs: frozenset[str]


@dataclass
class Tab:
    """A page of a worktree in Chromium, the websockets that it has opened, and those that something came through.

    `asks` are the requests that are open, `last` is when one was begun or ended, on the monotonic clock.
    """

    page: "Page"
    name: str
    path: Path
    sockets: list["WebSocket"] = field(default_factory=list)
    heard: set["WebSocket"] = field(default_factory=set)
    asks: list[str] = field(default_factory=list)
    last: float = 0.0

    def begun(self, request: "Request") -> None:
        """Remember what the page asks for, and when."""
        self.asks.append(request.url)
        self.last = monotonic()

    def ended(self, request: "Request") -> None:
        """Forget what has come, or was cut off."""
        with contextlib.suppress(ValueError):  # of the page before
            self.asks.remove(request.url)
        self.last = monotonic()

    def note(self, websocket: "WebSocket") -> None:
        """Remember a websocket; playwright takes no built-in function for that."""
        self.sockets.append(websocket)
        websocket.on("framereceived", lambda _: self.heard.add(websocket))

    @property
    def open(self) -> list["WebSocket"]:
        """The websockets that are open."""
        return [each for each in self.sockets if not each.is_closed()]

    def headings(self) -> set[str]:
        """Return the text of every `h1`, of frames too; a page that is just being left has none."""
        from playwright.sync_api import Error

        with contextlib.suppress(Error):
            return {text.strip() for each in self.page.frames for text in each.locator("h1").all_text_contents()}
        return set()

    def connected(self) -> None:
        """Wait until the server has said something through a socket, and all that the page asked for has come.

        What is written before is not told to it.
        """
        wait_until(lambda: self.headings() and self.heard & set(self.open), limit=SLOW, pause=0.1,
                   what=f"a socket of {self.page.url}: {self.sockets}")  # fmt: skip
        wait_until(self._quiet, limit=SLOW, pause=0.1, what=f"{self.page.url} still asks: {self.asks}")

    def _quiet(self) -> bool:
        """Tell whether all that the page asked for has come; what is open for long is a stream, and never ends."""
        self.headings()  # without a call of its own playwright hears nothing
        pause = monotonic() - self.last
        return pause > (_STREAM if self.asks else _QUIET)

    def wait(self, text: str, *, ask: bool = False) -> None:
        """Wait until the page shows a text; with `ask` it is asked for again and again."""
        wait_until(lambda: (ask and self._ask()) or text in self.headings(), limit=SLOW, pause=0.1,
                   what=f"{text} at {self.page.url}: {self.headings()}")  # fmt: skip

    def _ask(self) -> None:
        """Ask for the page again; a server that starts again may cut it."""
        from playwright.sync_api import Error

        with contextlib.suppress(Error):
            self.page.reload(wait_until="commit")


def add(router: Router, project: Project, installed: Installed, *, name: str = "") -> Path:
    """Add a worktree with the project, its page called after the worktree; return its path."""
    name = name or fresh("matrix")
    path = router.add(name)
    for file, text in project.files.items():
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        (path / file).write_text(text.replace("NAME", name))
    if project.kind is Kind.NODE and installed.modules:
        package = {"private": True, "type": "module", "scripts": {"dev": project.script}}
        names = {each[0] + each[1:].partition("@")[0]: "*" for each in project.packages}
        (path / "package.json").write_text(json.dumps({**package, "dependencies": names}))
        link_modules(installed.modules, path)
    return path


def link_modules(installed: Path, path: Path) -> None:
    """Put installed packages into a worktree: linked file by file, as frameworks resolve a linked directory."""
    shutil.copytree(installed / "node_modules", path / "node_modules", symlinks=True, copy_function=_linked)


def command(project: Project) -> tuple[str, ...]:
    """Return what a user types to start the project."""
    return ("npm", "run", "dev") if project.kind is Kind.NODE else tuple(project.script.split())


def look(browser: "Browser", router: Router, project: Project, installed: Installed) -> Seen:
    """Start a project in two worktrees and look at both: AssertionError where anything is not as it has to be.

    Each page is its worktree's, on its worktree's port, from the process that was started there, which is `web`. What
    is written into a file is shown, also after five worktrees were added, which closes none of the pages' sockets.
    """
    paths = {name: add(router, project, installed, name=name) for name in (fresh("one"), fresh("two"))}
    with contextlib.ExitStack() as stack:
        pids = {name: stack.enter_context(running(router, path, command(project), installed.environ))
                for name, path in paths.items()}  # fmt: skip
        programs = frozenset(own_web(router, paths[name], pid) for name, pid in pids.items())
        tabs = [stack.enter_context(opened(browser, router, name, path)) for name, path in paths.items()]
        for tab in tabs:
            if project.update is not Update.WHEN_ASKED:
                tab.connected()
            _edit(tab, project, "edited")
            if project.update is not Update.WHEN_ASKED:
                tab.connected()  # again, where the edit loaded the page again
        before = [_own_sockets(router, tab, project) for tab in tabs]
        for _ in range(5):
            router.routed(router.add(fresh("extra")))
        for tab in tabs:
            tab.page.evaluate("window.marked = true")  # and playwright hears of sockets that were closed
        lived = sum(not each.is_closed() for sockets in before for each in sockets)
        assert lived == sum(map(len, before)), "a socket was closed"
        for tab in tabs:
            _edit(tab, project, "edited again")
            stays = bool(tab.page.evaluate("window.marked"))
            assert stays is (project.update is Update.IN_PLACE), f"{project.update}: {stays}"
            wait_until(lambda at=tab.path: up_services(router, at) == {"web"}, what=f"only web: {router.at(tab.path)}")
        direct = sum(_host(each) in _direct(router, tab) for tab in tabs for each in tab.open)
        return Seen(lived, sum(map(len, before)), direct, programs)


@contextlib.contextmanager
def running(router: Router, path: Path, words: Sequence[str], environ: Mapping[str, str]) -> Iterator[int]:
    """Run a command by `router run` until the block ends, and end all that it started: Nuxt outlives its parent."""
    below: list[psutil.Process] = []
    with run(router, path, "--", *words, **environ) as pid:
        try:
            yield pid
        finally:
            with contextlib.suppress(psutil.Error):
                below = psutil.Process(pid).children(recursive=True)
    for process in psutil.wait_procs(below, timeout=20)[1]:
        process.kill()


def _edit(tab: Tab, project: Project, text: str) -> None:
    """Write another text into the project's file, and wait until the page shows it."""
    file, asked = tab.path / project.edited, project.update is Update.WHEN_ASKED
    shown = next(each for each in (f"{tab.name} edited", tab.name) if each in file.read_text())
    if asked:  # in place: `node --watch` of Node 20 loses a file that another one takes the place of
        file.write_text(file.read_text().replace(shown, f"{tab.name} {text}"))
    else:
        replace(file, shown, f"{tab.name} {text}")
    tab.wait(f"{tab.name} {text}", ask=asked)


def own_web(router: Router, path: Path, pid: int) -> str:
    """Wait until `web` is up on its worktree's port, from the process that was started; return its program."""
    number = port(router, path)
    web = up(router, path, number, limit=SLOW)
    assert pid in {web["pid"], *(each.pid for each in psutil.Process(web["pid"]).parents())}
    return str(web["program"])


def up_services(router: Router, path: Path) -> set[str]:
    """Return the services of a worktree that are up."""
    return {name for name, each in (router.at(path) or {"services": {}})["services"].items() if each["up"]}


@contextlib.contextmanager
def opened(browser: "Browser", router: Router, name: str, path: Path) -> Iterator[Tab]:
    """Open a worktree's page until the block ends."""
    tab = Tab(browser.new_page(), name, path)
    tab.page.on("websocket", tab.note)
    tab.page.on("request", tab.begun)
    tab.page.on("requestfinished", tab.ended)
    tab.page.on("requestfailed", tab.ended)
    try:
        tab.page.goto(f"http://{name}.localhost:{router.port}/", timeout=SLOW * 1000, wait_until="commit")
        tab.wait(name)
        yield tab
    finally:
        tab.page.close()


def _own_sockets(router: Router, tab: Tab, project: Project) -> list["WebSocket"]:
    """Return a page's open sockets: each leads to its worktree's server, and what updates by itself has one."""
    own = {f"{tab.name}.localhost:{router.port}", *_direct(router, tab)}
    assert {_host(each) for each in tab.open} <= own, tab.sockets
    assert tab.open or project.update is Update.WHEN_ASKED
    return tab.open


def _direct(router: Router, tab: Tab) -> set[str]:
    """Return the hosts of a worktree's own port, which some clients know."""
    number = port(router, tab.path)
    return {f"{tab.name}.localhost:{number}", f"localhost:{number}", f"127.0.0.1:{number}"}


def _host(websocket: "WebSocket") -> str:
    return str(websocket.url).split("/")[2]


def _linked(source: str, target: str) -> None:
    """Link a file, or copy it to another file system."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)

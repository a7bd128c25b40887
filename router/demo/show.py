"""`router demo`: everything on a throw-away repository, what to try with it, and what changes meanwhile."""

import contextlib
import os
import shlex
import shutil
import sys
import webbrowser
from collections.abc import Callable

from router.demo.scenario import BRANCHES, CART, LOGIN, MAIN, Demo, free_port, usable_port

_NEW = "feature/pay"
_SOURCES = {MAIN: "the hash of its branch", CART: "from its .env.local", LOGIN: "found by its working directory"}
_CHANGES = ("+ ", "- ", "~ ", "error: ")  # how the lines of `router up` begin that tell what has changed
_TOLD = """
Everything is in {directory} and goes with Ctrl-C.

  dashboard     {dashboard}
{worktrees}

Try, with the dashboard in view:

  Sign in on two worktrees at once, and choose the users in any order. One redirect URI serves both:
    {cart}/login
    {login}/login

  Make a worktree. Its page says what it waits for, and becomes the app:
    git -C {repository} worktree add ../{new} -b {branch}
    cd {new_folder} && {python} app.py

  Kill a server, look at its page, and start it on another port:
    kill {pid}
    cd {login_folder} && {python} app.py {port}

  Ask the router:
    export {environment}
    {router} status
"""


def show(port: int, *, browse: bool, say: Callable[[str], None]) -> None:
    """Run the demo until a signal ends it: `say` what to try, then each change of a route."""
    with Demo(usable_port(port, say)) as demo, contextlib.suppress(KeyboardInterrupt):
        demo.make()
        demo.begin()
        say(_told(demo))
        if browse and _has_browser():
            webbrowser.open(demo.settings.origin)
        known = len(demo.said("router"))
        while True:
            demo.pause(0.2)
            news, _, _ = demo.said("router")[known:].rpartition("\n")
            known += len(news)
            for line in filter(lambda line: line.startswith(_CHANGES), news.splitlines()):
                say(line)


def _told(demo: Demo) -> str:
    """Return what there is and what to try, in addresses and commands that work as they stand."""
    width = max(len(demo.url(branch)) for branch in BRANCHES)
    worktrees = [f"  {b:13} {demo.url(b):{width}}  port {demo.web(b)['port']}, {_SOURCES[b]}" for b in BRANCHES]
    python = shlex.quote(sys.executable)
    return _TOLD.format(
        directory=demo.directory,
        dashboard=demo.settings.origin,
        worktrees="\n".join(worktrees),
        cart=demo.url(CART),
        login=demo.url(LOGIN),
        repository=shlex.quote(str(demo.repository)),
        branch=_NEW,
        new=demo.folder(_NEW).name,
        new_folder=shlex.quote(str(demo.folder(_NEW))),
        python=python,
        pid=demo.web(LOGIN)["pid"],
        login_folder=shlex.quote(str(demo.folder(LOGIN))),
        port=free_port(),
        environment=f"ROUTER_STATE_DIR={shlex.quote(str(demo.store.directory))} ROUTER_PORT={demo.port}",
        router="router" if shutil.which("router") else f"{python} -m router",
    )


def _has_browser() -> bool:
    """Tell whether there is a browser with a window: one in the terminal would take the place of what is told."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))

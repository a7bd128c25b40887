"""`router demo`: prints what to try on a throw-away repository, then each change of its routes."""

import contextlib
import os
import shlex
import shutil
import sys
import webbrowser
from collections.abc import Callable

from router.demo.scenario import BRANCHES, CART, LOGIN, MAIN, Demo, free_port, usable_port

_NEW = "feature/pay"
_SOURCES = {MAIN: "its default", CART: "from its .env.local", LOGIN: "found by the directory of its server"}
_CHANGES = ("+ ", "- ", "~ ", "error: ")  # how those lines of `router up` begin that report a change
_GUIDE = """
Everything is in {directory}. Ctrl-C removes it.

  dashboard     {dashboard}
{worktrees}

Try, with the dashboard in view:

  Sign in on two worktrees at once, and choose the users in any order. One redirect URI serves both:
    {cart}/login
    {login}/login

  Add a worktree. Its page says what it waits for, and turns into the app:
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
    """Run the demo until a signal ends it: `say` what to try, then each change of the routes."""
    with Demo(usable_port(port, say)) as demo, contextlib.suppress(KeyboardInterrupt):
        demo.create()
        demo.start()
        say(_guide(demo))
        if browse and _has_browser():
            webbrowser.open(demo.settings.origin)
        position = len(demo.output("router"))
        while True:
            demo.pause(0.2)
            news, _, _ = demo.output("router")[position:].rpartition("\n")
            position += len(news)
            for line in filter(lambda line: line.startswith(_CHANGES), news.splitlines()):
                say(line)


def _guide(demo: Demo) -> str:
    """Return what there is and what to try; its addresses and commands can be pasted as they are."""
    width = max(len(demo.url(branch)) for branch in BRANCHES)
    worktrees = [f"  {b:13} {demo.url(b):{width}}  port {demo.web(b)['port']}, {_SOURCES[b]}" for b in BRANCHES]
    python = shlex.quote(sys.executable)
    return _GUIDE.format(
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
    """Tell whether there is a browser with a window: one in the terminal would hide the guide."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))

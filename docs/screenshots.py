"""Takes the pictures of the README: every page, light and dark, from a real Caddy and a real Chromium.

Run it from the checkout: `python -m docs.screenshots`. It writes docs/screenshots/<page>-<scheme>.png.
"""

import json
import tempfile
import time
from pathlib import Path

from router.route_table import RouteTable
from tests.e2e import statuses
from tests.e2e.browsers import chromium
from tests.e2e.caddies import running
from tests.fakes import route, service, table

FOLDER = Path(__file__).parent / "screenshots"
PAGES = {
    "dashboard": ("localhost", "/"),
    "starting": ("checkout-redesign.localhost", "/"),
    "unknown": ("checkout-redesing.localhost", "/cart?step=2"),
    "chooser": ("localhost", "/auth/callback?code=c0de&state=of-no-worktree"),
}
DIRECTORY = "/home/me/shop.checkout-redesign"
FACTS = {
    "directory": DIRECTORY, "command": f"cd {DIRECTORY} && router run -- npm run dev", "program": "vite",
    "resources": [{"name": "db", "state": "making", "since": time.time(), "problem": None}],
}  # fmt: skip


def routes() -> RouteTable:
    """Return the route table behind the pictures."""
    names = ("main", "checkout-redesign", "fix-login-loop", "upgrade-vite", "docs")
    return table(*(route(name, service("web", 14315, source="mise:.mise.local.toml", up=False)) for name in names))


def status() -> statuses.Json:
    """Return what the dashboard shows: servers up and down, ports from everywhere, one problem with its hint."""

    def tree(label: str, branch: str, web: statuses.Json, api: statuses.Json, **rest: object) -> statuses.Json:
        services = {"web": statuses.service("web", label, **web), "api": statuses.service("api", label, **api)}
        return statuses.worktree(label, branch=branch, services=services, **rest)

    down = {"up": False, "pid": None, "program": None}
    moved = {
        "kind": "moved-port", "service": "web", "severity": "warning",
        "message": "the server listens on 5174, .env.local says 5173",
        "hint": "stop what holds 5173, or change .env.local",
    }  # fmt: skip
    return statuses.status(
        tree("main", "main", {"number": 3000, "source": "listener", "address": "::1", "pid": 4021},
             {"number": 8000, "source": "env:.env.local", "pid": 4077, "program": "python"},
             main=True, path="/home/me/shop"),
        tree("checkout-redesign", "feature/checkout-redesign",
             {"number": 14315, "source": "mise:.mise.local.toml", **down},
             {"number": 13315, "pid": 5210, "program": "python"}, aliases=["checkout"]),
        tree("fix-login-loop", "fix/login-loop", {"number": 5174, "source": "listener", "pid": 6113, "program": "vite"},
             {"number": 13872, **down}, problems=[moved]),
        tree("upgrade-vite", "dependabot/npm_and_yarn/vite-8.1.0", {"number": 14650, "pid": 7001, "program": "vite"},
             {"number": 13650, "pid": 7040, "program": "python"}),
        statuses.worktree("docs", repository="handbook", path="/home/me/handbook", main=True, branch="main", services={
            "web": statuses.service("web", "docs", 18080, source="container:handbook-web-1", pid=None, program=None)}),
    )  # fmt: skip


def looks(value: statuses.Json) -> statuses.Json:
    """Return what a watcher looks up while the dashboard is open."""
    now = time.time()
    told = [
        ("Keep the cart when the session ends", 7_200, False, ["VS Code"]),
        ("Show the total before the address", 540, True, ["Claude Code"]),
        ("Follow no redirect twice", 3_000, True, ["Codex"]),
        ("Bump vite to 8.1.0", 86_400, False, []), ("Say how to sign in", 200_000, False, ["shell"]),
    ]  # fmt: skip
    return {"worktrees": {
        tree["path"]: {"commit": {"subject": subject, "time": now - age}, "dirty": dirty, "seats": seats,
                       "since": {"web": now - age}, "processes": []}
        for tree, (subject, age, dirty, seats) in zip(value["worktrees"], told, strict=True)
    }}  # fmt: skip


def memory(value: statuses.Json) -> statuses.Json:
    """Return the memory of the worktrees of the pictures."""
    used = {tree["path"]: {"bytes": 310_000_000 * (i + 1), "reclaimable": 0, "shown": {}}
            for i, tree in enumerate(value["worktrees"])}  # fmt: skip
    return {"memory": {"bytes": sum(each["bytes"] for each in used.values())}, "worktrees": used}


def main() -> None:
    """Write the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running(routes(), Path(folder)) as caddy, chromium() as browser:
        statuses.write(Path(folder), status())
        seen = Path(folder) / "services"
        seen.mkdir()
        (seen / "checkout-redesign.json").write_text(json.dumps(FACTS))
        for scheme in ("light", "dark"):
            for name, (host, path) in PAGES.items():
                height, width = (420, 1540) if name == "dashboard" else (760, 860)
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                page = context.new_page()
                page.route("**/.router/worktrees.json", lambda asked: asked.fulfill(json=looks(status())))
                page.route("**/.router/memory.json", lambda asked: asked.fulfill(json=memory(status())))
                page.goto(f"http://{host}:{caddy.site.port}{path}")
                page.wait_for_timeout(3000)
                page.screenshot(path=FOLDER / f"{name}-{scheme}.png")
                context.close()


if __name__ == "__main__":
    main()

"""What a listening server is, by what it answered and what it is called: pages, an API, a tool's, or no server."""

import re
from pathlib import PurePath
from typing import Literal

from router.model import Listener, Worktree
from router.naming import label, names_nothing
from router.ports import NOT_DEV_PORTS

Kind = Literal["html", "unclear", "http", "upgrade", "silent", "inspector", "other", "closed", "awaited"]
"""What a server answered: pages; HTTP, perhaps with pages; HTTP without; websockets alone; nothing; a debugger's
answer; no HTTP; not a byte. `awaited` is one whose first answer has not come yet."""

AWAITED = "awaited"
_RANKS: dict[str | None, int] = {"html": 0, "unclear": 0, "http": 1, "upgrade": 2, "silent": 3, None: 3}
SPEAKS_HTTP = frozenset({"html", "unclear", "http"})
_PAGES = {
    "angular": ("ng", "ng.js"), "astro": ("astro", "astro.js", "astro.mjs"), "eleventy": ("eleventy",),
    "gatsby": ("gatsby",), "next": ("next", "next-server", "next-router-worker"), "nuxt": ("nuxt", "nuxi", "nuxt.mjs"),
    "parcel": ("parcel",), "react-router": ("react-router",), "react-scripts": ("react-scripts",),
    "remix": ("remix", "remix-serve"), "rsbuild": ("rsbuild",), "vite": ("vite", "vite.js"),
    "vue-cli": ("vue-cli-service",), "webpack": ("webpack", "webpack-dev-server", "webpack-cli"),
}  # fmt: skip
_BOTH = {
    "django": ("manage.py", "django", "django-admin"), "flask": ("flask",), "laravel": ("artisan",),
    "phoenix": ("beam.smp",), "rails": ("rails", "puma"),
}  # fmt: skip
_APIS = {
    "fastapi": ("fastapi",), "gunicorn": ("gunicorn",), "hypercorn": ("hypercorn",), "nest": ("nest",),
    "uvicorn": ("uvicorn",), "wrangler": ("wrangler",),
}  # fmt: skip
_TOOLS = {
    "adminer": ("adminer",), "cypress": ("cypress",), "drizzle-studio": ("drizzle-kit",), "flower": ("flower",),
    "histoire": ("histoire",), "inngest": ("inngest", "inngest-cli"), "jupyter": ("jupyter", "jupyter-lab"),
    "ladle": ("ladle",), "mail": ("mailpit", "MailHog", "maildev", "mailcatcher", "mailcrab"), "mkdocs": ("mkdocs",),
    "ngrok": ("ngrok",), "playwright": ("playwright",), "prisma-studio": ("prisma",), "sphinx": ("sphinx-autobuild",),
    "storybook": ("storybook", "start-storybook", "sb"), "vitepress": ("vitepress",), "vitest": ("vitest",),
}  # fmt: skip
_BACKENDS = {**_BOTH, **_APIS}
_FRAMEWORKS = {p: name for table in (_PAGES, _BACKENDS, _TOOLS) for name, each in table.items() for p in each}
# A text, as few commands need it: `re` compiles it when it is first used
_NO_SERVERS = (
    r".*(?:language-?server|langserver|-lsp|_ls)(?:[-.].*)?|debugpy|dlv|lldb-.*|gdbserver|jdtls|gopls|rust-analyzer|pylsp"
    r"|postgres|postmaster|mysqld|mariadbd|redis-server|valkey-server|memcached|mongod|beam_pg|epmd"
)
"""Programs of debuggers, language servers and databases: whatever they answer, a browser gets nothing from them."""
_WEB_FOLDERS = frozenset({"web", "www", "frontend", "front", "client", "ui", "site"})
_API_FOLDERS = frozenset({"api", "backend", "back", "server"})
_GROUPS = frozenset({"apps", "packages", "services"})


def may_serve(listener: Listener, reserved: frozenset[int]) -> bool:
    """Tell whether a listener may be a service at all: no debugger, database, socket of a tool, or port for these."""
    if listener.port in NOT_DEV_PORTS or listener.port in reserved:
        return False
    return listener.serves in (*_RANKS, AWAITED) and not re.fullmatch(_NO_SERVERS, listener.program or "")


def framework(program: str | None) -> str | None:
    """Return the framework whose server a program is, None where that is not known."""
    return _FRAMEWORKS.get(program or "")


def is_tool(program: str | None) -> bool:
    """Tell whether a program's pages are about a project, and not the project's own: Storybook, a database browser."""
    return framework(program) in _TOOLS


def as_web(listener: Listener, root: str) -> tuple[int, ...]:
    """Return how well a server would do as `web`, the best lowest: by its answer, its program, its package.

    `root` is the path of its worktree. Whether an unclear answer is a page counts last: that can be asked.
    """
    folder, name = _folder(listener, root), framework(listener.program)
    place = 0 if folder in _WEB_FOLDERS else 2 if folder in _API_FOLDERS else 1
    main = 0 if name in _PAGES else 2 if name in _APIS else 1
    return (rank(listener), int(name in _TOOLS), place, main, int(listener.serves == "unclear"))


def as_api(listener: Listener, root: str) -> tuple[int, ...]:
    """Return the same for `api`: by its package, its program, its pages, of which an API has none."""
    place = 0 if _folder(listener, root) in _API_FOLDERS else 1
    main = 0 if framework(listener.program) in _BACKENDS else 1
    return (place, main, int(listener.serves == "html"))


def may_be_api(listener: Listener, root: str) -> bool:
    """Tell whether a server that is not `web` may be `api`: it speaks HTTP, and its pages are not what it is for."""
    if listener.serves not in SPEAKS_HTTP or is_tool(listener.program):
        return False
    backend = framework(listener.program) in _BACKENDS or _folder(listener, root) in _API_FOLDERS
    return listener.serves != "html" or backend


def rank(listener: Listener) -> int:
    """Return how well a server answers a browser, the best lowest: HTML, HTTP, websockets alone, silence."""
    return _RANKS[listener.serves]


def called(listener: Listener, worktree: Worktree) -> str:
    """Return what a server is called as a service of its own: by its package, else by its program."""
    program = (listener.program or "").removesuffix(".py").removesuffix(".js").removesuffix(".mjs")
    for name in (_folder(listener, worktree.path), framework(listener.program) or program, "server"):
        if name and not names_nothing(name):
            return label(name)
    raise AssertionError("`server` is a name")


def _folder(listener: Listener, root: str) -> str:
    """Return the package of its worktree that a server works in, empty where it works in none."""
    if not listener.directory:
        return ""
    place, top = PurePath(listener.directory), PurePath(root)
    parts = (*(place.relative_to(top).parts if place.is_relative_to(top) else ()), "", "")
    return parts[1] if parts[0] in _GROUPS else parts[0]

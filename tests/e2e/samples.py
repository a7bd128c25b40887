"""Ten repositories as people have them, monorepos among them, without a line of configuration for the router.

In their files NAME stands for the checkout's label, WEB_PORT and API_PORT for the ports that the repository fixes.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.test_servers import HERE

BIN = HERE / "node_modules" / ".bin"
PYTHON = Path(sys.executable)


@dataclass(frozen=True)
class Sample:
    """A repository: its files, what its generator makes first, and what is typed, by the directory it is typed in.

    What is typed of a port is typed in the main checkout alone: `router run` leaves such a port as it is.
    Its page has NAME as an `h1`; with `api` its api answers NAME as JSON. `node` tells one that needs Node.
    """

    files: Mapping[str, str]
    typed: tuple[tuple[str, str], ...]
    api: bool = False
    node: bool = True
    generate: Callable[[Path], None] = field(default=lambda path: None)


def _json(**content: object) -> str:
    return json.dumps({"private": True, "type": "module", **content})


def _create_vite(path: Path) -> None:
    create = [BIN / "create-vite", path.name, "--template", "vanilla", "--no-interactive", "--overwrite"]
    subprocess.run(create, cwd=path.parent, stdin=subprocess.DEVNULL, check=True, capture_output=True)
    page = path / "index.html"
    page.write_text(page.read_text().replace("<body>", "<body><h1>NAME</h1>"))


def _startproject(path: Path) -> None:
    subprocess.run([PYTHON, "-m", "django", "startproject", "shop", path], check=True)


HTML = "<!doctype html><title>shop</title><h1>NAME</h1><script type=module src=/main.js></script>"
VITE_CONFIG = "export default {server: {port: WEB_PORT, strictPort: true}}"
VITE = {"index.html": HTML, "main.js": "import.meta.hot.accept()", "vite.config.js": VITE_CONFIG}
EXPRESS_API = """import express from "express";
express().get("/", (_, answer) => answer.json({name: "NAME"})).listen(process.env.PORT || API_PORT);
"""
EXPRESS_PAGES = """import express from "express";
express().get("/", (_, answer) => answer.send("<h1>NAME</h1>")).listen(process.env.PORT || WEB_PORT);
"""
FASTAPI_API = "from fastapi import FastAPI\napp = FastAPI()\napp.get('/')(lambda: {'name': 'NAME'})\n"
FASTAPI_PAGES = """from fastapi import FastAPI
from fastapi.responses import HTMLResponse
app = FastAPI()
app.get("/", response_class=HTMLResponse)(lambda: "<h1>NAME</h1>")
"""
FLASK = "import flask\napp = flask.Flask('app')\napp.get('/')(lambda: '<h1>NAME</h1>')\n"
PROCFILE = """web: flask run --port ${PORT:-WEB_PORT}
api: cd api && uvicorn main:app --port ${PORT:-API_PORT}
"""
DJANGO = """from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("<h1>NAME</h1>"))]
"""
NEXT = {
    "package.json": _json(scripts={"dev": "next dev -p WEB_PORT"}),
    "app/page.js": "export default function Page() { return <h1>NAME</h1> }",
    "app/layout.js": "export default ({children}) => <html><body>{children}</body></html>",
}


def _below(folder: str, files: Mapping[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": text for name, text in files.items()}


WORKSPACES = {
    **_below("apps/web", {**VITE, "package.json": _json(name="web", scripts={"dev": "vite"})}),
    "apps/api/package.json": _json(name="api", scripts={"dev": "node server.js"}),
    "apps/api/server.js": EXPRESS_API,
}
ROOT = {"name": "shop", "workspaces": ["apps/*"]}
LINKS = {f"node_modules/{name}": {"resolved": f"apps/{name}", "link": True} for name in ("web", "api")}
LOCK = {"lockfileVersion": 3, "packages": {"": {"workspaces": ["apps/*"]}, "apps/web": {}, "apps/api": {}, **LINKS}}
SAMPLES = {
    "npm create vite": Sample({"vite.config.js": VITE_CONFIG}, (("", "npm run dev"),), generate=_create_vite),
    "Next": Sample(NEXT, (("", "npm run dev"),)),
    "Express": Sample({
        "package.json": _json(scripts={"start": "node server.js"}), "server.js": EXPRESS_PAGES}, (("", "npm start"),)),
    "Vite and an Express api in one script": Sample({
        **VITE, "package.json": _json(scripts={"dev": "node server.js & vite"}), "server.js": EXPRESS_API},
        (("", "npm run dev"),), api=True),
    "turbo": Sample({
        **WORKSPACES, "package.json": _json(packageManager="npm@11.0.0", **ROOT), "package-lock.json": json.dumps(LOCK),
        "turbo.json": json.dumps({"tasks": {"dev": {"persistent": True, "cache": False}}})},
        (("", "npx turbo dev"),), api=True),
    "workspaces of npm, two terminals": Sample({**WORKSPACES, "package.json": _json(**ROOT)},
        (("", "npm run dev --workspace web"), ("apps/api", "npm run dev")), api=True),
    "django-admin startproject": Sample({"shop/urls.py": DJANGO}, (("", "python manage.py runserver WEB_PORT"),),
        node=False, generate=_startproject),
    "FastAPI": Sample({"main.py": FASTAPI_PAGES}, (("", "fastapi dev --port WEB_PORT"),), node=False),
    "frontend and backend": Sample({
        **_below("frontend", {**VITE, "package.json": _json(scripts={"dev": "vite"})}),
        "backend/pyproject.toml": "[project]\nname = 'backend'\nversion = '1'\n", "backend/main.py": FASTAPI_API},
        (("frontend", "npm run dev"), ("backend", "uvicorn main:app --port API_PORT")), api=True),
    "Procfile": Sample({
        "app.py": FLASK, "api/main.py": FASTAPI_API,
        "Procfile": PROCFILE},
        (("", "honcho start"),), api=True, node=False),
}  # fmt: skip

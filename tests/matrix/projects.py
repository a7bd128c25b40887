"""The smallest project of each framework, with the command that starts it, most of them with another port fixed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

HTML = "<!doctype html><title>x</title><script type=module>1</script>"


class Update(StrEnum):
    """How an open page comes to what was written into a file."""

    IN_PLACE = "in place"
    BY_ITSELF = "the page reloads itself"
    WHEN_ASKED = "at the next request"


class Kind(StrEnum):
    """What installs a project's packages."""

    NODE = "npm"
    PYTHON = "pip"
    RUBY = "Debian"


@dataclass(frozen=True)
class Project:
    """A framework's project: what is installed for it (the first names the version), its files, its script.

    With `edited` its page has NAME as its only `h1`, which stands in that file, and `update` is how a browser comes to
    what is written there later.
    """

    packages: tuple[str, ...]
    script: str
    files: Mapping[str, str] = field(default_factory=dict)
    kind: Kind = Kind.NODE
    edited: str = ""
    update: Update = Update.IN_PLACE


def _vite(plugin: str, call: str) -> str:
    plugins = f'import {{{call}}} from "{plugin}"; export default {{plugins: [{call}()], '
    return f"{plugins}server: {{port: 5199, strictPort: true}}}}"


ROOT_ROUTE = (
    'import {Outlet, Scripts} from "react-router"; export default () => <html><body><Outlet/><Scripts/></body></html>'
)
ANGULAR = """{"version": 1, "projects": {"x": {"projectType": "application", "root": "", "sourceRoot": "src",
"architect": {"build": {"builder": "@angular/build:application", "options": {
"browser": "src/main.ts", "index": "src/index.html",
"tsConfig": "tsconfig.json"}}, "serve": {"builder": "@angular/build:dev-server", "options": {"buildTarget": "x:build",
"port": 4299}}}}}}"""
ANGULAR_MAIN = """import {Component, provideZonelessChangeDetection as zoneless} from "@angular/core";
import {bootstrapApplication} from "@angular/platform-browser";
@Component({selector: "x-app", template: "<h1>NAME</h1>"}) class App {}
bootstrapApplication(App, {providers: [zoneless()]});
"""
TYPESCRIPT = """{"compilerOptions": {"target": "ES2022", "module": "ES2022", "moduleResolution": "bundler"},
"files": ["src/main.ts"]}"""
DOCUSAURUS = "export default {title: 'x', url: 'http://x', baseUrl: '/', presets: [['classic', {}]]}"
WORKER = "export default {fetch() { return new Response('<h1>x</h1>', {headers: {'content-type': 'text/html'}}) }}"
EXPRESS = (
    "import express from 'express'; express().get('/', (_, a) => a.send('<h1>NAME</h1>')).listen(process.env.PORT)"
)
FASTAPI = """from fastapi import FastAPI
from fastapi.responses import HTMLResponse
app = FastAPI()
app.get("/", response_class=HTMLResponse)(lambda: "<h1>NAME</h1>")
"""
FLASK = "import flask\napp = flask.Flask('app')\napp.get('/')(lambda: '<h1>NAME</h1>')\n"
DJANGO = """import sys
from django.conf import settings
from django.core.management import execute_from_command_line
settings.configure(DEBUG=True, ROOT_URLCONF="pages", SECRET_KEY="x")
execute_from_command_line(sys.argv)
"""
DJANGO_PAGES = """from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("<h1>NAME</h1>"))]
"""
RAILS = {
    "bin/rails": 'APP_PATH = File.expand_path("../config/application", __dir__)\nrequire "rails/commands"\n',
    "config/environment.rb": 'require_relative "application"\nRails.application.initialize!\n',
    "config/routes.rb": 'Rails.application.routes.draw { root "pages#show" }\n',
    "config.ru": 'require_relative "config/environment"\nrun Rails.application\n',
    "config/application.rb": """require "rails"
require "action_controller/railtie"
class Shop < Rails::Application
  config.load_defaults 6.1
  config.eager_load = false
  config.cache_classes = false
  config.secret_key_base = "x"
end
""",
    "app/controllers/pages_controller.rb": """class PagesController < ActionController::Base
  def show
    render html: "<h1>NAME</h1>".html_safe
  end
end
""",
}
_ANGULAR = tuple(f"@angular/{name}@20" for name in
                 ("cli", "build", "core", "common", "compiler", "compiler-cli", "platform-browser"))  # fmt: skip
PROJECTS: Mapping[str, Project] = {
    "Vite": Project(("vite",), "vite", {
        "index.html": "<!doctype html><title>x</title><h1></h1><script type=module src=/main.js></script>",
        "main.js": 'document.querySelector("h1").textContent = "NAME"; import.meta.hot.accept()',
        "vite.config.js": "export default {server: {port: 5199, strictPort: true}}"}, edited="main.js"),
    "SvelteKit": Project(("@sveltejs/kit", "svelte", "vite", "@sveltejs/vite-plugin-svelte"), "vite dev --port 5199", {
        "vite.config.js": _vite("@sveltejs/kit/vite", "sveltekit"), "src/routes/+page.svelte": "<h1>NAME</h1>",
        "src/app.html": "<html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>"},
                         edited="src/routes/+page.svelte"),
    "Astro": Project(("astro",), "astro dev --port 4398", {
        "src/pages/index.astro": "<h1>NAME</h1>", "astro.config.mjs": "export default {server: {port: 4399}}"},
                     edited="src/pages/index.astro", update=Update.BY_ITSELF),
    "Nuxt": Project(("nuxt",), "nuxt dev --port 3998", {
        "app.vue": "<template><h1>NAME</h1></template>", "nuxt.config.mjs": "export default {devServer: {port: 3999}}"},
                    edited="app.vue"),
    "Next": Project(("next", "react", "react-dom"), "next dev -p 3999", {
        "app/page.js": "export default function Page() { return <h1>NAME</h1> }",
        "app/layout.js": "export default ({children}) => <html><body>{children}</body></html>"}, edited="app/page.js"),
    "React Router": Project(("@react-router/dev@7", "@react-router/node@7", "@react-router/serve@7", "react-router@7",
                             "react", "react-dom", "vite@7", "isbot"), "react-router dev", {
        "app/routes.ts": 'import {index} from "@react-router/dev/routes"; export default [index("home.jsx")];',
        "app/home.jsx": "export default () => <h1>x</h1>", "app/root.jsx": ROOT_ROUTE,
        "vite.config.js": _vite("@react-router/dev/vite", "reactRouter")}),
    "webpack": Project(("webpack", "webpack-cli", "webpack-dev-server"), "webpack serve --port 8098", {
        "src/index.js": "1", "webpack.config.js": "export default {mode: 'development', devServer: {port: 8099}}"}),
    "webpack-dev-server": Project(("webpack-dev-server", "webpack", "webpack-cli"), "webpack-dev-server", {
        "src/index.js": "document.body.innerHTML = '<h1>NAME</h1>'; import.meta.webpackHot.accept()",
        "public/index.html": "<!doctype html><title>x</title><body><script src=main.js></script></body>",
        "webpack.config.js": "export default {mode: 'development', devServer: {port: 8099}}"}, edited="src/index.js"),
    "Rspack": Project(("@rspack/cli", "@rspack/core", "@rspack/dev-server"), "rspack serve --port 8098", {
        "src/index.js": "1", "rspack.config.mjs": "export default {mode: 'development'}"}),
    "Rsbuild": Project(("@rsbuild/core",), "rsbuild dev --port 3998", {"src/index.js": "1"}),
    "Angular": Project((*_ANGULAR, "rxjs@7", "typescript@~5.9", "zone.js"), "ng serve --port 4298", {
        "angular.json": ANGULAR, "tsconfig.json": TYPESCRIPT, "src/main.ts": ANGULAR_MAIN,
        "src/index.html": "<!doctype html><html><head><base href='/'></head><body><x-app></x-app></body></html>"},
                       edited="src/main.ts", update=Update.BY_ITSELF),
    "Storybook": Project(("storybook", "@storybook/html-vite", "vite"), "storybook dev -p 6006", {
        ".storybook/main.js": "export default {stories: ['../src/*.stories.js'], framework: '@storybook/html-vite'}",
        "src/a.stories.js": "export default {title: 'x'}; export const A = () => '<h1>NAME</h1>'"},
                         edited="src/a.stories.js"),
    "Parcel": Project(("parcel",), "parcel index.html -p 1299", {"index.html": "<h1>x</h1>"}),
    "Docusaurus": Project(("@docusaurus/core", "@docusaurus/preset-classic", "react", "react-dom"),
                          "docusaurus start --no-open --port 3998", {
        "docs/a.md": "# x",
        "docusaurus.config.js": DOCUSAURUS}),
    "VitePress": Project(("vitepress",), "vitepress dev docs --port 5198", {"docs/index.md": "# x"}),
    "Vue CLI": Project(("@vue/cli-service", "vue"), "vue-cli-service serve --port 8098", {"src/main.js": "1"}),
    "React Scripts": Project(("react-scripts", "react", "react-dom", "ajv@8"), "PORT=3998 react-scripts start", {
        "src/index.js": "1", "public/index.html": "<h1>x</h1>"}),
    "Wrangler": Project(("wrangler",), "wrangler dev w.js --compatibility-date 2025-01-01 --port 8786", {
        "w.js": WORKER}),
    "Express": Project(("express",), "PORT=3998 node --watch server.js", {
        "server.js": EXPRESS}, edited="server.js", update=Update.WHEN_ASKED),
    "Flask": Project(("flask",), "flask run --debug", {"app.py": FLASK}, Kind.PYTHON, "app.py", Update.WHEN_ASKED),
    "Uvicorn": Project(("uvicorn", "fastapi"), "uvicorn app:app", {"app.py": FASTAPI}, kind=Kind.PYTHON),
    "FastAPI": Project(("fastapi", "fastapi-cli", "uvicorn"), "fastapi dev", {
        "main.py": FASTAPI}, Kind.PYTHON, "main.py", Update.WHEN_ASKED),
    "Django": Project(("django",), "python manage.py runserver --skip-checks", {
        "manage.py": DJANGO, "pages.py": DJANGO_PAGES}, Kind.PYTHON, "pages.py", Update.WHEN_ASKED),
    "Rails": Project(("ruby-railties", "ruby-actionview", "puma"), "rails server", RAILS, Kind.RUBY,
                     "app/controllers/pages_controller.rb", Update.WHEN_ASKED),
    "Gunicorn": Project(("gunicorn", "flask"), "gunicorn app:app", {"app.py": FLASK}, kind=Kind.PYTHON),
    "Hypercorn": Project(("hypercorn", "fastapi"), "hypercorn app:app", {"app.py": FASTAPI}, kind=Kind.PYTHON),
    "Daphne": Project(("daphne", "fastapi"), "daphne app:app", {"app.py": FASTAPI}, kind=Kind.PYTHON),
}  # fmt: skip

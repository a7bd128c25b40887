"""The smallest project of each framework, with the command that starts it, most of them with another port fixed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

HTML = "<!doctype html><title>x</title><script type=module>1</script>"


@dataclass(frozen=True)
class Project:
    """A framework's project: what npm or pip installs for it (the first names the version), its files, its script."""

    packages: tuple[str, ...]
    script: str
    files: Mapping[str, str] = field(default_factory=dict)
    python: bool = False


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
TYPESCRIPT = """{"compilerOptions": {"target": "ES2022", "module": "ES2022", "moduleResolution": "bundler"},
"files": ["src/main.ts"]}"""
DOCUSAURUS = "export default {title: 'x', url: 'http://x', baseUrl: '/', presets: [['classic', {}]]}"
WORKER = "export default {fetch() { return new Response('<h1>x</h1>', {headers: {'content-type': 'text/html'}}) }}"
EXPRESS = "import express from 'express'; express().get('/', (_, a) => a.send('x')).listen(process.env.PORT)"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\napp.get('/')(lambda: 'x')\n"
FLASK = "import flask\napp = flask.Flask('app')\napp.get('/')(lambda: 'x')\n"
_ANGULAR = tuple(f"@angular/{name}@20" for name in
                 ("cli", "build", "core", "common", "compiler", "compiler-cli", "platform-browser"))  # fmt: skip
PROJECTS: Mapping[str, Project] = {
    "Vite": Project(("vite",), "vite", {
        "index.html": HTML, "vite.config.js": "export default {server: {port: 5199, strictPort: true}}"}),
    "SvelteKit": Project(("@sveltejs/kit", "svelte", "vite", "@sveltejs/vite-plugin-svelte"), "vite dev --port 5199", {
        "vite.config.js": _vite("@sveltejs/kit/vite", "sveltekit"), "src/routes/+page.svelte": "<h1>x</h1>",
        "src/app.html": "<html><head>%sveltekit.head%</head><body>%sveltekit.body%</body></html>"}),
    "Astro": Project(("astro",), "astro dev --port 4398", {
        "src/pages/index.astro": "<h1>x</h1>", "astro.config.mjs": "export default {server: {port: 4399}}"}),
    "Nuxt": Project(("nuxt",), "nuxt dev --port 3998", {
        "app.vue": "<template><h1>x</h1></template>", "nuxt.config.mjs": "export default {devServer: {port: 3999}}"}),
    "Next": Project(("next", "react", "react-dom"), "next dev -p 3999", {
        "pages/index.js": "export default () => 'x'"}),
    "React Router": Project(("@react-router/dev@7", "@react-router/node@7", "@react-router/serve@7", "react-router@7",
                             "react", "react-dom", "vite@7", "isbot"), "react-router dev", {
        "app/routes.ts": 'import {index} from "@react-router/dev/routes"; export default [index("home.jsx")];',
        "app/home.jsx": "export default () => <h1>x</h1>", "app/root.jsx": ROOT_ROUTE,
        "vite.config.js": _vite("@react-router/dev/vite", "reactRouter")}),
    "webpack": Project(("webpack", "webpack-cli", "webpack-dev-server"), "webpack serve --port 8098", {
        "src/index.js": "1", "webpack.config.js": "export default {mode: 'development', devServer: {port: 8099}}"}),
    "webpack-dev-server": Project(("webpack-dev-server", "webpack", "webpack-cli"), "webpack-dev-server", {
        "src/index.js": "1", "webpack.config.js": "export default {mode: 'development', devServer: {port: 8099}}"}),
    "Rspack": Project(("@rspack/cli", "@rspack/core", "@rspack/dev-server"), "rspack serve --port 8098", {
        "src/index.js": "1", "rspack.config.mjs": "export default {mode: 'development'}"}),
    "Rsbuild": Project(("@rsbuild/core",), "rsbuild dev --port 3998", {"src/index.js": "1"}),
    "Angular": Project((*_ANGULAR, "rxjs@7", "typescript@~5.9", "zone.js"), "ng serve --port 4298", {
        "angular.json": ANGULAR, "tsconfig.json": TYPESCRIPT, "src/main.ts": "console.log(1)",
        "src/index.html": "<!doctype html><html><head><base href='/'></head><body>x</body></html>"}),
    "Storybook": Project(("storybook", "@storybook/html-vite", "vite"), "storybook dev -p 6006", {
        ".storybook/main.js": "export default {stories: ['../src/*.stories.js'], framework: '@storybook/html-vite'}",
        "src/a.stories.js": "export default {title: 'x'}; export const A = () => 'x'"}),
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
    "Express": Project(("express",), "PORT=3998 node server.js", {
        "server.js": EXPRESS}),
    "Flask": Project(("flask",), "flask run", {"app.py": FLASK}, python=True),
    "Uvicorn": Project(("uvicorn", "fastapi"), "uvicorn app:app", {"app.py": FASTAPI}, python=True),
    "FastAPI": Project(("fastapi", "fastapi-cli", "uvicorn"), "fastapi dev", {
        "main.py": FASTAPI}, python=True),
    "Django": Project(("django",), "python manage.py runserver --skip-checks", {"manage.py": (
        "import sys\nfrom django.conf import settings\nfrom django.core.management import execute_from_command_line\n"
        "settings.configure(DEBUG=True, ROOT_URLCONF=__name__, SECRET_KEY='x')\nurlpatterns = []\n"
        "execute_from_command_line(sys.argv)\n")}, python=True),
    "Gunicorn": Project(("gunicorn", "flask"), "gunicorn app:app", {"app.py": FLASK}, python=True),
    "Hypercorn": Project(("hypercorn", "fastapi"), "hypercorn app:app", {"app.py": FASTAPI}, python=True),
    "Daphne": Project(("daphne", "fastapi"), "daphne app:app", {"app.py": FASTAPI}, python=True),
}  # fmt: skip

"""The servers of a checkout's packages: of their dev scripts, and of frameworks that need no script."""

import re
from collections.abc import Iterator

from router.launch.commands import seen
from router.launch.managers import manager, python_runner
from router.launch.several import servers
from router.launch.tree import Package, Tree, inside, packages
from router.observe.projects.said import Service
from router.observe.projects.servers import fixed_port, of_words, only, typed_in
from router.observe.projects.values import line_of

SCRIPTS = ("dev", "develop", "start:dev", "serve", "start")
"""Scripts that start a dev server, the most usual first; `start` is often the one for production."""

_MODULES = ("main", "app", "app/main", "src/main", "wsgi", "api")
_APPLICATION = re.compile(r"^([A-Za-z_]\w*)\s*(?::[^=\n]*)?=\s*(FastAPI|Flask)\(", re.MULTILINE | re.ASCII)
_FACTORY = re.compile(r"^def create_app\(.*?\bFlask\(", re.MULTILINE | re.DOTALL)


def services(files: Tree) -> Iterator[Service]:
    """Yield the servers of every directory that may be a project, the root's first.

    What a script of the root starts in other directories counts as theirs.
    """
    every = {each.folder: each for each in packages(files)}
    done: set[str] = set()
    for folder in (each for each in files.folders() if each not in done):
        found = tuple(_of_scripts(every[folder], files)) if folder in every else ()
        if not found and (not folder or folder not in every):  # a package without a dev script is a library
            found = tuple(_of_frameworks(folder, files))
        yield from (each for each in found if each.folder not in done)
        done |= {each.folder for each in found} | {each.file.rpartition("/")[0] for each in found}


def _of_scripts(package: Package, files: Tree) -> Iterator[Service]:
    """Yield what the first dev script of a package starts that is a server; of the scripts of others the same."""
    for script in (name for name in SCRIPTS if name in package.scripts):
        command = typed_in(package.folder, f"{manager(files, package.folder)} run {script}")
        found = servers(seen(("npm", "run", script), files, folder=package.folder))
        for each in found:
            at = each.at.package or package
            line = at.line_of(each.at.script or script)
            yield Service(each.at.name, "package", at.file, line, fixed_port(each), command, each.at.folder, each)
        if found:
            return


def _of_frameworks(folder: str, files: Tree) -> Iterator[Service]:
    for file, line, words in _commands(folder, files):
        if member := only(of_words(tuple(words.split()), files, folder=folder)):
            yield Service("", "package", inside(folder, file), line, None, typed_in(folder, words), folder, member)
            return


def _commands(folder: str, files: Tree) -> Iterator[tuple[str, int, str]]:
    """Yield the file that shows a framework, the line there, and the command that starts its server."""
    if line := django(folder, files):
        yield "manage.py", 1, line
    if (gems := files.read(inside(folder, "Gemfile"))) and (
        found := re.search(r"^\s*gem\s+[\"']rails[\"']", gems, re.MULTILINE)
    ):
        yield "Gemfile", line_of(gems, found[0].strip()), "bin/rails server"
    yield from python_servers(folder, files)


def django(folder: str, files: Tree) -> str:
    """Return the command that starts a directory's Django project, empty where it has none."""
    found = "django" in (files.read(inside(folder, "manage.py")) or "").lower()
    return f"{python_runner(files, folder)}python manage.py runserver" if found else ""


def python_servers(folder: str, files: Tree) -> Iterator[tuple[str, int, str]]:
    """Yield the same for each module of a directory that has a FastAPI or Flask application where they usually are."""
    for module in _MODULES:
        text = files.read(inside(folder, f"{module}.py")) or ""
        name = module.replace("/", ".")
        flask = f"flask --app {name} run --debug"
        if found := _APPLICATION.search(text):
            line = {"FastAPI": f"uvicorn {name}:{found[1]} --reload", "Flask": flask}[found[2]]
            yield f"{module}.py", line_of(text, found[0]), python_runner(files, folder) + line
        elif found := _FACTORY.search(text):
            yield f"{module}.py", line_of(text, found[0]), python_runner(files, folder) + flask

"""The file that Node loads before its programs: which it tells a port, and what their arguments become."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from router.launch.preload import Target, node_options, text
from tests.e2e.browsers import missing

SHOW = "console.log(JSON.stringify([process.argv.slice(2), process.env.PORT ?? null]))"
pytestmark = pytest.mark.node


class Place:
    """A directory with a file to load, and programs that show what they were told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.loaded = root / 'a "quoted" \\ directory' / "x.cjs"
        self.loaded.parent.mkdir()

    def load(self, *targets: Target) -> None:
        """Let Node load the file for these targets."""
        self.loaded.write_text(text(targets))

    def run(self, program: str, *arguments: str, within: str = "", **environ: str) -> tuple[list[str], str | None]:
        """Run a program that Node is given, in a directory; return its arguments and its port."""
        path = self.root / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SHOW)
        (self.root / within).mkdir(parents=True, exist_ok=True)
        plain = {name: value for name, value in os.environ.items() if name != "PORT"}
        options = node_options(str(self.loaded), before="--no-warnings")
        done = subprocess.run(
            ["node", path, *arguments], cwd=self.root / within, capture_output=True, text=True, check=True,
            env={**plain, "NODE_OPTIONS": options, **environ},
        )  # fmt: skip
        shown, port = json.loads(done.stdout)
        return shown, port


@pytest.fixture
def place(tmp_path: Path) -> Place:
    if not shutil.which("node"):
        missing("Node (apt-get install nodejs npm)")
    return Place(tmp_path.resolve())


VITE = "node_modules/vite/bin/vite.js"
TOLD = ["--port", "4000", "--strictPort"]


@pytest.mark.parametrize(("typed", "arguments"), [
    ([], TOLD), (["dev"], ["dev", *TOLD]), (["--port", "3000"], TOLD), (["--port=3000", "--host"], ["--host", *TOLD]),
    (["--strictPort"], ["--strictPort", "--port", "4000"]), (["--port", "--host"], ["--host", *TOLD]),
    (["dev", "--", "x"], ["dev", *TOLD, "--", "x"]), (["build"], ["build"]), (["--version"], ["--version"]),
])  # fmt: skip
def test_the_arguments_of_a_known_server_say_its_port_once(
    place: Place, typed: list[str], arguments: list[str]
) -> None:
    place.load(Target(str(place.root), 4000))
    assert place.run(VITE, *typed) == (arguments, "4000")


def test_other_programs_have_their_arguments_and_the_port_in_a_variable(place: Place) -> None:
    place.load(Target(str(place.root), 4000))
    assert place.run("server.js", "--port", "3000", PORT="3000") == (["--port", "3000"], "4000")
    assert place.run("vite.js", "--port", "3000") == (["--port", "3000"], "4000")
    assert place.run("node_modules/next/dist/bin/next", "dev", "-p3000") == (["dev", "-p", "4000"], "4000")


def test_the_deepest_directory_counts_and_none_outside(place: Place) -> None:
    place.load(Target(f"{place.root}/apps", 4000), Target(f"{place.root}/apps/api", 5000))
    assert place.run("server.js", within="apps/api/src")[1] == "5000"
    assert place.run("server.js", within="apps/apis")[1] == "4000"
    assert place.run("server.js", within="app", PORT="1")[1] == "1"
    assert place.run("server.js", within=".")[1] is None


def test_scripts_and_programs_tell_servers_of_one_directory_apart(place: Place) -> None:
    root = str(place.root)
    place.load(Target(root, 4000, script="web"), Target(root, 5000, script="api"), Target(root, 6000, program="x.js"))
    assert place.run("node_modules/npm/bin/npm-cli.js", "run", "api", npm_lifecycle_event="dev")[1] == "5000"
    assert place.run("server.js", npm_lifecycle_event="web")[1] == "4000"
    assert place.run("x.js", npm_lifecycle_event="web")[1] == "6000"
    assert place.run("server.js", npm_lifecycle_event="dev")[1] is None


def test_threads_of_a_program_are_not_told_again(place: Place) -> None:
    place.load(Target(str(place.root), 4000))
    worker = f"const {{Worker, isMainThread}} = require('worker_threads'); if (isMainThread) new Worker(__filename, " \
             f"{{argv: ['x']}}); else {SHOW}"  # fmt: skip
    (place.root / "worker.js").write_text(worker)
    options = node_options(str(place.loaded))
    done = subprocess.run(["node", "worker.js"], cwd=place.root, capture_output=True, text=True, check=True,
                          env={**os.environ, "NODE_OPTIONS": options})  # fmt: skip
    assert json.loads(done.stdout) == [["x"], "4000"]

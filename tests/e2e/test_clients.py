"""Programs that do not resolve `*.localhost` reach a worktree with `router curl`, or as the page says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import documents
from tests.e2e.routers import Router
from tests.needs import needs

PAGE = documents.DOCS / "how-to/other-clients.md"
PYTHON = """
import urllib.request, os
print(urllib.request.urlopen(os.environ["WORKTREE_URL"]).read().decode())
"""
NODE = "console.log(await (await fetch(process.env.WORKTREE_URL)).text());\n"
JAVA = """
class Get { public static void main(String[] a) throws Exception {
  var from = new java.net.URL(System.getenv("WORKTREE_URL")).openStream();
  System.out.println(new String(from.readAllBytes()));
} }
"""
pytestmark = pytest.mark.e2e


def recipe(language: str) -> str:
    """Return the first block of the page in a language."""
    return next(each.text for each in documents.blocks(PAGE) if each.language == language)


@pytest.fixture
def tree(app: str, router: Router) -> Path:
    """The directory of a worktree whose server answers `app`, with a router that runs."""
    router.up()
    return next(Path(each["path"]) for each in router.status()["worktrees"] if each["name"] == app)


@needs("curl")
def test_curl_reaches_a_path_and_a_url_and_has_its_own_options(tree: Path, router: Router, app: str) -> None:
    proxied = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    own = router.run("curl", "/", cwd=tree, env=proxied)
    assert (own.code, own.out) == (0, "app")
    url = router.run("url", app).out.strip()
    assert router.run("curl", f"{url}/x", env=proxied).out == "app"
    named = router.run("curl", "--name", app, "/", "--output", os.devnull, "--write-out", "%{http_code}")
    assert (named.code, named.out) == (0, "200")
    assert router.run("curl", "--name", app, "/", "--no-such-option").code == 2


def test_curl_asks_nobody_else(tree: Path, router: Router) -> None:
    for url in ("http://example.org/", "http://x.localhost:1/", "ftp://x.localhost/", "--upload-file", "http://[/"):
        assert router.run("curl", "--", url).code == 2


def test_python_reaches_it_with_the_lines_of_the_page(tree: Path, router: Router, tmp_path: Path) -> None:
    script = tmp_path / "get.py"
    script.write_text(recipe("python") + PYTHON)
    said = router.run("run", "--", sys.executable, script, cwd=tree)
    assert (said.code, said.out) == (0, "app\n")


@needs("node")
def test_node_reaches_it_with_the_lines_of_the_page(tree: Path, router: Router, tmp_path: Path) -> None:
    first, script = tmp_path / "resolve.mjs", tmp_path / "get.mjs"
    first.write_text(recipe("js"))
    script.write_text(NODE)
    said = router.run("run", "--", "node", "--import", first, script, cwd=tree)
    assert (said.code, said.out) == (0, "app\n")


@pytest.mark.skipif(shutil.which("javac") is None, reason="javac is missing")
def test_java_reaches_it_with_a_file_of_hosts(tree: Path, router: Router, tmp_path: Path) -> None:
    assert 'JAVA_TOOL_OPTIONS="-Djdk.net.hosts.file=$PWD/hosts.txt"' in PAGE.read_text()
    hosts, source = tmp_path / "hosts.txt", tmp_path / "Get.java"
    hosts.write_text(router.run("hosts").out)
    source.write_text(JAVA)
    env = {**router.env, "JAVA_TOOL_OPTIONS": f"-Djdk.net.hosts.file={hosts}",
           "WORKTREE_URL": router.run("url", cwd=tree).out.strip()}  # fmt: skip
    done = subprocess.run(["java", source], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "app\n"), done.stderr

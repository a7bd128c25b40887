"""Ten sample repositories, each in two worktrees: `router up` routes all of them, with nothing configured."""

import contextlib
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.browsers import missing
from tests.e2e.frameworks import QUIET, link_modules
from tests.e2e.routers import Router, free_port, fresh, wait_until
from tests.e2e.samples import BIN, PYTHON, SAMPLES, Sample
from tests.e2e.test_run import run
from tests.e2e.test_servers import HERE, started

pytestmark = pytest.mark.e2e
SLOW = 180.0  # seconds to compile a first page on a busy machine
NAMES = [pytest.param(name, marks=[pytest.mark.node] if sample.node else []) for name, sample in SAMPLES.items()]


@pytest.mark.parametrize("name", NAMES)
def test_a_repository_is_routed_without_configuration(shared: Router, name: str) -> None:
    """The main checkout's servers are started as people do, the other worktree's by `router run` beside them."""
    sample = SAMPLES[name]
    if sample.node and not (shutil.which("npm") and (HERE / "node_modules" / "next").exists()):
        missing("Next (apt-get install nodejs npm, npm ci in tests/e2e)")
    main, other = fresh("sample"), fresh("other")
    repository, worktree = shared.directory / main, shared.directory / other
    fixed = {"WEB_PORT": str(free_port()), "API_PORT": str(free_port())}
    _make(shared, sample, repository, label=main, fixed=fixed)
    _add(shared, sample, repository, worktree, label=other)
    said = shared.run("up", "--detach", cwd=repository)
    assert said.code == 0, said.err
    environ = {**QUIET, "PATH": f"{PYTHON.parent}:{BIN}:{shared.env['PATH']}"}
    with contextlib.ExitStack() as stack:
        for folder, line in sample.typed:
            words = [fixed.get(word, word) for word in line.split()]
            stack.enter_context(started(shared, repository / folder, *words, **environ))
            unsaid = re.sub(r"(?: --port)? (?:WEB|API)_PORT", "", line).split()
            stack.enter_context(run(shared, worktree / folder, "--", *unsaid, **environ))
        for label in (main, other):
            _shows(shared, label, f">{label}<")
            if sample.api:
                _shows(shared, f"api.{label}.localhost", label)
        wait_until(lambda: not shared.kinds(repository) | shared.kinds(worktree), what="no problem of either")


def _make(router: Router, sample: Sample, path: Path, *, label: str, fixed: dict[str, str]) -> None:
    """Make the repository with one commit; what is installed is not in it."""
    router.make_repository(path, label)
    sample.generate(path)
    for file, text in {**sample.files, ".gitignore": "node_modules\n"}.items():
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        (path / file).write_text(text)
    _replace(path, {"NAME": label, **fixed})
    router.git("add", ".", cwd=path)
    router.git("commit", "--quiet", "--message=sample", cwd=path)
    _install(sample, path)


def _add(router: Router, sample: Sample, repository: Path, path: Path, *, label: str) -> None:
    """Add a worktree whose page is called after it."""
    router.git("worktree", "add", "--quiet", "-b", label, path, cwd=repository)
    _replace(path, {repository.name: label})
    _install(sample, path)


def _install(sample: Sample, path: Path) -> None:
    """Put the packages of Node there: Next wants them to be no link."""
    if "app/page.js" in sample.files:
        link_modules(HERE, path)
    elif sample.node:
        (path / "node_modules").symlink_to(HERE / "node_modules")


def _replace(path: Path, words: dict[str, str]) -> None:
    """Put words in the place of others in every file of a repository that is text."""
    for file in (each for each in path.rglob("*") if each.is_file() and ".git" not in each.parts):
        with contextlib.suppress(UnicodeDecodeError):
            text = file.read_text()
            for old, new in words.items():
                text = text.replace(old, new)
            file.write_text(text)


def _shows(router: Router, host: str, text: str) -> None:
    """Wait until a host answers with a text."""
    wait_until(
        lambda: text in router.page(host), limit=SLOW, pause=0.1,
        what=f"{text} at {host}: {json.dumps(router.worktrees(), indent=1)}",
    )  # fmt: skip

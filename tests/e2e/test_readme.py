"""The README's commands, run as they stand there, and its settings, read as the router reads them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from router import repository_settings
from tests.e2e.routers import Router, wait_until

pytestmark = pytest.mark.e2e

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = [(kind, text) for kind, text in re.findall(r"^ *```(\w+)\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL)]
ELSEWHERE = {
    r"docker |router up --caddy": "an image to pull; tests/e2e/test_container.py does it with one of its own",
    r"python3 -m venv ": ".ci/run does it in a clean clone",
    r"router run -- npm": "a project's own server; tests/e2e/test_env.py starts some",
    r"cd .*router env --check": "it fails, as shown; tests/e2e/test_env.py",
    r"python -m benchmarks|apt-get": "tests/e2e/test_benchmarks.py and test_soak.py run it, shortened",
}


PATIENT_CURL = """curl() {
    for _ in $(seq 200); do  # "a blink later"
        said=$(command curl --silent "$@")
        case $said in "no worktree is called"*) sleep 0.05 ;; *) break ;; esac
    done
    echo "$said"
}
"""


def commands(kind: str, text: str) -> list[str]:
    """Return the commands of a block in their order, without their comments."""
    if kind == "console":
        found = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
    else:
        found = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [re.sub(r"\s+# .*", "", command) for command in found]


SCRIPTS = [commands(kind, text) for kind, text in BLOCKS if kind != "toml" and not text.lstrip().startswith("#!")]


def elsewhere(command: str) -> bool:
    """Tell whether a command is run by another test."""
    return any(re.match(pattern, command) for pattern in ELSEWHERE)


def shell(router: Router, command: str) -> subprocess.CompletedProcess[str]:
    """Run a line as somebody would type it in the repository, with this router on the PATH."""
    programs = router.directory / "bin"
    programs.mkdir(exist_ok=True)
    script = programs / "router"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m router "$@"\n')
    script.chmod(0o755)
    env = {**router.env, "PATH": f"{programs}:{router.env['PATH']}"}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", PATIENT_CURL + command.replace("8080", str(router.port))],
        cwd=router.repository, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_every_command_does_what_it_is_there_for(router: Router) -> None:
    said = ""
    for script in SCRIPTS:
        done = shell(router, "\n".join(command for command in script if not elsewhere(command)))
        said += done.stdout
        assert done.returncode == 0, f"{script}: {done.stderr}"
    assert "\nfix-auth (web) does not listen on" in said
    assert f"\nhttp://localhost:{router.port}/auth/callback\n" in said
    assert f"\n{router.trunk} " in said  # what `router env` told the shell
    assert "\nok    git" in said
    assert router.git("log", "-1", "--format=%s") == "Isolate worktrees"


def test_what_is_run_elsewhere_is_in_the_readme() -> None:
    every = [command for script in SCRIPTS for command in script]
    assert [pattern for pattern in ELSEWHERE if not any(re.match(pattern, command) for command in every)] == []


def test_the_hook_for_plain_git_gives_a_worktree_its_own_values(router: Router) -> None:
    script = next(text for kind, text in BLOCKS if kind == "sh" and text.lstrip().startswith("#!"))
    hook = router.repository / ".git/hooks/post-checkout"
    hook.write_text(re.sub(r"^  ", "", script, flags=re.MULTILINE))
    hook.chmod(0o755)
    done = shell(router, "git worktree add -b own ../shop.own")
    assert done.returncode == 0, done.stderr
    block = router.directory / "shop.own/.env.local"
    wait_until(block.exists, what="the env block")
    assert "FEATURE=own" in block.read_text().replace("'", "").replace('"', "")


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "toml"])
def test_the_settings_are_read_as_they_stand(text: str) -> None:
    assert repository_settings.read_repository_settings(text)

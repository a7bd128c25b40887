"""`status`, `url`, `open`, `explain` and `render`: beside a running watcher and without one."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from router.store import Store
from tests.cli.conftest import FakeWatcher, Workplace
from tests.e2e import statuses
from tests.e2e.routers import Said
from tests.observe.shops import fake_git

Command = Callable[..., Said]
HUNG = {"kind": "watcher-hung", "service": None, "severity": "error", "message": "no sign of life", "hint": "router up"}
WARNING = {"kind": "bad-port", "service": "web", "severity": "warning", "message": "PORT=x", "hint": "change it"}


def test_the_status_is_the_document_that_the_watcher_published(command: Command, watching: FakeWatcher) -> None:
    said = command("status", "--json")
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out) == json.loads(watching.store.status_file.read_text())


def test_the_table_is_for_standard_output_and_problems_are_for_standard_error(
    command: Command, watching: FakeWatcher
) -> None:
    watching.publish(statuses.worktree("main", problems=[WARNING]))
    said = command("status")
    assert [line.split()[0] for line in said.out.splitlines()] == ["NAME", "main"]
    assert said.err.splitlines() == ["warning: main: PORT=x [bad-port]", "  → change it"]


def test_ls_is_the_status(command: Command, watching: FakeWatcher) -> None:
    assert command("ls") == command("status")
    assert command("ls", "--json") == command("status", "--json")


@pytest.mark.parametrize(("problem", "code"), [(WARNING, 0), (HUNG, 1)])
def test_a_check_prints_nothing_and_fails_on_errors_only(
    command: Command, watching: FakeWatcher, problem: statuses.Json, code: int
) -> None:
    watching.publish(statuses.worktree("main"), problems=(problem,))
    assert command("status", "--check") == Said(code, "", "")


def test_without_a_watcher_the_status_is_what_would_be_routed(command: Command, workplace: Workplace) -> None:
    status = json.loads(command("status", "--json").out)
    assert [worktree["path"] for worktree in status["worktrees"]] == [str(workplace.repository)]
    assert (status["watcher"]["running"], status["caddy"]["in_sync"]) == (False, None)
    assert command("status", "--check").code == 1


@pytest.mark.parametrize(("arguments", "printed"), [
    ((), "http://main.localhost:8080"), (("feature-x",), "http://feature-x.localhost:8080"),
    (("shop-feature-x",), "http://feature-x.localhost:8080"), (("feature/x",), "http://feature-x.localhost:8080"),
    (("feature-x", "--direct"), "127.0.0.1:14315"), (("--oauth",), "http://localhost:8080/auth/callback"),
])  # fmt: skip
def test_a_url_is_the_only_line(
    command: Command, watching: FakeWatcher, arguments: tuple[str, ...], printed: str
) -> None:
    assert command("url", *arguments) == Said(0, f"{printed}\n", "")


def test_a_worktree_that_git_made_a_moment_ago_has_its_url(
    command: Command, watching: FakeWatcher, workplace: Workplace
) -> None:
    watching.store.start_serving([workplace.repository / ".git"])
    assert workplace.shell("git worktree add -q -b just-made ../made").returncode == 0
    assert command("url", "just-made") == Said(0, "http://just-made.localhost:8080\n", "")
    assert command("url", "nobody").err.startswith("error: no worktree is called 'nobody'\n  → choose one of: ")


def test_a_url_and_where_it_leads_as_json(command: Command, watching: FakeWatcher) -> None:
    url = "http://feature-x.localhost:8080"
    found = json.loads(command("url", "feature-x", "--json").out)
    assert found == {"schema": 1, "name": "feature-x", "service": "web", "url": url, "address": "127.0.0.1:14315"}
    uris = json.loads(command("url", "--oauth", "--json").out)["redirect_uris"]
    assert uris == ["http://localhost:8080/auth/callback"]
    for where, code in (("http://main.localhost:8080/", 0), ("http://nobody.localhost:8080/", 1)):
        said, told = command("explain", where), command("explain", where, "--json")
        document = json.loads(told.out)
        assert (told.code, document["routed"], document["lines"]) == (code, code == 0, said.out.splitlines())
        assert document["worktree"] == ("main" if code == 0 else None)


def test_a_server_on_the_other_loopback_address_has_brackets(command: Command, watching: FakeWatcher) -> None:
    web = statuses.service("web", "main", 5000, address="::1")
    watching.publish(statuses.worktree("main", path=str(Path.cwd()), services={"web": web}))
    assert command("url", "--direct").out == "[::1]:5000\n"


def test_a_url_that_may_be_out_of_date_says_so(command: Command, hung: FakeWatcher) -> None:
    said = command("url")
    assert (said.code, said.out) == (0, "http://main.localhost:8080\n")
    assert said.err.startswith(f"error: the watcher (pid {hung.pid}) has given no sign of life for ")


def test_the_check_of_a_watcher_that_hangs_fails(command: Command, hung: FakeWatcher) -> None:
    assert command("status", "--check") == Said(1, "", "")


def test_a_repositorys_own_redirect_uris_are_printed_first(command: Command, workplace: Workplace) -> None:
    (workplace.repository / "router.toml").write_text('callback_paths = ["/signin-oidc", "/auth/callback"]')
    uris = ["http://localhost:8080/signin-oidc", "http://localhost:8080/auth/callback"]
    assert command("url", "--oauth").out.splitlines() == uris
    assert json.loads(command("env", "--format", "json").out)["OAUTH_REDIRECT_URI"] == uris[0]
    document = json.loads(command("status", "--json").out)
    assert document["repositories"][0]["callback_paths"] == ["/signin-oidc", "/auth/callback"]
    (workplace.repository / "router.toml").write_text('callback_paths = ["/api/auth/callback/*"]')
    assert json.loads(command("env", "--format", "json").out)["OAUTH_REDIRECT_URI"] == uris[1]


def test_outside_of_every_repository_the_machines_redirect_uri_is_printed(
    command: Command, workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace.state.parent)
    assert command("url", "--oauth").out == "http://localhost:8080/auth/callback\n"


def test_a_name_or_service_that_nobody_has_is_refused(command: Command, watching: FakeWatcher) -> None:
    assert command("url", "nobody") == Said(
        1, "", "error: no worktree is called 'nobody'\n  → choose one of: main, feature-x\n"
    )
    said = command("url", "main", "--service", "docs")
    assert said.err.splitlines() == ["error: the worktree main has no service 'docs'", "  → choose one of: web"]


def test_outside_of_every_worktree_a_name_is_needed(
    command: Command, watching: FakeWatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = command("url")
    assert (said.code, said.err.splitlines()[0]) == (2, "error: the current directory is in no worktree")
    assert command("url", "main").out == "http://main.localhost:8080\n"


def test_a_url_is_opened_in_the_browser_and_printed(
    workplace: Workplace, watching: FakeWatcher, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    browser.chmod(0o755)
    done = workplace.shell("router open feature-x", env={"BROWSER": str(browser)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "http://feature-x.localhost:8080\n", "")
    assert opened.read_text() == "http://feature-x.localhost:8080"


def test_without_a_browser_the_error_has_the_url(workplace: Workplace, watching: FakeWatcher, tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to("/bin/sh")  # and nothing else
    done = workplace.shell("router open", env={"BROWSER": "", "PATH": str(tmp_path), "DISPLAY": ""})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == "error: no browser opened http://main.localhost:8080"


@pytest.mark.parametrize(("what", "code", "part"), [
    ("http://main.localhost:8080/", 0, "main"), ("main.nonce", 0, "main"), ("nobody", 1, "chooser"),
])  # fmt: skip
def test_where_something_leads_is_explained(command: Command, what: str, code: int, part: str) -> None:
    said = command("explain", what)
    assert (said.code, said.err) == (code, "")
    assert part in said.out


def test_where_something_leads_takes_one_look(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_git(tmp_path, f'echo "$@" >>{tmp_path}/asked; exec {shutil.which("git")} "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=os.pathsep)
    assert command("explain", "http://main.localhost:8080/").code == 0
    assert (tmp_path / "asked").read_text().count("worktree list") == 1


def test_a_caddyfile_is_rendered_from_what_would_be_routed(command: Command) -> None:
    whole, sites = command("render").out, command("render", "--sites").out
    assert "admin " in whole
    assert "admin " not in sites
    assert "localhost" in sites


def test_the_loaded_caddyfile_is_the_one_that_caddy_took(command: Command, workplace: Workplace) -> None:
    said = command("render", "--loaded")
    assert (said.code, said.err) == (
        1, "error: Caddy has loaded no configuration yet\n  → run `router up --detach`\n",
    )  # fmt: skip
    Store(workplace.state).caddyfile.write_text("# loaded\n")
    assert command("render", "--loaded").out == "# loaded\n"


def test_changes_are_shown_as_they_happen(workplace: Workplace, watching: FakeWatcher) -> None:
    shown = workplace.start("status", "--watch", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert shown.stdout is not None
    lines = [shown.stdout.readline().split()[0] for _ in range(3)]
    watching.publish(statuses.worktree("other"))
    lines += [shown.stdout.readline().split()[0] for _ in range(2)]
    shown.send_signal(signal.SIGINT)
    assert (shown.wait(60), lines) == (130, [b"NAME", b"feature-x", b"main", b"NAME", b"other"])
    shown.stdout.close()


def imported(*arguments: str, of: set[str]) -> set[str]:
    """Return which of these libraries a command has imported by its end."""
    code = (
        "import sys; from router.cli import boundary; code = boundary.run(sys.argv[1:]);"
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=True)
    return of & set(done.stderr.split())


@pytest.mark.parametrize("arguments", [
    ["url"], ["url", "feature-x"], ["url", "--direct"], ["url", "main", "--service", "web"], ["status", "--json"],
    ["status", "--check"],
])  # fmt: skip
def test_what_agents_ask_all_the_time_imports_next_to_nothing(
    workplace: Workplace, watching: FakeWatcher, arguments: list[str]
) -> None:
    heavy = {"typer", "pydantic", "dataclasses", "inspect", "asyncio", "subprocess", "socket", "platformdirs",
             "router.settings", "router.store", "router.status", "router.model", "router.naming"}  # fmt: skip
    assert imported(*arguments, of=heavy if sys.platform == "linux" else heavy - {"platformdirs"}) == set()


def test_beside_a_watcher_a_command_reads_one_document_and_imports_little(
    workplace: Workplace, watching: FakeWatcher
) -> None:
    heavy = {"httpx", "psutil", "jinja2", "watchdog", "tomlkit", "yaml", "router.observe.git", "router.caddy.caddyfile"}
    assert imported("status", of=heavy) == set()


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_import_no_settings(argument: str) -> None:
    heavy = {"router.settings", "router.store", "httpx", "psutil", "jinja2", "rich", "logging"}
    assert imported(argument, of=heavy) == set()

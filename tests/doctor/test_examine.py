"""What the doctor looks at, each look by itself and all of them together."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router import __version__
from router.doctor import checks_machine, checks_router, checks_worktrees
from router.doctor.checks_router import Seen
from router.doctor.examine import Check, examine, together
from router.doctor.findings import Finding
from router.errors import GitError, SettingsError
from router.settings import Settings, load
from router.store import RunningWatcher, Store

Make = Callable[..., Seen]


def levels(findings: Iterable[Finding]) -> list[str]:
    return [finding.level for finding in findings]


def worktree(name: str = "feature-x", path: str = "/nowhere", **rest: Any) -> dict[str, Any]:
    services = {"web": {"up": True, "program": "vite"}, "api": {"up": False, "program": None}}
    return {"name": name, "path": path, "aliases": [], "services": services, "problems": [], **rest}


def status(*worktrees: dict[str, Any], problems: Iterable[dict[str, Any]] = (), **caddy: Any) -> dict[str, Any]:
    return {"worktrees": list(worktrees), "problems": list(problems), "repositories": [], "caddy": caddy,
            "oauth": {"redirect_uris": ["http://localhost:8080/auth/callback"]}}  # fmt: skip


def problem(kind: str, severity: str = "warning") -> dict[str, Any]:
    return {"kind": kind, "severity": severity, "service": "web", "message": f"a {kind}", "hint": "do this"}


@pytest.fixture
def free() -> int:
    """A port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.fixture
def seen(tmp_path: Path, free: int) -> Make:
    """Make what the checks start from, of a state directory of its own; `running` is since how long a watcher beat."""

    def make(*, running: float | None = None, document: dict[str, Any] | None = None, mode: str = "",
             **settings: Any) -> Seen:  # fmt: skip
        store = Store(tmp_path / "state")
        store.prepare()
        values = {"port": free, **settings}
        if running is not None:
            beat = datetime.now(UTC) - timedelta(seconds=running)
            store.write(store.site / "heartbeat", beat.isoformat())
        chosen = Settings(state_dir=store.directory, **values)
        runs = RunningWatcher(os.getpid(), "2026-01-01", __version__, free, mode or chosen.caddy)
        return Seen(chosen, store, None if running is None else runs, document)

    return make


# Together


def test_findings_keep_the_order_of_their_checks() -> None:
    def slow() -> Iterable[Finding]:
        time.sleep(0.05)
        yield Finding("ok", "a", "slow")

    checks = (Check("a", slow), Check("b", lambda: [Finding("ok", "b", "fast")]), Check("c", tuple))
    assert [finding.message for finding in together(checks)] == ["slow", "fast"]


def test_a_check_that_never_ends_holds_nothing_up() -> None:
    late = Finding("fail", "admin", "Caddy does not answer")
    ever = threading.Event()
    checks = (Check("a", lambda: ever.wait() and ()), Check("admin", lambda: ever.wait() and (), late))  # type: ignore[arg-type]
    began = time.monotonic()
    unknown, told = together(checks, patience=0.1)
    assert time.monotonic() - began < 2
    assert (unknown.level, unknown.check) == ("warn", "a")
    assert told is late
    ever.set()


def test_a_check_that_breaks_is_a_warning_and_an_expected_error_a_failure() -> None:
    def breaks() -> Iterable[Finding]:
        raise ZeroDivisionError("of a bug")

    def fails() -> Iterable[Finding]:
        raise GitError("git is not installed", hint="install git")

    broken, failed = together((Check("a", breaks), Check("git", fails)))
    assert (broken.level, broken.message) == ("warn", "this could not be looked at: ZeroDivisionError: of a bug")
    assert failed == Finding("fail", "git", "git is not installed", "install git")


def test_settings_that_are_broken_are_a_finding_and_the_machine_is_looked_at_all_the_same(tmp_path: Path) -> None:
    def broken() -> Settings:
        raise SettingsError("the setting port cannot be 'x'", hint="set it")

    first, *rest = examine(broken, cwd=tmp_path, sync="sync")
    assert first == Finding("fail", "settings", "the setting port cannot be 'x'", "set it")
    assert {"caddy", "git", "resolve"} <= {finding.check for finding in rest}
    assert "watcher" not in {finding.check for finding in rest}


def test_a_state_directory_that_cannot_be_used_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    first, *_ = examine(lambda: load(state_dir=tmp_path / "state"), cwd=tmp_path, sync="sync")
    assert (first.level, first.check) == ("fail", "settings")


def test_outside_of_every_repository_nothing_of_worktrees_is_wrong(tmp_path: Path, free: int) -> None:
    found = examine(lambda: load(state_dir=tmp_path / "state", port=free), cwd=tmp_path, sync="sync")
    assert "fail" not in levels(found)
    assert [f.level for f in found if f.check == "worktree"] == ["ok"]


# The router


def test_without_a_watcher_it_says_so(seen: Make) -> None:
    [found] = checks_router.watcher(seen())
    assert (found.level, found.hint) == ("warn", "router up --detach")


def test_a_watcher_that_beats_is_alive(seen: Make) -> None:
    assert levels(checks_router.watcher(seen(running=6.0))) == ["ok"]


def test_a_silent_watcher_is_a_failure(seen: Make) -> None:
    [found] = checks_router.watcher(seen(running=40.0))
    assert found.level == "fail"
    assert "silent for 4" in found.message
    assert found.hint.startswith(f"kill -9 {os.getpid()}; router up --detach")


def test_a_watcher_that_slept_with_its_machine_may_beat_again(seen: Make) -> None:
    asleep = seen(running=4000.0)
    beat = threading.Timer(
        0.2, lambda: asleep.store.write(asleep.store.site / "heartbeat", datetime.now(UTC).isoformat())
    )
    beat.start()
    assert levels(checks_router.watcher(asleep)) == ["ok"]
    beat.join()


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-01T00:00:00"])
def test_a_heartbeat_may_say_anything(seen: Make, text: str) -> None:
    odd = seen(running=0.0)
    odd.store.write(odd.store.site / "heartbeat", text)
    assert levels(checks_router.watcher(odd)) == ["fail"]


def test_settings_that_the_watcher_does_not_have_are_told(seen: Make) -> None:
    alive, differs = checks_router.watcher(seen(running=0.0, port=1234))
    assert (alive.level, differs.level) == ("ok", "warn")
    assert "1234" in differs.message
    assert differs.hint.startswith("export ROUTER_PORT=")


def test_a_free_port_is_fine(seen: Make) -> None:
    assert levels(checks_router.port(seen())) == ["ok"]


def test_a_port_that_somebody_else_holds_is_a_failure_that_names_them(seen: Make, free: int) -> None:
    with socket.create_server(("127.0.0.1", free)):
        [found] = checks_router.port(seen())
    assert found.level == "fail"
    assert f"127.0.0.1:{free}" in found.message
    assert f"pid {os.getpid()}" in found.message
    assert found.hint.endswith(f"# or end it: kill {os.getpid()}")


def test_a_port_that_the_watcher_holds_is_its_own(seen: Make, free: int) -> None:
    with socket.create_server(("127.0.0.1", free)):
        assert levels(checks_router.port(seen(running=0.0, document=status()))) == ["ok"]


def test_a_running_router_whose_port_nobody_holds_has_failed(seen: Make) -> None:
    assert levels(checks_router.port(seen(running=0.0, document=status()))) == ["fail"]


def test_an_external_caddy_holds_its_port_itself(seen: Make, free: int) -> None:
    assert levels(checks_router.port(seen(caddy="external"))) == ["ok"]
    assert levels(checks_router.port(seen(caddy="external", running=0.0))) == ["fail"]
    with socket.create_server(("127.0.0.1", free)):
        assert levels(checks_router.port(seen(caddy="external", running=0.0))) == ["ok"]


def test_the_port_of_a_container_is_no_strangers_for_a_command_that_was_told_nothing_of_it(
    seen: Make, free: int
) -> None:
    with socket.create_server(("127.0.0.1", free)):
        assert levels(checks_router.port(seen(running=0.0, mode="external"))) == ["ok"]


def test_caddy_that_does_not_answer_is_a_failure_where_a_watcher_runs(seen: Make, free: int) -> None:
    nobody = f"127.0.0.1:{free}"
    assert levels(checks_router.admin(seen())) == []
    assert levels(checks_router.admin(seen(running=0.0, document=status(admin=nobody)))) == ["fail"]
    assert levels(checks_router.admin(seen(caddy="external", admin=nobody))) == ["warn"]


def test_what_the_watcher_says_of_its_configuration_is_told_once(seen: Make) -> None:
    drift = problem("drift", "error")
    assert levels(checks_router.in_sync(seen())) == []
    assert levels(checks_router.in_sync(seen(running=0.0, document=status(in_sync=True, loads=3)))) == ["ok"]
    assert levels(checks_router.in_sync(seen(running=0.0, document=status(in_sync=False)))) == ["fail"]
    assert levels(checks_router.in_sync(seen(running=0.0, document=status(in_sync=False, problems=[drift])))) == []


def test_what_a_container_reaches_is_said_where_caddy_is_in_one(seen: Make) -> None:
    cannot = status(worktree(problems=[problem("unreachable-from-container", "error")]))
    assert levels(checks_router.from_the_container(seen(running=0.0, document=status(worktree())))) == []
    assert levels(
        checks_router.from_the_container(seen(running=0.0, document=status(worktree()), caddy="compose"))
    ) == ["ok"]
    assert levels(checks_router.from_the_container(seen(running=0.0, document=cannot, caddy="compose"))) == []
    assert levels(checks_worktrees.problems(cannot)) == ["fail"]


# The machine


def test_the_binary_of_this_installation_runs() -> None:
    [found] = checks_machine.caddy("embedded")
    assert found.level == "ok"
    assert found.message.startswith("Caddy v2.")
    assert levels(checks_machine.caddy("external")) == ["ok"]


def test_git_of_this_machine_is_new_enough() -> None:
    [found] = checks_machine.git_version()
    assert (found.level, found.message[:12]) == ("ok", "git version ")


def test_file_watching_and_ipv6_are_looked_at_without_a_failure() -> None:
    assert "fail" not in levels((*checks_machine.watching(), *checks_machine.ipv6()))


def test_each_program_is_told_apart() -> None:
    looks = (
        checks_machine.resolving_in_python((), "sync"),
        checks_machine.resolving_in_curl("sync"),
        checks_machine.resolving_in_browsers((), "sync", "linux"),
    )
    python, curl, *_ = [next(iter(look), None) for look in looks]
    assert python is not None
    assert "Python" in python.message
    assert python.level == "ok" or "sync" in python.hint
    assert curl is None or "curl" in curl.message


def test_safari_asks_the_system() -> None:
    found = checks_machine.resolving_in_browsers((), "sync", "darwin")
    assert [finding.message.split(" ")[0] for finding in found] == ["Chrome,", "Safari"]


def resolved(live: Iterable[str], unknown: Iterable[str], fix: str | None = None) -> Finding:
    return checks_machine.resolved("Python", tuple(live), tuple(unknown), sync="sudo router hosts sync", fix=fix)


def test_hosts_that_are_written_down_are_as_good_as_a_rule_for_all() -> None:
    assert resolved(["a.localhost"], []).level == "ok"


def test_hosts_that_came_since_want_another_sync() -> None:
    found = resolved(["a.localhost", "b.localhost"], ["b.localhost"])
    assert (found.level, found.hint) == ("warn", "sudo router hosts sync")
    assert "1 of 2 live hosts, b.localhost" in found.message


def test_the_hint_is_the_fix_of_this_system_with_the_other_as_a_comment() -> None:
    found = resolved([], [], fix="sudo apt-get install libnss-myhostname")
    assert (
        found.hint == "sudo apt-get install libnss-myhostname   # or, for the live hosts alone: sudo router hosts sync"
    )
    assert resolved(["a.localhost"], ["a.localhost"]).hint == "sudo router hosts sync"


# The worktrees


def test_each_problem_is_a_finding_of_its_worktree() -> None:
    found = list(checks_worktrees.problems(status(
        worktree("a", problems=[problem("moved-port"), problem("port-conflict", "error")]), worktree("b"),
        problems=[problem("watcher-down", "error"), problem("drift", "error")],
    )))  # fmt: skip
    assert [(f.level, f.check, f.of, f.message) for f in found] == [
        ("fail", "router", None, "a drift [drift]"),
        ("warn", "worktree", "a", "a moved-port [moved-port]"),
        ("fail", "worktree", "a", "a port-conflict [port-conflict]"),
        ("ok", "worktree", None, "1 of 2 worktrees have no problem"),
    ]
    assert found[0].hint == "do this"


def test_a_repository_that_is_not_served_is_named(tmp_path: Path) -> None:
    assert list(checks_worktrees.unserved(status(), tmp_path)) == []
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    [found] = checks_worktrees.unserved(status(), tmp_path)
    assert (found.level, found.hint) == ("ok", "router up")
    served = {**status(), "repositories": [{"git_dir": str(tmp_path.resolve() / ".git")}]}
    assert list(checks_worktrees.unserved(served, tmp_path)) == []


def test_what_a_framework_lacks_is_the_line_itself(tmp_path: Path) -> None:
    django = tmp_path / "backend"
    (django / "shop").mkdir(parents=True)
    (django / "manage.py").write_text('("DJANGO_SETTINGS_MODULE", "shop.settings")')
    (django / "shop" / "settings.py").write_text('ALLOWED_HOSTS = ["shop.test"]')
    (tmp_path / "package.json").write_text('{"devDependencies": {"vite": "^7"}}')
    vite, lacking = checks_worktrees.needs(status(worktree("a", str(tmp_path))))
    assert (vite.level, vite.message, vite.hint, vite.of) == ("ok", "vite needs nothing", "", "a")
    assert (lacking.level, lacking.hint) == ("warn", 'ALLOWED_HOSTS = [*ALLOWED_HOSTS, ".localhost"]')
    assert "backend/shop/settings.py lacks this line" in lacking.message


def test_what_only_a_host_of_two_labels_needs_is_a_warning_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "Gemfile").write_text('gem "rails"')
    [found] = checks_worktrees.needs(status(worktree("a", str(tmp_path))))
    assert (found.level, found.hint) == ("ok", r"config.hosts << /[a-z0-9.-]+\.localhost(:\d+)?/")
    services = {"web": {"up": True, "program": "vite"}, "api": {"up": True, "program": "puma"}}
    [found] = checks_worktrees.needs(status(worktree("a", str(tmp_path), services=services)))
    assert found.level == "warn"


def test_the_usual_redirect_uri_is_taken_by_all() -> None:
    [found] = checks_worktrees.sign_ins(["http://localhost:8080/auth/callback"])
    assert found.level == "ok"
    assert "Entra, Google, GitHub, Okta" in found.message


def test_a_redirect_uri_that_is_refused_and_one_that_is_a_pattern() -> None:
    long, pattern, several = checks_worktrees.sign_ins(
        [f"http://localhost:8080/{'a' * 300}", "http://localhost:8080/cb/*"]
    )
    assert (long.level, long.message[:18]) == ("warn", "Entra does not tak")
    assert (pattern.level, several.level) == ("ok", "ok")
    assert "http://localhost:8080/cb/google" in pattern.message

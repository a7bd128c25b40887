"""What is checked of Caddy: its admin API, its configuration, its binary, its way out of a container."""

import contextlib
import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

from router.caddy.caddyfile import MARK_LOG
from router.doctor.checks import admin, caddy_binary, container, sync, worktrees
from tests.doctor.checks.conftest import Make
from tests.doctor.documents import levels, problem, status, worktree


class _Server(socketserver.UnixStreamServer):
    """An admin API that serves one configuration."""

    config: str

    def get_request(self) -> tuple[object, tuple[str, int]]:  # type: ignore[override]
        request, _ = super().get_request()
        return request, ("unix", 0)


class _Answer(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        body = self.server.config.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextlib.contextmanager
def admin_api(path: Path, config: object, *, mode: int = 0o600) -> Iterator[str]:
    """Serve a configuration on a unix socket as Caddy's admin API does; yield its address."""
    with _Server(str(path), _Answer) as server:
        path.chmod(mode)
        server.config = json.dumps(config)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"unix/{path}"
        finally:
            server.shutdown()


OWN = {"logging": {"logs": {MARK_LOG: {}}}, "apps": {"http": {}}}


def test_caddy_that_answers_is_fine(installation: Make, tmp_path: Path) -> None:
    with admin_api(tmp_path / "a.sock", OWN) as address:
        assert levels(admin.check(installation(silent=0.0, status=status(admin=address)))) == ["ok"]


def test_a_configuration_of_somebody_else_is_a_failure(installation: Make, tmp_path: Path) -> None:
    with admin_api(tmp_path / "a.sock", {"apps": {"http": {"servers": {}}}}) as address:
        [finding] = admin.check(installation(silent=0.0, status=status(admin=address)))
    assert (finding.level, finding.hint.split("   ")[0]) == ("fail", "router down; router up --detach --take-over")


def test_a_socket_that_others_may_open_is_a_failure_with_the_command(installation: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with admin_api(path, OWN, mode=0o666) as address:
        [finding] = admin.check(installation(silent=0.0, status=status(admin=address)))
    assert (finding.level, finding.hint) == ("fail", f"chmod 600 {path}")


def test_caddy_that_does_not_answer_is_a_failure_where_a_watcher_runs(installation: Make, free: int) -> None:
    nobody = f"127.0.0.1:{free}"
    assert levels(admin.check(installation())) == []
    assert levels(admin.check(installation(caddy="compose"))) == []
    assert levels(admin.check(installation(silent=0.0, status=status(admin=nobody)))) == ["fail"]
    assert levels(admin.check(installation(caddy="external", admin=nobody))) == ["warn"]


def test_a_configuration_that_is_not_the_watchers_is_reported_once(installation: Make) -> None:
    drift = problem("drift", "error")
    assert levels(sync.check(installation(status=status(in_sync=False)))) == []
    assert levels(sync.check(installation(silent=0.0, status=status(in_sync=True, loads=3)))) == ["ok"]
    assert levels(sync.check(installation(silent=0.0, status=status(in_sync=False)))) == ["fail"]
    assert levels(sync.check(installation(silent=0.0, status=status(in_sync=False, problems=[drift])))) == []


def test_what_a_container_reaches_is_said_where_caddy_is_in_one(installation: Make) -> None:
    cannot = status(worktree(problems=[problem("unreachable-from-container", "error")]))
    assert levels(container.check(installation(silent=0.0, status=status(worktree())))) == []
    assert levels(container.check(installation(silent=0.0, status=status(worktree()), caddy="compose"))) == ["ok"]
    assert levels(container.check(installation(silent=0.0, status=cannot, caddy="compose"))) == []
    assert levels(worktrees.check_problems(cannot)) == ["fail"]


def test_the_binary_of_this_installation_runs() -> None:
    [finding] = caddy_binary.check("embedded")
    assert finding.level == "ok"
    assert finding.message.startswith("Caddy v2.")
    assert levels(caddy_binary.check("external")) == ["ok"]

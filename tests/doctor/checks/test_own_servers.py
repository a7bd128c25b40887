"""What is said of servers of the router's own: those that run, and those that should."""

import os
import signal

from router.data.servers import running
from router.doctor.checks import own_servers
from tests.doctor.checks.conftest import Make
from tests.e2e.routers import wait_until


def test_a_server_that_runs_is_told_with_its_memory_and_one_that_has_ended_with_what_to_do(installation: Make) -> None:
    installed = installation()
    state = installed.store.directory
    assert [*own_servers.check(installed)] == []
    at = running.ensure(state, "redis")
    found = running.running(state, "redis")
    assert found
    try:
        (finding,) = own_servers.check(installed)
        assert finding.level == "ok"
        assert finding.message.startswith(f"Valkey on 127.0.0.1:{at.port} (pid {found.process.pid}) runs, with ")
        assert not finding.message.endswith("with 0 MB (pss)")
    finally:
        os.kill(found.process.pid, signal.SIGKILL)
    wait_until(lambda: running.running(state, "redis") is None)
    (finding,) = own_servers.check(installed)
    assert (finding.level, finding.message.endswith(" has ended")) == ("warn", True)
    assert "router provision" in finding.hint

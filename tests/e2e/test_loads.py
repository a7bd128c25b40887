"""What a load of another configuration leaves behind in Caddy."""

from pathlib import Path

import psutil
import pytest

from tests.e2e.caddies import running
from tests.e2e.routers import Upstream, wait_until
from tests.fakes import route, service, table

pytestmark = pytest.mark.e2e


def test_a_load_leaves_no_connection_to_a_dev_server_behind(tmp_path: Path) -> None:
    with Upstream("app") as app:
        tables = [table(route("x", service("web", app.port), service("api", port))) for port in range(9001, 9006)]
        with running(tables[0], tmp_path) as caddy:
            process = psutil.Process(caddy.process.pid)

            def kept() -> int:
                return sum(bool(c.raddr) and c.raddr.port == app.port for c in process.net_connections("tcp"))

            for each in tables:
                assert caddy.load(each).status_code == 200
                answer = caddy.request("GET", "/", host=f"x.localhost:{caddy.site.port}")
                assert answer.text == "app"
            wait_until(lambda: kept() <= 1, limit=3, what="those of the loads before closed")

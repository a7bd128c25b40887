"""The memory of worktrees: real processes, and what an engine says of containers."""

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from math import inf
from pathlib import Path
from typing import Any

import pytest

from router.processes import containers
from router.processes.containers import Container
from router.processes.usage import with_memory
from tests.processes.scenes import Started, wait_until
from tests.processes.servers import beside_an_agent, by_npm


def status(*trees: Path, **ports: int) -> dict[str, Any]:
    """Return a status document of these worktrees; the services are the first one's."""
    services = {name: {"port": port, "up": True, "source": "listener"} for name, port in ports.items()}
    return {
        "origin": "http://localhost:8080",
        "worktrees": [
            {"name": each.name, "path": str(each), "services": {} if number else services}
            for number, each in enumerate(trees)
        ],
    }


def measured(document: dict[str, Any], *composed: Container) -> dict[str, Any]:
    return with_memory(document, routers=(), composed=lambda: composed)


def by_hand(*pids: int) -> int:
    """Return the sum of what the kernel counts to these processes, in bytes."""
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for pid in pids]
    return sum(int(line.split()[1]) * 1024 for lines in texts for line in lines if line.startswith("Pss:"))


def near(measured: int, *pids: int) -> bool:
    """Tell whether that is what the kernel counts to these processes, but for what others began or ended to share."""
    counted = by_hand(*pids)
    return abs(measured - counted) <= counted * 0.05


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def test_a_worktrees_memory_is_the_sum_of_its_processes(here: Path, tmp_path: Path, real: Started) -> None:
    npm = by_npm(real, here)
    shell, editor = real.shell(here), real.idle(here, name="nvim", code="held = b'x' * 30_000_000\n")
    (tmp_path / "there").mkdir()
    there = real.server(tmp_path / "there")[0]

    def counted() -> dict[str, Any] | None:
        document = measured(status(here, tmp_path / "there"))
        first, second = (tree["memory"]["bytes"] for tree in document["worktrees"])
        return document if near(first, *npm, shell, editor) and near(second, there) else None

    document = wait_until(counted, what="what the kernel counts")
    first, second = (tree["memory"] for tree in document["worktrees"])
    assert (first["kind"], first["processes"], first["containers"]) == ("pss", len(npm) + 2, 0)
    assert document["memory"]["bytes"] == first["bytes"] + second["bytes"]
    assert document["memory"]["processes"] == len(npm) + 3


def test_what_could_be_given_back_is_told_from_what_is_only_shown(here: Path, real: Started) -> None:
    agent, server, port = beside_an_agent(real, here)
    editor = real.idle(here, name="nvim", code="held = b'x' * 30_000_000\n")

    def counted() -> dict[str, Any] | None:
        document = measured(status(here, web=port))
        told = document["worktrees"][0]["memory"]
        return document if near(told["reclaimable"], server) and near(told["shown"]["editor"], editor) else None

    document = wait_until(counted, what="what the kernel counts")
    told = document["worktrees"][0]["memory"]
    assert set(told["shown"]) == {"agent", "editor"}
    assert told["bytes"] == told["reclaimable"] + sum(told["shown"].values())
    web = document["worktrees"][0]["services"]["web"]["memory"]
    assert (web["bytes"], web["processes"]) == (told["reclaimable"], 1)
    assert agent


def test_a_service_that_is_down_has_none(here: Path) -> None:
    document = status(here, web=1)
    document["worktrees"][0]["services"]["web"]["up"] = False
    assert "memory" not in measured(document)["worktrees"][0]["services"]["web"]
    assert measured(document)["memory"]["bytes"] == 0


class _Stats(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(self.server.answers.get(self.path.partition("?")[0])).encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "engine"


class _Engine(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    answers: dict[str, Any]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[_Engine]:
    """Something that answers at a unix socket as an engine does."""
    with _Engine(str(tmp_path / "e.sock"), _Stats) as server:
        server.answers = {}
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def test_a_containers_memory_is_what_docker_stats_shows(here: Path, engine: _Engine) -> None:
    path = str(engine.server_address)
    engine.answers["/containers/1/stats"] = {
        "memory_stats": {"usage": 90_000_000, "stats": {"inactive_file": 20_000_000}}
    }
    engine.answers["/containers/2/stats"] = {"message": "no such container"}
    box = Container(path, "1", "shop-web-1", "shop", "web", str(here), (9,))
    other = Container(path, "2", "other-db-1", "other", "db", "/elsewhere", ())
    document = status(here, web=9)
    document["worktrees"][0]["services"]["web"]["source"] = "container:shop-web-1"
    found = measured(document, box, other)["worktrees"][0]
    assert found["memory"] == {
        "bytes": 70_000_000, "kind": "pss", "processes": 0, "containers": 1, "reclaimable": 70_000_000, "shown": {},
    }  # fmt: skip
    assert found["services"]["web"]["memory"]["bytes"] == 70_000_000
    assert containers.memory(other) == 0


def test_running_containers_of_compose_are_read_and_odd_ones_left_out(engine: _Engine, here: Path) -> None:
    def box(name: str, **labels: str) -> dict[str, Any]:
        compose = {f"com.docker.compose.{key.replace('_dir', '.working_dir')}": value for key, value in labels.items()}
        ports = [{"PrivatePort": 80, "PublicPort": 8000, "Type": "tcp"}, {"PrivatePort": 81, "Type": "tcp"}]
        return {"Id": name, "Names": [f"/{name}"], "Labels": compose, "Ports": ports}

    engine.answers["/containers/json"] = [
        box("shop-db-1", project="shop", service="db", project_dir=str(here)),
        box("odd-1", project="--all", service="db", project_dir=str(here)),
        box("odd-2", project="shop", service="db", project_dir="relative"),
        box("odd-3", project="shop", service="db", project_dir="/nul\0"),
        box("plain"),
        {"Id": 1},
        None,
    ]
    path = str(engine.server_address)
    assert containers.running([path]) == (
        Container(path, "shop-db-1", "shop-db-1", "shop", "db", str(here), (8000,), inf),
    )
    assert containers.running(["/no/engine"]) == ()


def test_a_container_is_of_the_deepest_worktree_around_its_project(tmp_path: Path) -> None:
    nested = tmp_path / ".claude/worktrees/x/infra"
    nested.mkdir(parents=True)
    box = Container("e", "1", "a", "p", "s", str(nested), ())
    roots = [str(tmp_path), str(nested.parent)]
    assert containers.within([box], str(nested.parent), roots=roots) == (box,)
    assert containers.within([box], str(tmp_path), roots=roots) == ()

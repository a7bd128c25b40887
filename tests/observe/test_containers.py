"""Compose services of worktrees, as the Docker engine lists them."""

import json
import os
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.model import Container
from router.naming import is_label
from router.observe.containers import engine_sockets, published, services
from router.observe.patient_files import PatientFiles
from tests.hangs import hung_disk

PREFIX = "com.docker.compose."
EXCLUDED = frozenset({5432, 6379})


def entry(folder: str, service: str = "web", *ports: tuple[int, int], **rest: Any) -> dict[str, Any]:
    """Return a container as `GET /containers/json` has it; `ports` are private and public."""
    labels = {f"{PREFIX}project.working_dir": folder, f"{PREFIX}service": service, f"{PREFIX}oneoff": "False"}
    return {
        "Names": [f"/shop-{service}-1"],
        "State": "running",
        "Labels": labels | {PREFIX + key: value for key, value in rest.pop("labels", {}).items()},
        "Ports": [
            {"IP": ip, "PrivatePort": private, "PublicPort": public, "Type": "tcp"}
            for private, public in ports or [(80, 32768)]
            for ip in ("0.0.0.0", "::")
        ],
        **rest,
    }


def found(*entries: object, roots: tuple[str, ...] = ("/wt",)) -> tuple[Container, ...]:
    return services(entries, {root: os.path.realpath(root) for root in roots}, excluded=EXCLUDED)


def test_a_service_of_a_worktree() -> None:
    assert found(entry("/wt/docker")) == (Container("/wt", "web", "shop-web-1", 32768),)


def test_the_deepest_worktree_counts_and_others_projects_do_not(tmp_path: Path) -> None:
    inner = tmp_path / "main/.worktrees/x"
    inner.mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(inner)
    roots = (str(tmp_path / "main"), str(link))
    listed = [entry(str(inner)), entry(str(tmp_path / "main"), "api"), entry(str(tmp_path / "main-2"), "docs")]
    assert {(c.worktree, c.service) for c in found(*listed, roots=roots)} == {(roots[1], "web"), (roots[0], "api")}


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([(9000, 1), (8080, 2), (3000, 3)], 3),
        ([(9100, 1), (9000, 2)], 2),
        ([(5432, 15432), (9000, 2)], 2),
        ([(5432, 15432)], None),
        ([(80, 0)], None),
        ([(80, 70000)], None),
    ],
)
def test_which_of_several_ports(ports: list[tuple[int, int]], expected: int | None) -> None:
    assert [c.port for c in found(entry("/wt", "web", *ports))] == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    "port",
    [
        {"IP": "192.168.1.2", "PrivatePort": 80, "PublicPort": 9, "Type": "tcp"},
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 9, "Type": "udp"},
        {"PrivatePort": 80, "Type": "tcp"},
    ],
)
def test_ports_that_loopback_does_not_reach(port: dict[str, object]) -> None:
    assert not found(entry("/wt", Ports=[port]))


@pytest.mark.parametrize(
    "odd",
    [
        {"labels": {"oneoff": "True"}},
        {"State": "exited"},
        {"Names": []},
        {"Names": ["/a b"]},
        {"Ports": None},
        {"Labels": None},
        {"labels": {"service": "a b"}},
        {"labels": {"service": ""}},
        {"labels": {"project.working_dir": "wt"}},
        {"labels": {"project.working_dir": "/wt/\0"}},
        {"labels": {"project.working_dir": "/wt/\ud800"}},
    ],
)
def test_containers_that_are_no_services(odd: dict[str, Any]) -> None:
    assert not found(entry("/wt", **odd))


def test_a_services_name_becomes_a_label() -> None:
    assert [c.service for c in found(entry("/wt", "My_API.v2"))] == ["my-api-v2"]


def test_one_container_for_each_service_whatever_the_order() -> None:
    first = entry("/wt", "web", (80, 2), Names=["/b"], labels={"container-number": "1"})
    second = entry("/wt", "web", (80, 1), Names=["/a"], labels={"container-number": "2"})
    assert found(first, second) == found(second, first) == (Container("/wt", "web", "b", 2),)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["Names", "State", "Labels", "Ports"]


@settings(deadline=None, max_examples=50)
@given(st.lists(JSON, max_size=3), st.sampled_from(FIELDS), JSON)
def test_nonsense_is_no_service(entries: list[object], field: str, value: object) -> None:
    assert not found(*entries)
    for container in found(entry("/wt") | {field: value}):
        assert field == "State" or container.port == 32768


@settings(deadline=None)
@given(st.text(), st.text(), st.text(), st.integers() | st.booleans(), st.integers())
def test_what_comes_out_can_be_used(folder: str, service: str, name: str, private: int, public: int) -> None:
    for container in found(entry(f"/wt/{folder}", service, (private, public), Names=[name])):
        assert is_label(container.service)
        assert 0 < container.port < 65536
        assert container.name.isascii()
        assert container.worktree == "/wt"


@contextmanager
def engine(body: bytes, *, status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """Serve one answer on a unix socket; yields its path and the requests that came."""
    requests: list[str] = []

    class Engine(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *args: object) -> None:
            pass

    with tempfile.TemporaryDirectory(prefix="wtr") as folder:  # short: 104 bytes are all a socket's path may have
        path = f"{folder}/docker.sock"
        with socketserver.UnixStreamServer(path, Engine) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield path, requests
            finally:
                server.shutdown()
                thread.join(5)


def test_the_engine_is_asked_for_running_compose_containers(tmp_path: Path) -> None:
    listed = [entry(str(tmp_path)), entry(str(tmp_path), "db", (5432, 5432))]
    with engine(json.dumps(listed).encode()) as (path, requests):
        link = tmp_path / "again.sock"
        link.symlink_to(path)
        services = published(
            {str(tmp_path): os.path.realpath(tmp_path)}, sockets=[path, str(link), str(tmp_path / "none.sock")]
        )
    assert services == (Container(str(tmp_path), "web", "shop-web-1", 32768),)
    [request] = requests
    assert urlsplit(request).path == "/containers/json"
    [filters] = parse_qs(urlsplit(request).query)["filters"]
    assert json.loads(filters) == {"label": [f"{PREFIX}project.working_dir"], "status": ["running"]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'{"message": "no"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b"[1" + b"0" * 5000 + b"]",
        b"[null, 1, []]",
    ],
)
def test_an_answer_that_cannot_be_understood(body: bytes) -> None:
    with engine(body) as (path, _):
        assert published({"/": "/"}, sockets=[path]) == ()


def test_an_engine_that_fails_or_is_none(tmp_path: Path) -> None:
    with engine(b'{"message": "oops"}', status=500) as (path, _):
        assert published({"/": "/"}, sockets=[path]) == ()
    left = tmp_path / "file"
    left.touch()
    assert published({"/": "/"}, sockets=[str(left), path]) == ()


def test_a_socket_that_nobody_serves() -> None:
    with tempfile.TemporaryDirectory(prefix="wtr") as folder, socket.socket(socket.AF_UNIX) as dead:
        dead.bind(f"{folder}/s")
        assert published({"/": "/"}, sockets=[f"{folder}/s"]) == ()


def test_without_docker_httpx_is_not_even_imported() -> None:
    code = (
        "import sys; from router.observe.containers import published; "
        "assert published({}, sockets=['/nonexistent/docker.sock']) == (); sys.exit('httpx' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ("/var/run/docker.sock", "/h/.docker/run/docker.sock", "/h/.docker/desktop/docker.sock")),
        ({"DOCKER_HOST": "unix:///run/my.sock", "XDG_RUNTIME_DIR": "/run/user/1"}, ("/run/my.sock",)),
        ({"DOCKER_HOST": "tcp://far:2375"}, ()),
        ({"DOCKER_HOST": "ssh://far"}, ()),
    ],
)
def test_where_the_engine_listens(environ: dict[str, str], expected: tuple[str, ...]) -> None:
    assert engine_sockets(environ, "/h") == expected


def test_a_rootless_engine() -> None:
    assert "/run/user/1/docker.sock" in engine_sockets({"XDG_RUNTIME_DIR": "/run/user/1"}, "/h")


def test_a_project_on_a_hung_disk_keeps_no_other_waiting(tmp_path: Path) -> None:
    far, near = tmp_path / "far" / "worktree", tmp_path / "near"
    far.mkdir(parents=True)
    near.mkdir()
    roots = {str(path): os.path.realpath(path) for path in (far, near)}
    with hung_disk(far.parent):
        began = time.monotonic()
        entries = [entry(str(far)), entry(str(near), "api")]
        found = services(entries, roots, excluded=EXCLUDED, real_path=PatientFiles().real_path)
        assert time.monotonic() - began < 20  # who asks the hung disk waits for ever
    assert [(each.worktree, each.service) for each in found] == [(str(far), "web"), (str(near), "api")]

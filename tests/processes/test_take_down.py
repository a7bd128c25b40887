"""Taking a stack down, against an engine that answers as it is told: what is asked of it, and what never is."""

import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from router.model import WorktreeId
from router.processes.containers import Container
from router.processes.stacks import Stack
from router.processes.take_down import Kept, TakenDown, take_down
from router.remembered import GoneWorktree

LOST = GoneWorktree(WorktreeId("/w/shop/.git", "x", 1), "/w/shop.x", "shop", "x", ("x",), 100.0, "shop-x", "x")
OURS = {"com.docker.compose.project": "shop-x"}


@dataclass
class Engine:
    """What an engine answers by method and path, else 204; and what it was asked to change."""

    path: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)

    def stack(self, *ids: str, project: str = "shop-x", stays: str = "") -> Stack:
        boxes = (Container(self.path, each, f"shop-x-{each}-1", project, each, LOST.path, ()) for each in ids)
        return Stack(LOST, self.path, project, tuple(boxes), stays)

    def takes_down(self, wanted: Stack, found: Stack | None = None) -> TakenDown:
        return take_down([wanted], again=lambda: [found or wanted], patience=1)


@contextmanager
def engine(**answers: tuple[int, Any]) -> Iterator[Engine]:
    """Serve on a unix socket; `answers` are by method and path, with `_` between them."""
    made = Engine(answers={key.replace("_", " ", 1): value for key, value in answers.items()})

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            asked = f"{self.command} {urlsplit(self.path).path}"
            status, body = made.answers.get(asked, (204, None))
            if self.command != "GET":
                made.changes.append(asked)
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that it is asked by

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *args: object) -> None:
            pass

    class Threads(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    with tempfile.TemporaryDirectory(prefix="wtr") as folder:
        made.path = f"{folder}/docker.sock"
        with Threads(made.path, Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield made
            finally:
                server.shutdown()
                thread.join(5)


def test_only_what_is_labelled_and_named_after_the_project_goes_with_the_containers() -> None:
    networks = [
        {"Id": "n1", "Name": "shop-x_default", "Labels": OURS},
        {"Id": "n2", "Name": "shop_default", "Labels": {}},
    ]
    volumes = [
        {"Name": "shop-x_data", "Labels": {**OURS, "com.docker.compose.volume": "data"}},
        {"Name": "shopdata", "Labels": {**OURS, "com.docker.compose.volume": "shared"}},
        {"Name": "shop-x_busy", "Labels": {**OURS, "com.docker.compose.volume": "busy"}},
        {"Name": "shop_data", "Labels": {"com.docker.compose.project": "shop", "com.docker.compose.volume": "data"}},
        {"Name": "plain", "Labels": None},
    ]
    answers = {"GET_/networks": (200, networks), "GET_/volumes": (200, {"Volumes": volumes})}
    with engine(**answers, **{"DELETE_/volumes/shop-x_busy": (409, {"message": "in use"})}) as made:
        done = made.takes_down(made.stack("web", "db"))
    assert (set(done.containers), done.networks) == ({"shop-x-web-1", "shop-x-db-1"}, ("shop-x_default",))
    assert (done.volumes, done.failed) == (("shop-x_data",), ())
    assert set(done.kept) == {
        Kept("shopdata", "its name does not say whose it is"), Kept("shop-x_busy", "another container uses it"),
    }  # fmt: skip
    assert [each for each in made.changes if "/containers/" not in each] == [
        "DELETE /networks/n1", "DELETE /volumes/shop-x_data", "DELETE /volumes/shop-x_busy",
    ]  # fmt: skip


def test_a_project_that_is_called_as_its_directory_keeps_its_volumes() -> None:
    volumes = [
        {"Name": "shopx_data", "Labels": {"com.docker.compose.project": "shopx", "com.docker.compose.volume": "data"}}
    ]
    with engine(**{"GET_/networks": (200, []), "GET_/volumes": (200, {"Volumes": volumes})}) as made:
        done = made.takes_down(made.stack("web", project="shopx"))
    assert (len(done.containers), done.volumes) == (1, ())
    assert done.kept == (Kept("shopx_data", "another directory's project may be called so too"),)
    assert not [each for each in made.changes if "/volumes/" in each]


def test_while_a_container_is_there_its_networks_and_volumes_stay() -> None:
    with engine(**{"DELETE_/containers/db": (500, {"message": "driver failed"})}) as made:
        done = made.takes_down(made.stack("web", "db"))
    assert done.containers == ("shop-x-web-1",)
    assert ["driver failed" in each.message for each in done.failed] == [True]
    assert all("/containers/" in each for each in made.changes)


def test_what_has_ended_or_is_gone_by_now_is_as_good_as_taken_down() -> None:
    gone = {"POST_/containers/web/stop": (304, None), "DELETE_/containers/web": (404, {"message": "no such"})}
    with engine(**gone, **{"GET_/networks": (200, []), "GET_/volumes": (200, {"Volumes": None})}) as made:
        done = made.takes_down(made.stack("web"))
    assert (done.containers, done.failed) == (("shop-x-web-1",), ())


def test_what_joined_a_stack_or_speaks_against_it_since_it_was_listed_lets_all_of_it_be() -> None:
    with engine() as made:
        listed = made.stack("web")
        assert made.takes_down(listed, made.stack("web", "db")) == TakenDown()
        assert made.takes_down(listed, made.stack("web", stays="its project also runs in /w/shop")) == TakenDown()
        assert made.takes_down(listed, made.stack("other")) == TakenDown()
        assert made.changes == []


def test_an_engine_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    away = Engine(path=str(tmp_path / "docker.sock"))
    done = away.takes_down(away.stack("web"))
    assert done.containers == ()
    assert ["does not answer" in each.message for each in done.failed] == [True]

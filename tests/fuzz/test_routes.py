"""What holds for every route table, however its worktrees, servers and memory came about."""

import contextlib
import json
import random
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import status
from router.caddy import assets, caddyfile
from router.caddy.embedded import binary
from router.caddy.explain import explanation
from router.errors import RouterError
from router.model import Memory, Observed, Problem, RouteTable
from router.naming import is_label
from router.routes.plan import plan
from router.status import CaddyStatus, Frame, WatcherStatus
from router.store import Store
from tests.caddy.test_caddyfile import hostile_tables
from tests.fakes import SITE
from tests.fuzz import part
from tests.routes.test_plan import observations

LOOKS = st.lists(observations(), min_size=1, max_size=3)


@given(LOOKS)
def test_every_name_is_a_label_and_every_port_is_one(looks: list[Observed]) -> None:
    memory = Memory()
    for seen in looks:
        planned = plan(seen, memory)
        memory = planned.memory
        for route in planned.table.routes:
            assert all(map(is_label, route.names))
            assert all(0 < service.port < 65536 for service in route.services)
            assert route.services[0].name == "web"


@given(LOOKS)
def test_a_memory_that_was_written_and_read_again_gives_the_same_plan(
    tmp_path_factory: pytest.TempPathFactory, looks: list[Observed]
) -> None:
    store = Store(tmp_path_factory.getbasetemp() / "fuzz-plans")
    store.prepare()
    memory = Memory()
    for seen in looks:
        memory = plan(seen, memory).memory
        store.remember(memory)
        assert store.remembered() == memory
    assert plan(looks[-1], memory) == plan(looks[-1], store.memory())


@given(observations(), st.randoms(use_true_random=False))
def test_the_order_in_which_servers_are_seen_does_not_matter(seen: Observed, chance: random.Random) -> None:
    listeners, containers = list(seen.listeners), list(seen.containers)
    chance.shuffle(listeners)
    chance.shuffle(containers)
    again = plan(replace(seen, listeners=tuple(listeners), containers=tuple(containers)), Memory())
    assert again == plan(seen, Memory())


@given(LOOKS)
def test_two_worktrees_share_a_port_only_where_both_listen_there_or_one_is_told(looks: list[Observed]) -> None:
    memory = Memory()
    for seen in looks:
        planned = plan(seen, memory)
        memory = planned.memory
        listening: dict[int, set[str | None]] = {}
        for each in seen.listeners:
            listening.setdefault(each.port, set()).add(each.worktree)
        whose: dict[int, str] = {}
        for route in planned.table.routes:
            for port in {service.port for service in route.services}:
                other = whose.setdefault(port, route.worktree.path)
                assert other == route.worktree.path or {other, route.worktree.path} <= listening.get(port, set())


TEXT = st.text(max_size=30) | st.binary(max_size=20).map(lambda raw: raw.decode(errors="surrogateescape"))
PROBLEMS = st.lists(
    st.builds(Problem, st.sampled_from(["drift", "bad-port"]), TEXT, TEXT, st.none() | TEXT), max_size=2
)


@part(0.5)
@given(hostile_tables(), PROBLEMS)
def test_the_document_is_json_that_any_reader_takes(table: RouteTable, problems: list[Problem]) -> None:
    caddy = CaddyStatus(running=True, mode="embedded", admin="unix//s")
    frame = Frame(8080, ("http://localhost:8080/auth/callback",), WatcherStatus(running=False), caddy,
                  problems=tuple(problems))  # fmt: skip
    document = status.document(table, frame)
    text = json.dumps(document, allow_nan=False, ensure_ascii=False)
    assert json.loads(text) == document


@given(hostile_tables(), st.text(max_size=60))
def test_whatever_is_asked_is_explained_or_refused(table: RouteTable, text: str) -> None:
    for what in (text, f"http://{text}", f"http://localhost:8080/{text}", f"WT1.{text}"):
        with contextlib.suppress(RouterError):
            assert explanation(what, table, port=8080, paths=("/auth/callback",), target="host")


@part(0.1)
@given(hostile_tables() | observations().map(lambda seen: plan(seen, Memory()).table))
def test_caddy_takes_every_route_table(tmp_path_factory: pytest.TempPathFactory, table: RouteTable) -> None:
    text = caddyfile.render(table, SITE, templates=assets.templates())
    file = Path(tmp_path_factory.getbasetemp() / "fuzz.caddyfile")
    file.write_text(text)
    done = subprocess.run(
        [binary(), "adapt", "--config", file, "--adapter", "caddyfile"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "not formatted" not in done.stderr
    assert json.loads(done.stdout)["apps"]["http"]

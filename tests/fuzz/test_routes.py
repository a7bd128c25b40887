"""What holds for every route table, however its worktrees, servers and memory came about."""

import contextlib
import json
import random
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import status
from router.caddy import assets, caddyfile
from router.caddy.embedded import binary
from router.caddy.explain import explanation
from router.errors import RouterError
from router.model import Observed, Override, Problem, Worktree
from router.naming import is_label, label
from router.remembered import Memory
from router.route_table import Route, RouteTable
from router.routes.plan import Plan, plan
from router.routes.sockets import sockets
from router.status import CaddyStatus, Frame, WatcherStatus
from router.store import Store
from tests.caddy.test_caddyfile import hostile_tables
from tests.fakes import SITE
from tests.fuzz import SLOW, part
from tests.routes.looks import histories, observations


def planned(looks: list[Observed]) -> Iterator[tuple[Observed, Plan]]:
    """Plan one look after the other, each with what is remembered of those before."""
    memory = Memory()
    for seen in looks:
        found = plan(seen, memory)
        memory = found.memory
        yield seen, found


def successive(looks: list[Observed]) -> Iterator[tuple[tuple[Observed, Plan], tuple[Observed, Plan]]]:
    return pairwise(planned(looks))


def owners(table: RouteTable) -> dict[str, Route]:
    """Return whose each name is."""
    return {name: route for route in table.routes for name in route.names}


@SLOW
@given(histories())
def test_every_name_is_a_label_of_one_worktree_and_every_port_is_one(looks: list[Observed]) -> None:
    for _, found in planned(looks):
        names = [name for route in found.table.routes for name in route.names]
        assert all(map(is_label, names))
        assert len(set(names)) == len(names)
        for route in found.table.routes:
            assert all(0 < service.port < 65536 for service in route.services)
            assert route.services[0].name == "web"


@SLOW
@given(histories())
def test_a_second_look_at_the_same_changes_nothing(looks: list[Observed]) -> None:
    for seen, found in planned(looks):
        assert plan(seen, found.memory) == found


@SLOW
@given(histories(longest=4))
def test_no_live_name_changes_its_owner(looks: list[Observed]) -> None:
    for (_, before), (seen, now) in successive(looks):
        for name, route in owners(before.table).items():
            new = owners(now.table).get(name)
            if new is not None and new.worktree.id != route.worktree.id:
                assert _may_have_left(name, route, seen), f"{name} went from {route.worktree} to {new.worktree}"


def _may_have_left(name: str, route: Route, seen: Observed) -> bool:
    """Tell whether a name is its worktree's no longer: nobody looks at it, or it is gone, or asks for another name."""
    repository = next((r for r in seen.repositories if r.common_dir == route.worktree.id.common_dir), None)
    if repository is None:
        return True
    tree = next((each for each in repository.worktrees if each.id == route.worktree.id), None)
    if tree is None:
        return repository.answered
    asks = (tree.branch, repository.overrides.get(tree.branch or "", Override()).name)
    asked = (route.worktree.branch, None)
    same_directory = Path(tree.path).name == Path(route.worktree.path).name
    of_directory = name != route.name and name == label(Path(route.worktree.path).name)
    return not same_directory if of_directory else (asks, repository.strip) != (asked, ())


@SLOW
@given(histories(longest=4))
def test_the_names_of_the_gone_go_to_the_same_branch_or_wait(looks: list[Observed]) -> None:
    for (_, before), (seen, now) in successive(looks):
        for left in before.memory.gone:
            back = any(each.id == left.id for each in _worktrees(seen))
            for name in left.names if not back and seen.now - left.since < 900 else ():
                if new := owners(now.table).get(name):
                    same = (new.worktree.id.common_dir, new.worktree.branch) == (left.id.common_dir, left.branch)
                    assert same or _is_named(new, name, seen)


def _worktrees(seen: Observed) -> Iterator[Worktree]:
    return (worktree for repository in seen.repositories for worktree in repository.worktrees)


def _is_named(route: Route, name: str, seen: Observed) -> bool:
    repository = next(r for r in seen.repositories if r.common_dir == route.worktree.id.common_dir)
    settings = repository.overrides.get(route.worktree.branch or "")
    return bool(settings and settings.name and label(settings.name) == name)


@SLOW
@given(histories())
def test_no_host_shows_what_another_worktree_another_user_or_two_owners_serve(looks: list[Observed]) -> None:
    for seen, found in planned(looks):
        listening = sockets(seen)
        for route in found.table.routes:
            for service in route.services:
                assert service.port not in seen.reserved
                dialled = [each for each in listening.by_port.get(service.port, ()) if each.address == service.address]
                if not service.blocked:
                    assert all(each.worktree in (None, route.worktree.path) for each in dialled)
                    assert not any(each.shared or listening.of_another_user(each) for each in dialled)
                else:
                    assert not service.up
                    assert {p.kind for p in route.problems if p.service == service.name} & {
                        "stranger-on-port", "shared-port",
                    }  # fmt: skip


@SLOW
@given(histories())
def test_two_worktrees_share_a_port_only_where_both_listen_there(looks: list[Observed]) -> None:
    for seen, found in planned(looks):
        whose: dict[int, set[str]] = defaultdict(set)
        for route in found.table.routes:
            for service in route.services:
                whose[service.port].add(route.worktree.path)
        held = sockets(seen).owners
        assert all(len(paths) == 1 or paths <= held.get(port, frozenset()) for port, paths in whose.items())


@SLOW
@given(histories())
def test_two_worktrees_have_no_port_and_no_name_in_shared_servers_in_common(looks: list[Observed]) -> None:
    for seen, found in planned(looks):
        there = {tree.id for tree in _worktrees(seen)}
        remembered = [each for each in found.memory.worktrees if each.id in there]
        # a worktree's own services may have one port together, where its files say so
        ports = [port for each in remembered for port in {service.env_port for service in each.services.values()}]
        assert len(set(ports)) == len(ports)
        assert not set(ports) & seen.reserved
        routed = {route.worktree.id for route in found.table.routes}
        identities = [(each.project, each.scope) for each in remembered if each.id in routed]
        for values in zip(*identities, strict=True):
            assert len(set(values)) == len(values)


@SLOW
@given(observations(), observations())
def test_an_assigned_port_stays_while_nothing_but_servers_change(before: Observed, other: Observed) -> None:
    memory = plan(before, Memory()).memory
    now = plan(replace(before, listeners=other.listeners), memory).memory
    for kept, known in zip(now.worktrees, memory.worktrees, strict=True):
        services = {name: service.assigned for name, service in known.services.items() if name in kept.services}
        assert {name: kept.services[name].assigned for name in services} == services


@SLOW
@given(histories())
def test_a_memory_that_was_written_and_read_again_gives_the_same_plan(
    tmp_path_factory: pytest.TempPathFactory, looks: list[Observed]
) -> None:
    store = Store(tmp_path_factory.getbasetemp() / "fuzz-plans")
    store.prepare()
    for seen, found in planned(looks):
        store.remember(found.memory)
        assert store.remembered() == found.memory
        assert plan(seen, store.memory()) == plan(seen, found.memory)


@SLOW
@given(observations(), st.randoms(use_true_random=False))
def test_the_order_in_which_servers_are_seen_does_not_matter(seen: Observed, chance: random.Random) -> None:
    listeners, containers = list(seen.listeners), list(seen.containers)
    chance.shuffle(listeners)
    chance.shuffle(containers)
    again = plan(replace(seen, listeners=tuple(listeners), containers=tuple(containers)), Memory())
    assert again == plan(seen, Memory())


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

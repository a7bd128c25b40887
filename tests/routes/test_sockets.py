"""Whose sockets a worktree is routed to: its own, nobody's of this user, and never another user's or a shared one."""

from dataclasses import replace

import pytest

from router.model import Container, Listener, Observed, Problem
from router.ports import service_port
from router.remembered import Memory
from router.route_table import Service
from router.routes.plan import plan
from tests.fakes import ME, declared, listener, observed, worktree
from tests.routes.looks import NOTHING, WEB, after, assigned, kinds, problems, web

BOB = ME + 1
TREE, OTHER = worktree("x", declared(3000)), worktree("y", created=2)
PLAIN = worktree("x")


def served(seen: Observed, memory: Memory = NOTHING, *, label: str = "x") -> Service:
    """Return the web service of a worktree."""
    return next(route.services[0] for route in plan(seen, memory).table.routes if route.name == label)


def only_problem(seen: Observed, memory: Memory = NOTHING) -> Problem:
    """Return the only problem of the worktree x."""
    [problem] = problems(seen, memory)["x"]
    return problem


def bobs(port: int, **rest: object) -> Listener:
    """Return another user's listener, whose process cannot be seen."""
    return listener(port, **{"uid": BOB, "pid": None, "program": None, **rest})  # type: ignore[arg-type]


# Another user


def test_another_users_server_on_a_declared_port_is_not_routed_to() -> None:
    seen = observed(TREE, bobs(3000))
    service = served(seen)
    assert (service.port, service.source) == (3000, "env:.env.local")
    assert service.blocked
    assert not service.up
    assert service.pid is None


def test_another_users_server_is_reported_with_all_that_is_known_of_it() -> None:
    problem = only_problem(observed(TREE, bobs(3000, pid=77, program="nc", directory="/home/bob\n")))
    assert (problem.kind, problem.severity, problem.service) == ("stranger-on-port", "error", "web")
    for known in ("3000", "77", "nc", str(BOB), "/home/bob%0A", ".env.local"):
        assert known in problem.message


def test_one_whose_process_cannot_be_seen_is_reported_by_its_user() -> None:
    assert f"a process (user {BOB})" in only_problem(observed(TREE, bobs(3000))).message


@pytest.mark.parametrize("rest", [{}, {"pid": 7, "program": "docker-proxy"}, {"worktree": TREE.path, "pid": 7}])
def test_another_users_socket_is_nobodys_server_wherever_its_process_works(rest: dict[str, object]) -> None:
    for tree in (TREE, PLAIN):
        seen = observed(tree, bobs(3000, **rest))
        assert not served(seen).up
        assert kinds(seen) == {"x": ["stranger-on-port"] if tree is TREE else []}


def test_another_users_server_on_the_assigned_port_blocks_it_and_moves_nothing() -> None:
    memory = after(observed(PLAIN))
    seen = observed(PLAIN, bobs(WEB))
    assert served(seen, memory).blocked
    assert only_problem(seen, memory).kind == "stranger-on-port"
    assert "assigned" in only_problem(seen, memory).message
    assert web(seen, memory) == {"x": (WEB, "hash")}
    assert not served(observed(PLAIN), after(seen, memory=memory)).blocked


def test_another_users_server_where_the_own_one_was_last_seen_is_not_routed_to() -> None:
    memory = after(observed(PLAIN, listener(5173, PLAIN)))
    seen = observed(PLAIN, bobs(5173))
    assert served(seen, memory).blocked
    assert web(seen, memory) == {"x": (5173, "listener")}
    assert kinds(seen, memory) == {"x": ["stranger-on-port"]}


def test_the_own_server_elsewhere_is_routed_while_another_user_has_the_declared_port() -> None:
    for serves in (None, "http", "html"):
        seen = observed(TREE, bobs(3000), listener(3001, TREE, serves=serves))
        assert web(seen) == {"x": (3001, "listener")}
        assert served(seen).up
        assert kinds(seen) == {"x": ["moved-port"]}
        assert str(BOB) in only_problem(seen).message
        assert web(observed(TREE, bobs(3000)), after(seen)) == {"x": (3001, "listener")}


def test_the_own_server_is_dialled_though_another_user_has_the_port_of_the_other_family() -> None:
    seen = observed(TREE, bobs(3000), listener(3000, TREE, address="::1"))
    assert (served(seen).address, served(seen).up, kinds(seen)) == ("::1", True, {"x": []})


def test_what_listens_for_the_other_family_alone_is_not_dialled_in_place_of_the_own_server() -> None:
    memory = after(observed(TREE, listener(3000, TREE, address="::1")))
    assert served(observed(TREE, bobs(3000)), memory).blocked


@pytest.mark.parametrize("uid", [None, 0, ME], ids=["unknown", "root", "this-user"])
def test_sockets_of_this_user_of_root_and_of_nobody_knows_whom_are_routed_to(uid: int | None) -> None:
    seen = observed(TREE, listener(3000, pid=None, uid=uid))
    assert served(seen).up
    assert kinds(seen) == {"x": []}


def test_a_router_that_does_not_know_its_user_routes_to_all() -> None:
    assert served(observed(TREE, bobs(3000), uid=None)).up


def test_no_service_is_assigned_a_port_of_another_user() -> None:
    seen = observed(PLAIN, bobs(WEB))
    assert assigned(after(seen)) == {"x": WEB + 1}
    assert kinds(seen) == kinds(seen, after(seen)) == {"x": ["hash-collision"]}
    assert str(BOB) in only_problem(seen).message


def test_a_service_that_has_to_go_steps_over_what_others_listen_on() -> None:
    thief = worktree("evil", created=2)
    memory = after(observed(PLAIN, thief))
    seen = observed(PLAIN, thief, listener(WEB, thief), bobs(WEB + 1), listener(WEB + 2), listener(WEB + 3, PLAIN))
    assert web(seen, memory)["x"] == (WEB + 3, "listener")
    down = replace(seen, listeners=seen.listeners[:-1])
    assert web(down, memory)["x"] == (WEB + 3, "hash")


def test_a_service_that_has_to_go_steps_over_the_ports_of_others() -> None:
    thief, neighbour = worktree("evil", created=2), worktree("z", declared(WEB + 1), created=3)
    memory = after(observed(PLAIN, thief, neighbour))
    seen = observed(PLAIN, thief, neighbour, listener(WEB, thief))
    assert web(seen, memory)["x"] == (WEB + 2, "hash")
    assert web(seen, memory)["z"] == (WEB + 1, "env:.env.local")


def test_a_service_that_has_to_go_steps_over_the_routers_own_ports() -> None:
    thief = worktree("evil", created=2)
    memory = after(observed(PLAIN, thief))
    seen = observed(PLAIN, thief, listener(WEB, thief), reserved=frozenset({WEB + 1}))
    assert web(seen, memory)["x"] == (WEB + 2, "hash")


# A process of nobody's worktree


def test_a_stranger_of_this_user_on_a_declared_port_is_routed_and_reported() -> None:
    seen = observed(TREE, listener(3000, pid=77, program="python", directory="/srv"))
    assert served(seen).up
    problem = only_problem(seen)
    assert (problem.kind, problem.severity) == ("stranger-on-port", "error")
    for known in ("3000", "77", "python", "/srv"):
        assert known in problem.message


def test_a_stranger_of_this_user_on_the_assigned_port_is_reported_too() -> None:
    seen, memory = observed(PLAIN, listener(WEB, pid=77)), after(observed(PLAIN))
    assert served(seen, memory).up
    assert kinds(seen, memory) == {"x": ["stranger-on-port"]}


@pytest.mark.parametrize(
    "rest",
    [{"pid": None}, {"pid": 7, "program": "docker-proxy", "uid": 0}, {"pid": 7, "program": "rootlesskit"}],
    ids=["not-seen", "docker", "rootless"],
)
def test_what_listens_for_a_container_is_no_stranger(rest: dict[str, object]) -> None:
    assert kinds(observed(TREE, listener(3000, **rest))) == {"x": []}  # type: ignore[arg-type]


def test_what_listens_on_a_published_port_is_no_stranger_whatever_its_program() -> None:
    container = Container(PLAIN.path, "web", "x-web-1", 32768)
    seen = observed(PLAIN, listener(32768, program="forwarder"), containers=(container,))
    assert served(seen).up
    assert kinds(seen) == {"x": []}


# Two owners of one port


def test_a_port_that_two_worktrees_share_is_routed_for_neither_and_reported_for_both() -> None:
    one, other = TREE, worktree("y", declared(3000), created=2)
    seen = observed(one, other, *(listener(3000, tree, shared=True, pid=n) for n, tree in enumerate((one, other), 7)))
    for label in ("x", "y"):
        assert served(seen, label=label).blocked
        assert not served(seen, label=label).up
        [problem] = problems(seen)[label]
        assert (problem.kind, problem.severity, problem.service) == ("shared-port", "error", "web")
        for known in ("3000", one.path, other.path, "pid 7", "pid 8"):
            assert known in problem.message


def test_a_port_that_a_worktree_shares_with_a_stranger_is_not_routed() -> None:
    for tree in (TREE, PLAIN):
        seen = observed(tree, listener(3000, tree, shared=True), listener(3000, shared=True, pid=9, program="nc"))
        assert served(seen).blocked
        assert served(seen).port == 3000
        assert kinds(seen) == {"x": ["shared-port"]}
        assert "nc (pid 9)" in only_problem(seen).message


def test_a_shared_port_of_others_is_not_routed_for_one_that_declares_it() -> None:
    seen = observed(TREE, listener(3000, pid=7, shared=True))
    assert served(seen).blocked
    assert kinds(seen) == {"x": ["shared-port"]}


def test_of_a_port_that_is_shared_for_one_family_the_other_is_dialled() -> None:
    seen = observed(TREE, listener(3000, TREE, shared=True), listener(3000, TREE, address="::1"))
    assert (served(seen).address, kinds(seen)) == ("::1", {"x": []})


def test_a_port_that_is_shared_is_assigned_to_nobody() -> None:
    seen = observed(PLAIN, listener(WEB, PLAIN, shared=True))
    assert assigned(after(seen)) == {"x": WEB + 1}


# Containers own the ports that they publish


def test_a_port_that_anothers_container_publishes_is_not_routed_as_last_seen() -> None:
    memory = after(observed(PLAIN, OTHER, listener(5173, PLAIN)))
    container = Container(OTHER.path, "web", "y-web-1", 5173)
    seen = observed(PLAIN, OTHER, listener(5173, pid=None, uid=0), containers=(container,))
    assert web(seen, memory) == {"x": (WEB, "hash"), "y": (5173, "container:y-web-1")}


def test_a_process_that_is_seen_counts_before_a_container_that_may_have_ended() -> None:
    container = Container(OTHER.path, "web", "y-web-1", 3000)
    seen = observed(TREE, OTHER, listener(3000, TREE), containers=(container,))
    assert web(seen)["x"] == (3000, "env:.env.local")
    assert web(seen)["y"] == (service_port("web", "y"), "hash")


# A port that changes hands


def test_a_port_that_anothers_process_has_by_now_is_in_no_way_the_first_ones() -> None:
    for tree in (TREE, PLAIN):
        memory = after(observed(tree, OTHER, listener(3000, tree)))
        planned = plan(observed(tree, OTHER, listener(3000, OTHER)), memory)
        assert {r.name: [s.port for s in r.services].count(3000) for r in planned.table.routes} == {"x": 0, "y": 1}
        [known] = [each for each in planned.memory.worktrees if each.label == "x"]
        assert known.services["web"].port != 3000

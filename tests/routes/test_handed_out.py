"""A port that was handed out: what listens there is that worktree's, wherever it works, if it is nobody else's."""

from dataclasses import replace

from router.model import Observed
from router.ports import service_port
from router.remembered import Memory
from router.route_table import Service
from router.routes.memory import merged, with_assignments
from router.routes.plan import plan
from tests.fakes import ME, declared, listener, observed, worktree
from tests.routes.looks import kinds

TREE, OTHER = worktree("x"), worktree("y", created=2)
WEB = service_port("web", "x")


def handed_out(memory: Memory, port: int = WEB, service: str = "web", label: str = "x") -> Memory:
    """Return a memory in which a port of a worktree was handed out."""
    worktrees = [
        replace(each, services={**each.services, service: replace(each.services[service], handed_out=port)})
        if each.label == label
        else each
        for each in memory.worktrees
    ]
    return replace(memory, worktrees=tuple(worktrees))


def web(look: Observed, memory: Memory, label: str = "x") -> Service:
    found = plan(look, memory)
    assert plan(look, found.memory) == found
    [route] = [route for route in found.table.routes if route.name == label]
    return route.services[0]


MEMORY = handed_out(plan(observed(TREE, OTHER), Memory()).memory)


def test_a_server_outside_at_a_port_that_was_handed_out_is_the_worktrees_and_no_stranger() -> None:
    look = observed(TREE, OTHER, listener(WEB, pid=77, directory="/opt"))
    assert (web(look, MEMORY).port, web(look, MEMORY).up, web(look, MEMORY).pid) == (WEB, True, 77)
    assert kinds(look, MEMORY) == {"x": [], "y": []}
    assert kinds(look, plan(observed(TREE, OTHER), Memory()).memory)["x"] == ["stranger-on-port"]


def test_so_is_one_of_root_and_one_that_cannot_be_seen() -> None:
    for rest in ({"uid": 0}, {"pid": None}):
        look = observed(TREE, OTHER, listener(WEB, **rest))
        assert web(look, MEMORY).up
        assert kinds(look, MEMORY) == {"x": [], "y": []}


def test_another_users_and_one_that_shares_the_port_are_not() -> None:
    for rest in ({"uid": ME + 1}, {"shared": True}):
        assert not web(observed(TREE, OTHER, listener(WEB, pid=77, **rest)), MEMORY).up


def test_what_works_in_another_worktree_is_that_ones() -> None:
    look = observed(TREE, OTHER, listener(WEB, OTHER, pid=77))
    assert web(look, MEMORY).port != WEB
    assert web(look, MEMORY, "y").port == WEB


def test_a_declared_port_that_was_handed_out_has_no_stranger() -> None:
    tree = worktree("x", declared(4000))
    memory = handed_out(plan(observed(tree), Memory()).memory, 4000)
    look = observed(tree, listener(4000, pid=77))
    assert (web(look, memory).port, kinds(look, memory)) == (4000, {"x": []})


def test_a_port_that_is_the_environments_no_more_is_handed_out_no_more() -> None:
    memory = handed_out(plan(observed(worktree("x", declared(4000))), Memory()).memory, 4000)
    memory = plan(observed(worktree("x", declared(4001))), memory).memory
    assert memory.worktrees[0].services["web"].handed_out is None


def test_what_a_command_handed_out_stands_beside_what_a_watcher_sees() -> None:
    base = plan(observed(TREE, OTHER), Memory()).memory
    mine = plan(observed(TREE, OTHER, listener(5173, TREE)), base).memory
    both = merged(base, mine, handed_out(base))
    [known] = [each for each in both.worktrees if each.label == "x"]
    assert (known.services["web"].handed_out, known.services["web"].port) == (WEB, 5173)
    again = with_assignments(both, plan(observed(TREE, OTHER), both).memory)
    assert [each for each in again.worktrees if each.label == "x"] == [known]


def test_of_a_service_that_nobody_knows_of_nothing_is_wrong() -> None:
    api = service_port("api", "x")
    memory = plan(observed(TREE), Memory()).memory
    assert kinds(observed(TREE, listener(api, pid=77)), memory) == {"x": []}

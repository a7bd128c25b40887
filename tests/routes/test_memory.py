"""What two who remember at once, a command and the watcher, agree on."""

from dataclasses import replace

from router.model import ServiceSpec
from router.remembered import Memory, RememberedWorktree
from router.routes.memory import merged, with_assignments
from router.routes.plan import plan
from tests.fakes import listener, observed, repository, worktree
from tests.routes.looks import after, kept

FREE = (ServiceSpec("web", ("PORT",), ports="free", base=5173),)
MAIN, TREE = worktree("main"), worktree("x")


def web_ports(memory: Memory) -> list[int]:
    return sorted(filter(None, (each.services["web"].assigned for each in memory.worktrees)))


def names(memory: Memory) -> dict[str, tuple[str, ...]]:
    """Return the names that each remembered worktree keeps, by path."""
    return {each.path: (each.label, *each.aliases) if each.wanted else each.aliases for each in memory.worktrees}


def test_a_port_that_a_command_assigned_meanwhile_stands() -> None:
    mine_seen = observed(repository(MAIN, TREE, services=FREE))
    base = after(observed(repository(MAIN, services=FREE)))
    mine = plan(mine_seen, base).memory
    theirs = plan(observed(repository(worktree("main", common="/b/.git"), services=FREE)), base).memory
    both = merged(base, mine, theirs)
    assert web_ports(both) == [5173, 5174]
    assert web_ports(plan(mine_seen, both).memory) == [5173, 5174, 5175]


def test_a_name_that_a_command_gave_out_meanwhile_stands() -> None:
    one, other = worktree("a/b", path="/w/t"), worktree("a-b", path="/n/t", common="/b/.git")
    base = Memory()
    mine, theirs = plan(observed(one), base).memory, plan(observed(other), base).memory
    both = merged(base, mine, theirs)
    assert names(both) == {"/w/t": (), "/n/t": ("a-b", "t")}
    table = plan(observed(repository(one), repository(other, name="blog")), both).table
    assert {route.worktree.path: route.names for route in table.routes} == {"/w/t": ("shop-a-b",), "/n/t": ("a-b", "t")}


def test_what_has_left_does_not_come_back() -> None:
    base = after(observed(MAIN, TREE))
    mine = plan(observed(MAIN), base).memory
    assert mine.gone
    assert merged(base, mine, base) == mine


def test_what_a_command_saw_to_be_gone_is_remembered() -> None:
    base = after(observed(MAIN, TREE))
    theirs = with_assignments(base, plan(observed(MAIN), base).memory)
    assert [left.path for left in theirs.gone] == [TREE.path]
    for mine in (base, plan(observed(MAIN), base).memory):
        both = merged(base, mine, theirs)
        there, left = {each.path for each in both.worktrees}, {each.path for each in both.gone}
        assert there | left == {MAIN.path, TREE.path}
        assert not there & left


def test_what_is_gone_for_one_and_there_for_the_other_is_there() -> None:
    base = after(observed(MAIN, TREE))
    mine = plan(observed(MAIN), base).memory
    theirs = replace(base, worktrees=tuple(_with_another_port(each) for each in base.worktrees))
    both = merged(base, mine, theirs)
    assert TREE.id in kept(both)
    assert both.gone == ()


def _with_another_port(known: RememberedWorktree) -> RememberedWorktree:
    services = {name: replace(service, assigned=4000 + len(name)) for name, service in known.services.items()}
    return replace(known, services=services) if known.id == TREE.id else known


def test_what_was_forgotten_meanwhile_is_not_gone_again() -> None:
    base = after(observed(MAIN, TREE), observed(MAIN))
    mine = plan(observed(MAIN, now=1e9), base).memory
    assert mine.gone == ()
    assert merged(base, mine, base).gone == ()


def test_a_command_forgets_nothing_that_the_watcher_saw() -> None:
    seen = after(observed(TREE, listener(4000, TREE, program="next")))
    looked = with_assignments(seen, plan(observed(TREE), seen).memory)
    [service] = [each.services["web"] for each in looked.worktrees]
    assert (service.port, service.source, service.program) == (4000, "listener", "next")


def test_a_command_remembers_paths_and_aliases() -> None:
    looked = with_assignments(Memory(), plan(observed(worktree("x", path="/w/t")), Memory()).memory)
    assert names(looked) == {"/w/t": ("x", "t")}

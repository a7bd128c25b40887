"""Which claim keeps a port that several services want."""

from router.model import Observed, ServiceSpec, Worktree
from router.routes.claims import Candidate, Claim, settle
from router.routes.sockets import sockets
from tests.fakes import listener, observed, worktree

OLD, NEW = worktree("old", created=1), worktree("new", created=2)
NOBODY = observed()


def claim(of: Worktree, *named: int, assigned: int = 4000, service: str = "web", had: int = 0) -> Claim:
    """Return a service's claim on the ports that files name, then on the assigned one."""
    return Claim(
        worktree=of,
        service=ServiceSpec(service),
        named=tuple(Candidate(port, "env:.env") for port in named),
        assigned=Candidate(assigned, "hash"),
        had=frozenset({had}),
        natural=(assigned,),
    )


def granted(*claims: Claim, seen: Observed = NOBODY, reserved: frozenset[int] = frozenset()) -> list[int]:
    return [grant.port for grant in settle(claims, sockets(seen), reserved=reserved)]


def test_a_port_goes_to_the_one_that_had_it_else_to_the_first() -> None:
    assert granted(claim(OLD, 3000), claim(NEW, 3000)) == [3000, 4000]
    assert granted(claim(OLD, 3000), claim(NEW, 3000, had=3000)) == [4000, 3000]


def test_a_port_on_which_a_process_listens_is_its_worktrees_alone() -> None:
    seen = observed(listener(3000, NEW))
    assert granted(claim(OLD, 3000, had=3000), claim(NEW, 3000), seen=seen) == [4000, 3000]
    assert granted(claim(OLD, 3000), seen=seen) == [4000]


def test_two_that_both_listen_on_a_port_keep_it() -> None:
    seen = observed(listener(3000, OLD), listener(3000, NEW, address="::1"))
    assert granted(claim(OLD, 3000), claim(NEW, 3000), seen=seen) == [3000, 3000]


def test_who_loses_falls_to_the_next_candidate_and_may_lose_again() -> None:
    third = worktree("third", created=3)
    claims = claim(OLD, 3000), claim(NEW, 3001, had=3001), claim(third, 3000, 3001, 3002)
    assert granted(*claims) == [3000, 3001, 3002]


def test_a_claim_that_comes_later_can_be_the_stronger_one() -> None:
    claims = claim(OLD, 3000), claim(NEW, 3001), claim(worktree("third", created=3), 3000, 3001, had=3001)
    assert granted(*claims) == [3000, 4000, 3001]


def test_services_of_one_worktree_share_a_port_that_files_name_for_both() -> None:
    assert granted(claim(OLD, 3000), claim(OLD, 3000, service="api", assigned=4001)) == [3000, 3000]


def test_a_service_that_is_only_assigned_a_port_leaves_it_to_one_that_a_file_names() -> None:
    assert granted(claim(OLD, assigned=3000), claim(OLD, 3000, service="api")) == [3001, 3000]
    assert granted(claim(OLD, 3000), claim(OLD, assigned=3000, service="api", had=3000)) == [3000, 3001]


def test_it_does_so_too_where_a_stronger_claim_had_to_go_first() -> None:
    claims = claim(OLD, 3000), claim(NEW, 3000), claim(NEW, assigned=3000, service="api")
    assert granted(*claims, seen=observed(listener(3000, NEW))) == [4000, 3000, 3001]


def test_after_its_assigned_port_a_service_takes_the_next_that_is_nobodys() -> None:
    seen = observed(listener(4000, NEW), listener(4001), listener(4003, OLD))
    assert granted(claim(OLD), claim(NEW, 4000), seen=seen, reserved=frozenset({4002})) == [4004, 4000]


def test_after_the_highest_port_follows_the_lowest() -> None:
    assert granted(claim(OLD, 65_535), claim(NEW, assigned=65_535)) == [65_535, 1024]

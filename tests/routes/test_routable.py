"""Which worktrees have no route, and what is shown of them."""

from dataclasses import replace

from router.remembered import Memory
from router.routes.plan import plan
from tests.fakes import declared, listener, observed, repository, worktree
from tests.routes.looks import NOTHING, after, kept

OWNER = worktree("x", declared(3000), path="/w/x", created=5)
LINK = worktree("y", declared(3000), path="/w/link\n", created=1)
LINKED = replace(LINK, same_as=OWNER.path)


def test_of_two_worktrees_with_one_directory_the_true_owner_has_the_route() -> None:
    table = plan(observed(OWNER, LINKED, listener(3000, OWNER)), Memory()).table
    [route] = table.routes
    assert (route.name, route.services[0].up, route.problems) == ("x", True, ())


def test_the_other_one_is_shown_as_an_error_with_both_paths() -> None:
    [problem] = plan(observed(OWNER, LINKED), Memory()).table.problems
    assert (problem.kind, problem.severity) == ("same-directory", "error")
    assert "/w/link%0A" in problem.message
    assert OWNER.path in problem.message


def test_what_became_a_link_keeps_its_names_and_ports_for_when_it_is_one_no_longer() -> None:
    before = plan(observed(OWNER, LINK), NOTHING)
    memory = after(observed(OWNER, LINKED), memory=before.memory)
    assert kept(memory)[LINK.id] == kept(before.memory)[LINK.id]
    assert plan(observed(OWNER, LINK), memory).table == before.table


def test_it_is_shown_where_its_repository_has_nothing_else() -> None:
    table = plan(observed(repository(LINKED)), Memory()).table
    assert [problem.kind for problem in table.problems] == ["same-directory"]


def test_one_that_git_is_still_adding_is_no_problem() -> None:
    table = plan(observed(replace(LINKED, made=False)), Memory()).table
    assert (table.routes, table.problems) == ((), ())

"""Which services there are: none before it is declared, configured or found, and then in every worktree."""

from dataclasses import replace

import pytest

from router.model import Container, Observed, Override, ServiceSpec
from router.ports import service_port
from router.remembered import Memory
from router.routes.memory import with_assignments
from router.routes.plan import plan
from tests.fakes import declared, listener, observed, repository, worktree

MAIN, TREE = worktree("main"), worktree("x")


def seen(look: Observed, memory: Memory | None = None) -> dict[str, set[str]]:
    """Return the services that each worktree has, by label; a second look at the same says the same."""
    found = plan(look, memory or Memory())
    assert plan(look, found.memory) == found
    return {route.name: {each.name for each in route.services if each.seen} for route in found.table.routes}


def test_without_a_sign_of_it_there_is_no_api() -> None:
    look = observed(MAIN, TREE, listener(5173, TREE, serves="html"))
    assert seen(look) == {"main": {"web"}, "x": {"web"}}
    [_, route] = plan(look, Memory()).table.routes
    api = route.service("api")
    assert api  # its port is given all the same
    assert (api.port, api.seen) == (service_port("api", "x"), False)


BOTH = {"main": {"web", "api"}, "x": {"web", "api"}}


@pytest.mark.parametrize(
    "look",
    [
        observed(MAIN, worktree("x", declared(8000, service="api"))),
        observed(repository(MAIN, TREE, services=(ServiceSpec("web"), ServiceSpec("api", ("API_PORT",))))),
        observed(repository(MAIN, TREE, overrides={"x": Override(ports={"api": 8000})})),
        observed(MAIN, TREE, listener(service_port("api", "x"), TREE)),
        observed(MAIN, TREE, listener(1, TREE, serves="html"), listener(8000, TREE, serves="http")),
        observed(MAIN, TREE, containers=(Container(TREE.path, "api", "x-api-1", 32768),)),
    ],
    ids=["declared", "configured", "by branch", "listening", "found", "container"],
)
def test_what_one_worktree_has_all_of_its_repository_have(look: Observed) -> None:
    assert seen(look) == BOTH


def test_what_was_ever_found_is_there_although_its_worktree_is_gone() -> None:
    found = plan(observed(MAIN, TREE, listener(service_port("api", "x"), TREE)), Memory()).memory
    assert seen(observed(MAIN, worktree("y", created=5)), found) == {"main": {"web", "api"}, "y": {"web", "api"}}


def test_what_was_only_declared_goes_with_its_declaration() -> None:
    before = plan(observed(MAIN, worktree("x", declared(8000, service="api"))), Memory()).memory
    assert seen(observed(MAIN, TREE), before) == {"main": {"web"}, "x": {"web"}}


def test_another_repositorys_api_is_none_of_this_one() -> None:
    other = worktree("main", common="/b/.git")
    look = observed(repository(MAIN), repository(other), listener(service_port("api", "main"), MAIN))
    assert sorted(map(sorted, seen(look).values())) == [["api", "web"], ["web"]]


def test_a_stranger_at_the_port_of_the_api_is_no_api() -> None:
    remembered = plan(observed(MAIN), Memory()).memory
    look = observed(MAIN, listener(service_port("api", "main"), pid=77))
    assert seen(look, remembered) == {"main": {"web"}}


def test_a_command_that_looks_less_closely_forgets_no_service() -> None:
    memory = plan(observed(MAIN, listener(service_port("api", "main"), MAIN)), Memory()).memory
    again = with_assignments(memory, plan(observed(replace(MAIN, branch="main")), memory).memory)
    assert seen(observed(MAIN), again) == {"main": {"web", "api"}}

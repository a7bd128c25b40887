"""Servers that no file declares: which of a worktree's listeners is which service."""

from dataclasses import replace

from router.model import Container, Listener, Observed, ServiceSpec
from router.ports import service_port
from router.remembered import Memory
from router.route_table import Route
from router.routes.discovered import MOST
from router.routes.plan import plan
from tests.fakes import declared, listener, observed, repository, worktree

TREE = worktree("x")
WEB, API = service_port("web", "x"), service_port("api", "x")


def one(seen: Observed, memory: Memory | None = None) -> Route:
    [route] = plan(seen, memory or Memory()).table.routes
    return route


def ports(seen: Observed, memory: Memory | None = None) -> dict[str, tuple[int, str]]:
    return {s.name: (s.port, s.source) for s in one(seen, memory).services}


def kinds(seen: Observed, memory: Memory | None = None) -> list[str]:
    return [problem.kind for problem in one(seen, memory).problems]


def test_the_only_listener_is_web() -> None:
    assert ports(observed(TREE, listener(5173, TREE))) == {"web": (5173, "listener"), "api": (API, "hash")}


def test_of_two_the_one_with_pages_is_web_and_the_other_api() -> None:
    seen = observed(TREE, listener(8000, TREE, serves="http"), listener(5173, TREE, serves="html"))
    assert ports(seen) == {"web": (5173, "listener"), "api": (8000, "listener")}
    assert kinds(seen) == []


def test_two_that_nobody_has_asked_are_ambiguous() -> None:
    seen = observed(TREE, listener(8000, TREE), listener(5173, TREE))
    assert ports(seen) == {"web": (WEB, "hash"), "api": (API, "hash")}
    [problem] = one(seen).problems
    assert problem.kind == "ambiguous-port"
    assert problem.service == "web"
    assert "5173, 8000" in problem.message
    assert "FRONTEND_PORT" in problem.hint


def test_two_with_pages_are_ambiguous_for_web_and_none_of_them_is_api() -> None:
    seen = observed(TREE, listener(6006, TREE, serves="html"), listener(5173, TREE, serves="html"))
    assert [(p.kind, p.service) for p in one(seen).problems] == [("ambiguous-port", "web")]


def test_two_that_speak_http_are_ambiguous_for_api() -> None:
    seen = observed(
        TREE, listener(5173, TREE, serves="html"), *(listener(p, TREE, serves="http") for p in (8000, 8001))
    )
    assert [(p.kind, p.service) for p in one(seen).problems] == [("ambiguous-port", "api")]


def test_a_listener_on_both_families_is_one_server() -> None:
    seen = observed(TREE, listener(5173, TREE, serves="html"), listener(5173, TREE, address="::1"),
                    listener(8000, TREE, serves="http"))  # fmt: skip
    assert ports(seen) == {"web": (5173, "listener"), "api": (8000, "listener")}


def test_of_two_families_that_answer_differently_the_one_that_is_dialled_counts() -> None:
    four, six = listener(5173, TREE, serves="http"), listener(5173, TREE, address="::1", serves="html")
    seen = observed(TREE, four, six, listener(8000, TREE, serves="html"))
    for each in (seen, replace(seen, listeners=seen.listeners[::-1])):
        assert ports(each) == {"web": (8000, "listener"), "api": (5173, "listener")}


def test_debuggers_and_databases_are_no_candidates() -> None:
    seen = observed(TREE, listener(5173, TREE), listener(9229, TREE), listener(5432, TREE))
    assert ports(seen)["web"] == (5173, "listener")


def test_the_routers_own_ports_are_no_candidates() -> None:
    assert ports(observed(TREE, listener(8080, TREE), listener(2019, TREE)))["web"] == (WEB, "hash")


def test_somebody_elses_listener_is_no_candidate() -> None:
    other = worktree("y")
    table = plan(observed(TREE, other, listener(5173), listener(5174, other)), Memory()).table
    assert [(r.name, r.services[0].port) for r in table.routes] == [("x", WEB), ("y", 5174)]


def test_what_a_file_gives_to_one_service_is_no_candidate_for_another() -> None:
    tree = worktree("x", declared(8000, service="api"))
    assert ports(observed(tree, listener(8000, tree)))["web"] == (WEB, "hash")


def test_a_server_at_its_hash_port_keeps_hash_as_its_source() -> None:
    seen = observed(TREE, listener(WEB, TREE, pid=7))
    assert ports(seen)["web"] == (WEB, "hash")
    assert one(seen).services[0].up
    assert one(seen).services[0].pid == 7


def test_a_server_at_the_hash_port_of_api_is_api_though_it_is_alone() -> None:
    seen = observed(TREE, listener(API, TREE, serves="http"))
    assert ports(seen) == {"web": (WEB, "hash"), "api": (API, "hash")}


def test_a_server_at_its_hash_port_leaves_the_other_to_be_found() -> None:
    seen = observed(TREE, listener(API, TREE), listener(5173, TREE))
    assert ports(seen) == {"web": (5173, "listener"), "api": (API, "hash")}
    assert kinds(seen) == []


def test_api_does_not_become_web_when_web_stops() -> None:
    web, api = listener(5173, TREE, serves="html"), listener(8000, TREE, serves="http")
    memory = plan(observed(TREE, web, api), Memory()).memory
    assert ports(observed(TREE, api), memory) == {"web": (5173, "listener"), "api": (8000, "listener")}


def test_where_a_file_said_another_service_was_is_no_hint_any_more() -> None:
    was = plan(observed(worktree("x", declared(3000, service="api"))), Memory()).memory
    seen = observed(TREE, listener(3000, TREE))
    first = plan(seen, was)
    assert ports(seen, was)["web"] == (3000, "listener")
    assert plan(seen, first.memory) == first


def test_what_was_web_for_want_of_another_becomes_api_when_a_page_appears() -> None:
    api, web = listener(8000, TREE, serves="http"), listener(5173, TREE, serves="html")
    memory = plan(observed(TREE, api), Memory()).memory
    assert ports(observed(TREE, web, api), memory) == {"web": (5173, "listener"), "api": (8000, "listener")}


def test_servers_that_change_places_are_found_again() -> None:
    before = observed(TREE, listener(5173, TREE, serves="html"), listener(8000, TREE, serves="http"))
    after = observed(TREE, listener(8000, TREE, serves="html"), listener(5173, TREE, serves="http"))
    memory = plan(before, Memory()).memory
    assert ports(after, memory) == {"web": (8000, "listener"), "api": (5173, "listener")}


def test_a_server_that_comes_back_on_another_port_is_found() -> None:
    memory = plan(observed(TREE, listener(5173, TREE)), Memory()).memory
    assert ports(observed(TREE, listener(5174, TREE)), memory)["web"] == (5174, "listener")


def test_a_compose_service_is_a_service_of_the_worktree() -> None:
    seen = observed(TREE, containers=(Container(TREE.path, "docs", "x-docs-1", 32768),))
    assert ports(seen)["docs"] == (32768, "container:x-docs-1")


def test_a_compose_service_counts_though_a_file_names_another_port_where_nobody_listens() -> None:
    tree = worktree("x", declared(3000))
    seen = observed(tree, containers=(Container(tree.path, "web", "x-web-1", 32768),))
    assert ports(seen)["web"] == (32768, "container:x-web-1")


def test_a_compose_service_called_api_is_the_api() -> None:
    seen = observed(TREE, listener(5173, TREE), containers=(Container(TREE.path, "api", "x-api-1", 32768),))
    assert ports(seen) == {"web": (5173, "listener"), "api": (32768, "container:x-api-1")}


def test_a_container_that_stops_keeps_its_route() -> None:
    running = observed(TREE, containers=tuple(Container(TREE.path, s, f"x-{s}-1", p) for s, p in
                                              [("docs", 32768), ("web", 32769)]))  # fmt: skip
    memory = plan(running, Memory()).memory
    assert ports(observed(TREE), memory) == ports(running)


def test_a_container_on_the_routers_own_port_is_not_routed() -> None:
    seen = observed(TREE, containers=(Container(TREE.path, "web", "x-web-1", 2019),))
    assert ports(seen)["web"] == (WEB, "hash")


def test_services_of_router_toml_are_found_by_their_files_alone() -> None:
    tree = worktree("x", declared(4400, service="docs", variable="DOCS_PORT"))
    specs = (ServiceSpec("web", ("PORT",)), ServiceSpec("docs", ("DOCS_PORT",)))
    seen = observed(repository(tree, services=specs), listener(4400, tree), listener(5173, tree))
    assert ports(seen) == {"web": (5173, "listener"), "docs": (4400, "env:.env.local")}


# A worktree with very many servers


def many(count: int, first: int = 20_000, **rest: object) -> list[Listener]:
    return [listener(first + n, TREE, **rest) for n in range(count)]  # type: ignore[arg-type]


def test_twenty_ports_of_a_worktree_are_looked_at() -> None:
    assert MOST == 20
    assert kinds(observed(TREE, *many(20, serves="http"))) == ["ambiguous-port"]
    [problem] = [p for p in one(observed(TREE, *many(363, serves="http"))).problems if p.kind == "too-many"]
    assert (problem.severity, problem.service) == ("warning", None)
    assert "363" in problem.message
    assert "20" in problem.message


def test_of_very_many_ports_the_lowest_are_looked_at() -> None:
    page = listener(19_999, TREE, serves="html")
    assert ports(observed(TREE, page, *many(100)))["web"] == (19_999, "listener")
    beyond = listener(20_500, TREE, serves="html")
    assert ports(observed(TREE, beyond, *many(100)))["web"] == (WEB, "hash")


def test_of_very_many_ports_those_that_something_points_to_are_looked_at_first() -> None:
    tree = worktree("x", declared(60_000))
    page, api = listener(60_000, tree), listener(60_001, tree, serves="http")
    seen = observed(tree, page, api, *many(100))
    assert ports(seen)["web"] == (60_000, "env:.env.local")
    last_seen = plan(observed(TREE, listener(60_001, TREE)), Memory()).memory
    assert ports(observed(TREE, listener(60_001, TREE, serves="html"), *many(100)), last_seen)["web"][0] == 60_001


def test_a_bound_on_ports_leaves_the_other_worktrees_alone() -> None:
    other = worktree("y", created=2)
    found = plan(observed(TREE, other, listener(5173, other), *many(100)), Memory()).table.routes
    assert {route.name: [p.kind for p in route.problems] for route in found}["y"] == []

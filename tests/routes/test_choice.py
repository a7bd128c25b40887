"""Of a worktree's several servers: which is web, which is api, which a service of its own, and which none."""

import itertools
from dataclasses import replace

import pytest

from router.model import Listener, Observed, ServiceSpec
from router.ports import service_port
from router.remembered import Memory
from router.route_table import Route
from router.routes.plan import Plan, plan
from tests.fakes import declared, listener, observed, repository, worktree

TREE = worktree("x")
WEB, API = service_port("web", "x"), service_port("api", "x")
KINDS = ("html", "http", "upgrade", "silent")


def server(port: int, serves: str | None, program: str = "server.js", **rest: object) -> Listener:
    return listener(port, TREE, serves=serves, program=program, **{"pid": port, **rest})


def planned(*servers: Listener, memory: Memory | None = None) -> Plan:
    """Plan twice: what is remembered of a choice does not change it."""
    seen = observed(TREE, *servers)
    found = plan(seen, memory or Memory())
    assert plan(seen, found.memory) == found
    return found


def route(found: Plan) -> Route:
    [only] = found.table.routes
    return only


def up(*servers: Listener, memory: Memory | None = None) -> dict[str, int]:
    """Return the ports of the services that are up."""
    return {s.name: s.port for s in route(planned(*servers, memory=memory)).services if s.up}


def kinds(*servers: Listener) -> list[tuple[str, str | None]]:
    return [(p.kind, p.service) for p in route(planned(*servers)).problems]


@pytest.mark.parametrize(("better", "worse"), [*itertools.combinations(KINDS, 2)])
def test_pages_beat_json_beats_websockets_beats_silence(better: str, worse: str) -> None:
    for first, second in ((3000, 4000), (4000, 3000)):
        assert up(server(first, better), server(second, worse))["web"] == first


@pytest.mark.parametrize("kind", ["inspector", "other", "closed"])
def test_a_debugger_and_what_speaks_no_http_is_no_service_even_alone(kind: str) -> None:
    assert up(server(41_234, kind)) == {}
    assert up(server(41_234, kind), server(5173, "html", "vite")) == {"web": 5173}
    assert up(server(41_234, kind), server(8000, "http"), server(5173, "html")) == {"web": 5173, "api": 8000}


@pytest.mark.parametrize("program", ["debugpy", "dlv", "redis-server", "postgres", "gopls", "vue-language-server"])
def test_a_database_a_debugger_and_a_language_server_are_known_by_name_too(program: str) -> None:
    assert up(server(41_234, "silent", program), server(41_235, None, program)) == {}


def test_nuxts_and_vites_sockets_of_their_own_are_no_services() -> None:
    assert up(server(24_678, "upgrade"), server(24_679, "http"), server(3000, "html", "nuxt")) == {"web": 3000}


def test_one_whose_first_answer_has_not_come_is_not_chosen_but_at_its_assigned_port() -> None:
    assert up(server(5173, "awaited")) == {}
    assert up(server(WEB, "awaited")) == {"web": WEB}


def test_where_web_was_seen_it_is_although_its_answer_is_awaited() -> None:
    memory = planned(server(5173, "html", "vite")).memory
    assert up(server(5173, "awaited", "vite"), memory=memory) == {"web": 5173}


def test_where_web_was_seen_it_is_not_when_a_debugger_has_that_port() -> None:
    memory = planned(server(5173, "html", "vite")).memory
    assert up(server(5173, "inspector", "node"), memory=memory) == {}


def test_storybook_is_web_while_it_is_alone_and_a_service_of_its_own_when_vite_comes() -> None:
    storybook, vite = server(6006, "html", "storybook"), server(7000, "html", "vite")
    assert up(storybook) == {"web": 6006}
    found = planned(storybook, vite, memory=planned(storybook).memory)
    services = {s.name: (s.port, s.source, s.framework) for s in route(found).services if s.up}
    assert services == {"web": (7000, "listener", "vite"), "storybook": (6006, "listener", "storybook")}
    assert route(found).problems == ()


def test_storybook_does_not_become_web_while_vite_is_started_again() -> None:
    storybook, vite = server(6006, "html", "storybook"), server(7000, "html", "vite")
    memory = planned(storybook, vite).memory
    assert up(storybook, memory=memory) == {"storybook": 6006}
    assert up(storybook, server(7001, "html", "vite"), memory=memory) == {"web": 7001, "storybook": 6006}


def test_of_pages_the_main_frameworks_win_the_others_are_named_after_their_package_or_program() -> None:
    found = up(
        server(3001, "html", "vite", directory="/r.x/apps/docs"),
        server(3005, "html", "vite", directory="/r.x/apps/web/src"),
        server(3002, "html", "reports.py"),
        server(5555, "html", "prisma"),
    )
    assert found == {"web": 3005, "docs": 3001, "reports": 3002, "prisma-studio": 5555}


def test_a_package_that_files_name_as_a_service_is_that_one() -> None:
    specs = (ServiceSpec("web", ("PORT",)), ServiceSpec("docs"))
    seen = observed(repository(TREE, services=specs), server(3001, "html", "vite", directory="/r.x/packages/docs"))
    [found] = plan(seen, Memory()).table.routes
    assert [(s.name, s.port, s.source) for s in found.services if s.up] == [("docs", 3001, "listener")]


def test_pages_that_nothing_tells_apart_are_routed_and_told() -> None:
    one, other = server(3001, "html", "a.js"), server(3002, "html", "b.js")
    assert up(one, other) == {"web": 3001, "b": 3002}
    assert kinds(one, other) == [("ambiguous-port", "web")]
    [problem] = route(planned(one, other)).problems
    assert "3001, 3002; 3001 is taken" in problem.message


def test_of_pages_that_nothing_tells_apart_the_one_that_was_web_stays_it() -> None:
    other = server(3002, "html", "b.js")
    found = planned(server(3001, "html", "a.js"), other, memory=planned(other).memory)
    assert {s.name: s.port for s in route(found).services if s.up} == {"web": 3002, "a": 3001}


def test_two_of_one_name_have_their_ports_in_it() -> None:
    found = up(server(3001, "html", "vite"), server(6006, "html", "storybook"), server(6007, "html", "storybook"))
    assert found == {"web": 3001, "storybook": 6006, "storybook-6007": 6007}


def test_a_second_port_of_the_server_that_is_web_is_no_service_of_its_own() -> None:
    assert up(server(3000, "html", "vite", pid=7), server(3001, "html", "vite", pid=7)) == {"web": 3000}


def test_pages_of_a_backend_are_the_api_beside_a_frontend() -> None:
    assert up(server(8000, "html", "manage.py"), server(5173, "html", "vite")) == {"web": 5173, "api": 8000}
    assert up(server(8000, "html", "manage.py")) == {"web": 8000}
    in_folders = (server(3001, "html", directory="/r.x/server"), server(3002, "html", directory="/r.x/client"))
    assert up(*in_folders) == {"web": 3002, "api": 3001}


def test_several_that_could_be_the_api_are_one_and_services_of_their_own() -> None:
    found = (server(5173, "html", "vite"), server(8000, "http", "a.py"), server(8001, "http", "b.py"))
    assert up(*found) == {"web": 5173, "api": 8000, "b": 8001}
    assert kinds(*found) == [("ambiguous-port", "api")]
    named = (found[0], replace(found[1], directory="/r.x/services/mailer"), replace(found[2], program="uvicorn"))
    assert up(*named) == {"web": 5173, "api": 8001, "mailer": 8000}
    assert kinds(*named) == []


def test_a_page_is_asked_for_only_where_nothing_else_tells() -> None:
    unclear = server(3000, "unclear", "main.js"), server(8000, "unclear", "app.js")
    assert planned(*unclear).undecided == {(3000, 3000), (8000, 8000)}
    assert planned(unclear[0], server(8000, "http")).undecided == frozenset()
    assert planned(unclear[0]).undecided == frozenset()
    assert planned(unclear[0], server(8000, "unclear", "next-server")).undecided == frozenset()
    assert planned(unclear[0], server(8000, "html", "app.js")).undecided == {(3000, 3000)}
    assert planned(unclear[0], replace(unclear[1], serves="awaited")).undecided == frozenset()


def test_a_page_of_what_files_name_is_not_asked_for() -> None:
    tree = worktree("x", declared(3000))
    seen = observed(tree, server(3000, "unclear"), server(8000, "unclear"))
    assert plan(seen, Memory()).undecided == frozenset()


def test_a_service_of_its_own_is_there_while_its_server_runs_and_in_no_memory() -> None:
    storybook, vite = server(6006, "html", "storybook"), server(7000, "html", "vite")
    found = planned(storybook, vite)
    assert set(found.memory.worktrees[0].services) == {"web", "api"}
    assert "storybook" not in up(vite, memory=found.memory)


def test_names_of_services_are_labels_whatever_a_program_or_a_folder_is_called() -> None:
    odd = server(3001, "html", "Ünï_côdé.mjs"), server(3002, "html", "x", directory="/r.x/apps/--é--")
    vite = server(3000, "html", "vite")
    seen: Observed = observed(TREE, vite, *odd, server(3003, "html", "…"))
    [found] = plan(seen, Memory()).table.routes
    assert [s.name for s in found.services if s.up] == ["web", "e", "server", "uni-code"]


def test_a_server_that_gives_no_answer_is_routed_and_told() -> None:
    silent = server(5173, "html", "vite", answers=False)
    [web, _] = route(planned(silent)).services
    assert (web.port, web.up, web.state) == (5173, True, "not-answering")
    assert kinds(silent) == [("not-answering", "web")]
    assert route(planned(server(5173, "html", "vite"))).services[0].state == "up"

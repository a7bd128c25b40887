"""Ports that other tools' files fix for every worktree: the first one has them, and nothing is said in the others."""

from dataclasses import replace

from router.model import Container, Declaration, Override, ServiceSpec, Worktree
from router.routes.plan import plan
from tests.fakes import declared, listener, observed, repository, worktree
from tests.routes.looks import NOTHING, after, env_ports, kinds, web


def fixed(port: int, source: str = "package:package.json", *, service: str = "web") -> Declaration:
    return Declaration(service, port, source, service, str(port))


def branch(name: str, *said: Declaration, created: int = 1, **rest: object) -> Worktree:
    return worktree(name, *said, created=created, **rest)


def test_a_fixed_port_is_the_main_checkouts_and_no_problem_in_the_others() -> None:
    seen = observed(branch("main", fixed(3000)), branch("x", fixed(3000)), branch("y", fixed(3000), created=2))
    assert web(seen)["main"] == (3000, "package:package.json")
    assert [web(seen)[name][1] for name in ("x", "y")] == ["hash", "hash"]
    assert kinds(seen) == {"main": [], "x": [], "y": []}
    assert env_ports(after(seen))["main"] == 3000
    assert env_ports(after(seen))["x"] == web(seen)["x"][0]


def test_where_main_fixes_none_the_oldest_worktree_has_it() -> None:
    seen = observed(branch("main"), branch("new", fixed(3000), created=2), branch("old", fixed(3000), created=1))
    assert {name: source for name, (_, source) in web(seen).items()} == {
        "main": "hash", "new": "hash", "old": "package:package.json",
    }  # fmt: skip
    assert kinds(seen) == {"main": [], "new": [], "old": []}


def test_a_port_that_another_service_of_main_fixes_is_main_s_too() -> None:
    seen = observed(branch("main", fixed(3000, service="api")), branch("x", fixed(3000)))
    assert web(seen)["x"][1] == "hash"


def test_a_fixed_port_counts_where_the_worktrees_own_server_listens() -> None:
    x = branch("x", fixed(3000))
    seen = observed(branch("main", fixed(3000)), x, listener(3000, x))
    assert web(seen)["x"] == (3000, "package:package.json")
    assert web(seen)["main"][0] != 3000
    assert kinds(seen) == {"main": [], "x": []}


def test_a_port_of_the_worktrees_own_stands_above_a_fixed_one() -> None:
    seen = observed(branch("main", declared(4000), fixed(3000, "launch:.claude/launch.json")))
    assert web(seen)["main"] == (4000, "env:.env.local")
    ruled = repository(branch("main", fixed(3000)), overrides={"main": Override(ports={"web": 4001})})
    assert web(observed(ruled))["main"] == (4001, "settings")


def test_a_server_that_is_elsewhere_is_no_problem() -> None:
    main = branch("main", fixed(3000))
    seen = observed(main, listener(3005, main, serves="html"))
    assert (web(seen)["main"][0], kinds(seen)["main"]) == (3005, [])


def test_two_repositories_that_fix_one_port_are_no_conflict() -> None:
    shop = repository(branch("main", fixed(3000)))
    blog = repository(branch("main", fixed(3000), common="/b/.git"), name="blog")
    seen = observed(shop, blog)
    assert sorted(source for _, source in web(seen).values()) == ["hash", "package:package.json"]
    assert set(map(tuple, kinds(seen).values())) == {()}


def test_the_routers_own_port_in_a_script_is_nobodys() -> None:
    seen = observed(branch("main", fixed(8080)))
    assert (web(seen)["main"][1], kinds(seen)["main"]) == ("hash", [])


def test_a_service_that_one_worktree_alone_has_is_its_own() -> None:
    x = replace(branch("x", fixed(3002, service="docs")), services=(ServiceSpec("docs"),))
    table = plan(observed(branch("main"), x), NOTHING).table
    services = {route.name: {each.name: each.port for each in route.services} for route in table.routes}
    assert services["x"]["docs"] == 3002
    assert "docs" not in services["main"]


def test_a_service_of_files_and_of_compose_is_one() -> None:
    main = replace(branch("main"), services=(ServiceSpec("docs"),))
    [route] = plan(observed(main, containers=(Container(main.path, "docs", "docs-1", 4002),)), NOTHING).table.routes
    assert [(each.name, each.port) for each in route.services if each.name == "docs"] == [("docs", 4002)]

"""Ports by strategy: which port each service is assigned, and which its environment gives."""

from dataclasses import replace

import pytest

from router.model import Container, Override, Repository, ServiceSpec, Worktree
from router.ports import service_port
from router.routes.plan import plan
from tests.fakes import declared, listener, observed, repository, worktree
from tests.routes.looks import COLLIDING, NOTHING, after, assigned, env_ports, kinds, web

WEB = ("FRONTEND_PORT", "PORT")
INDEX = (ServiceSpec("web", WEB, ports="index", base=5173), ServiceSpec("api", ports="index", base=8000))
FREE = (ServiceSpec("web", WEB, ports="free", base=5173),)


def by(services: tuple[ServiceSpec, ...], *worktrees: Worktree, **rest: object) -> Repository:
    return repository(*worktrees, services=services, **rest)


def clone(number: int, **rest: object) -> Repository:
    """Return one of several clones side by side, `/w/project-3`."""
    path = f"/w/project-{number}"
    return replace(by(INDEX, worktree("main", common=f"{path}/.git", path=path), name=f"project-{number}"), **rest)


# By number


def test_the_main_checkout_has_the_base_ports_and_the_others_follow_by_age() -> None:
    trees = (worktree("main"), worktree("old", created=1), worktree("new", created=2))
    memory = after(observed(by(INDEX, *trees)))
    assert env_ports(memory) == {"main": 5173, "old": 5174, "new": 5175}
    assert env_ports(memory, "api") == {"main": 8000, "old": 8001, "new": 8002}
    assert web(observed(by(INDEX, *trees)))["new"] == (5175, "index")


def test_the_number_of_a_folder_is_that_of_its_ports() -> None:
    memory = after(observed(clone(1), clone(3), clone(2)))
    assert sorted(env_ports(memory, "api").values(), key=int) == [8001, 8002, 8003]
    assert {k.index: k.services["web"].env_port for k in memory.worktrees} == {1: 5174, 2: 5175, 3: 5176}


def test_a_copy_has_the_number_of_its_folder() -> None:
    main = worktree("main", path="/w/project-1", common="/w/project-1/.git")
    copy = worktree(None, path="/w/project_7", admin="copy:project_7", common="/w/project-1/.git")
    assert env_ports(after(observed(by(INDEX, main, copy, copies=True))), "api") == {"main": 8001, "project-7": 8007}


def test_a_number_stays_when_an_older_worktree_leaves_and_is_free_for_the_next() -> None:
    main, old, new = worktree("main"), worktree("old", created=1), worktree("new", created=2)
    memory = after(observed(by(INDEX, main, old, new)), observed(by(INDEX, main, new)))
    assert env_ports(memory) == {"main": 5173, "new": 5175}
    memory = plan(observed(by(INDEX, main, new, worktree("next", created=3))), memory).memory
    assert env_ports(memory) == {"main": 5173, "new": 5175, "next": 5174}


def test_a_linked_worktree_of_a_numbered_clone_takes_no_other_clones_number() -> None:
    first = clone(1)
    linked = worktree("x", common="/w/project-1/.git")
    seen = observed(replace(first, worktrees=(*first.worktrees, linked)), clone(2), clone(3))
    assert [k.index for k in plan(seen, NOTHING).memory.worktrees if k.label == "x"] == [4]


@pytest.mark.parametrize("name", ["project", "project3", "release-2024", "3", "-3"])
def test_a_folder_without_a_number_of_its_own_is_nought(name: str) -> None:
    main = worktree("main", path=f"/w/{name}", common=f"/w/{name}/.git")
    assert env_ports(after(observed(by(INDEX, main)))) == {"main": 5173}


# The next free one


def test_free_gives_one_port_after_the_other() -> None:
    trees = [worktree("main"), *(worktree(f"w{n}", created=n) for n in range(1, 4))]
    assert env_ports(after(observed(by(FREE, *trees)))) == {"main": 5173, "w1": 5174, "w2": 5175, "w3": 5176}


def test_free_gives_no_port_that_belongs_to_a_database() -> None:
    services = (ServiceSpec("web", WEB, ports="free", base=5431),)
    trees = [worktree("main"), *(worktree(f"w{n}", created=n) for n in range(1, 3))]
    assert env_ports(after(observed(by(services, *trees)))) == {"main": 5431, "w1": 5434, "w2": 5435}


# What is stepped over


@pytest.mark.parametrize("services", [INDEX, FREE], ids=["index", "free"])
def test_a_port_of_a_foreign_process_is_stepped_over_and_the_choice_stays(services: tuple[ServiceSpec, ...]) -> None:
    main = worktree("main")
    memory = after(observed(by(services, main), listener(5173, pid=7)))
    assert env_ports(memory) == {"main": 5174}
    assert env_ports(plan(observed(by(services, main)), memory).memory) == {"main": 5174}


def test_a_port_whose_process_cannot_be_seen_is_stepped_over_too() -> None:
    assert env_ports(after(observed(by(INDEX, worktree("main")), listener(5173, pid=None)))) == {"main": 5174}


def test_a_port_at_which_the_worktrees_other_service_was_last_seen_is_stepped_over() -> None:
    main = worktree("main")
    memory = after(observed(main, listener(8000, main)))
    seen = observed(by(INDEX, main))
    assert env_ports(plan(seen, memory).memory, "api") == {"main": 8001}


def test_a_port_to_which_a_service_had_to_go_is_stepped_over() -> None:
    main, new, other = worktree("main"), worktree("new", created=2), worktree("other", common="/b/.git")
    before = observed(by(FREE, main), repository(other), listener(5173, other))
    memory = after(observed(by(FREE, main)), before)
    assert web(before, memory)["main"] == (5174, "free")
    seen = observed(by(FREE, main, new), repository(other), listener(5173, other))
    first = plan(seen, memory)
    assert {n: p for n, p in env_ports(first.memory).items() if n != "other"} == {"main": 5173, "new": 5175}
    assert plan(seen, first.memory) == first


def test_a_hash_port_stays_though_a_process_that_cannot_be_seen_has_it() -> None:
    tree = worktree("x")
    seen = observed(tree, listener(service_port("web", "x"), pid=None))
    assert env_ports(after(seen)) == {"x": service_port("web", "x")}


def test_a_hash_port_that_a_foreign_process_has_is_stepped_over() -> None:
    seen = observed(worktree("x"), listener(service_port("web", "x"), pid=7))
    assert env_ports(after(seen)) == {"x": service_port("web", "x") + 1}


@pytest.mark.parametrize("services", [INDEX, FREE], ids=["index", "free"])
def test_the_worktrees_own_server_is_in_nobodys_way(services: tuple[ServiceSpec, ...]) -> None:
    main = worktree("main")
    seen = observed(by(services, main), listener(5173, main))
    assert env_ports(after(seen)) == {"main": 5173}
    assert web(seen) == {"main": (5173, services[0].ports)}


def test_another_worktrees_server_is_in_the_way_also_when_it_is_down_again() -> None:
    main, other = worktree("main"), worktree("x")
    memory = after(observed(other, listener(5173, other)))
    assert env_ports(plan(observed(by(FREE, main, other)), memory).memory)["main"] == 5174


def test_a_port_that_another_worktree_declares_is_stepped_over() -> None:
    memory = after(observed(by(FREE, worktree("main"), worktree("x", declared(5173)))))
    assert env_ports(memory) == {"main": 5174, "x": 5173}


def test_a_declaration_of_its_own_is_in_nobodys_way() -> None:
    memory = after(observed(by(FREE, worktree("main", declared(5173)))))
    assert (assigned(memory), env_ports(memory)) == ({"main": 5173}, {"main": 5173})


def test_a_published_port_of_ones_own_container_is_in_nobodys_way() -> None:
    main = worktree("main")
    for container, port in ((Container(main.path, "web", "c", 5173), 5173), (Container("/o", "web", "c", 5173), 5174)):
        seen = observed(by(FREE, main), containers=(container,))
        assert assigned(after(seen)) == {"main": port}


def test_nobody_steps_onto_a_port_that_is_meant_for_another() -> None:
    old, new = worktree("old", created=1), worktree("new", created=2)
    seen = observed(by(INDEX, worktree("main"), old, new), listener(5174, pid=7))
    assert env_ports(after(seen)) == {"main": 5173, "old": 5176, "new": 5175}


def test_reserved_ports_are_stepped_over() -> None:
    services = (ServiceSpec("web", WEB, ports="index", base=8080),)
    assert env_ports(after(observed(by(services, worktree("main"))))) == {"main": 8081}


def test_the_ports_of_another_repository_are_stepped_over_though_nobody_looks_at_it() -> None:
    memory = after(observed(by(FREE, worktree("main", common="/a/.git"))))
    memory = plan(observed(by(FREE, worktree("main", common="/b/.git"))), memory).memory
    assert [k.services["web"].env_port for k in memory.worktrees] == [5173, 5174]


def test_where_a_server_was_found_is_stepped_over_though_another_rule_assigned_it() -> None:
    tree = worktree("x", declared(3000))
    port = service_port("web", "x")
    memory = after(observed(tree, listener(port, tree)))
    assert memory.worktrees[0].services["web"].source == "listener"
    services = (ServiceSpec("web", ("PORT",), ports="free", base=4000), ServiceSpec("api", ports="free", base=port))
    assert assigned(after(observed(by(services, tree)), memory=memory), "api") == {"x": port + 1}


def test_of_two_that_remember_one_port_the_older_keeps_it() -> None:
    old, new = worktree("old", created=1), worktree("new", created=2)
    memory = after(observed(old, new))
    port = service_port("web", "old")
    same = replace(memory.worktrees[1].services["web"], port=port, assigned=port)
    both = tuple(replace(each, services={**each.services, "web": same}) for each in memory.worktrees)
    again = after(observed(old, new), memory=replace(memory, worktrees=both))
    assert assigned(again) == {"old": port, "new": port + 1}


def test_a_remembered_port_that_is_the_routers_own_by_now_is_given_up() -> None:
    memory = after(observed(worktree("x")))
    port = service_port("web", "x")
    assert assigned(after(observed(worktree("x"), reserved=frozenset({port})), memory=memory)) == {"x": port + 1}


def test_without_a_base_the_lowest_ports_are_assigned() -> None:
    services = (ServiceSpec("web", ("PORT",), ports="free"), ServiceSpec("api", ports="index"))
    memory = after(observed(by(services, worktree("main"), worktree("x"))))
    assert assigned(memory, "api") == {"main": 1024, "x": 1025}
    assert assigned(memory) == {"main": 1026, "x": 1027}


# What changes a port, and what does not


@pytest.mark.parametrize("services", [INDEX, FREE], ids=["index", "free"])
def test_another_base_gives_other_ports(services: tuple[ServiceSpec, ...]) -> None:
    memory = after(observed(by(services, worktree("main"))))
    other = (replace(services[0], base=4000),)
    assert env_ports(plan(observed(by(other, worktree("main"))), memory).memory) == {"main": 4000}


def test_another_strategy_gives_another_port() -> None:
    memory = after(observed(worktree("main")))
    memory = plan(observed(by(INDEX, worktree("main"))), memory).memory
    assert env_ports(memory) == {"main": 5173}
    assert env_ports(plan(observed(worktree("main")), memory).memory) == {"main": service_port("web", "main")}


def test_the_same_ports_with_the_server_up_and_down() -> None:
    tree = worktree("x")
    port = service_port("web", "x")
    for up in ((), (listener(port, tree),), (listener(5173, tree),)):
        assert env_ports(after(observed(tree, *up))) == {"x": port}


def test_a_declared_port_is_given_and_gives_way_when_the_file_no_longer_names_it() -> None:
    memory = after(observed(worktree("x", declared(3000))))
    assert env_ports(memory) == {"x": 3000}
    assert env_ports(plan(observed(worktree("x")), memory).memory) == {"x": service_port("web", "x")}


def test_a_port_from_router_toml_is_given() -> None:
    seen = observed(repository(worktree("x", declared(3000)), overrides={"x": Override(ports={"web": 4000})}))
    assert env_ports(after(seen)) == {"x": 4000}


def test_an_inherited_or_bad_declaration_is_not_given_whoever_listens() -> None:
    main, tree = worktree("main", declared(3000)), worktree("x", declared(3000), declared("soon", service="api"))
    for up in ((), (listener(3000, tree),)):
        memory = after(observed(main, tree, *up))
        assert env_ports(memory)["x"] == service_port("web", "x")
        assert env_ports(memory, "api")["x"] == service_port("api", "x")


def test_of_two_that_declare_one_port_one_has_it_in_its_environment_and_keeps_it() -> None:
    old, new = worktree("old", declared(3000), created=1), worktree("new", declared(3000), created=2)
    assert env_ports(after(observed(old, new))) == {"old": 3000, "new": service_port("web", "new")}
    memory = after(observed(new), observed(old, new), observed(old, new, listener(3000, old)), observed(old, new))
    assert env_ports(memory) == {"old": service_port("web", "old"), "new": 3000}


def test_a_declared_port_that_another_has_in_its_environment_is_not_given() -> None:
    first = worktree("x", created=2)
    memory = after(observed(first))
    thief = worktree("evil", declared(service_port("web", "x")), created=1)
    memory = plan(observed(first, thief), memory).memory
    assert env_ports(memory) == {"x": service_port("web", "x"), "evil": service_port("web", "evil")}


def test_a_second_service_of_ones_own_that_declares_the_assigned_port_moves_it() -> None:
    memory = after(observed(worktree("x")))
    seen = observed(worktree("x", declared(service_port("web", "x"), service="api")))
    [kept] = plan(seen, memory).memory.worktrees
    assert {name: s.env_port for name, s in kept.services.items()} == {
        "web": service_port("web", "x") + 1, "api": service_port("web", "x"),
    }  # fmt: skip


def test_assigned_ports_outlast_a_hidden_or_missing_worktree() -> None:
    main, tree = worktree("main"), worktree("x")
    memory = after(observed(by(FREE, main, tree)))
    assert env_ports(memory) == {"main": 5173, "x": 5174}
    hidden = by(FREE, main, tree, worktree("y", created=3), overrides={"x": Override(hide=True)})
    assert env_ports(plan(observed(hidden), memory).memory) == {"main": 5173, "x": 5174, "y": 5175}


def test_other_strategies_have_no_hash_collisions() -> None:
    one, other = COLLIDING
    assert kinds(observed(by(INDEX, worktree(one, created=1), worktree(other, created=2)))) == {one: [], other: []}


def test_a_port_that_a_rule_of_then_gave_is_no_hint_whose_server_that_is() -> None:
    there = worktree("x")
    by_index = repository(there, services=(ServiceSpec("web"), ServiceSpec("api", ports="index", base=3000)))
    by_hash = repository(there, services=(ServiceSpec("web"), ServiceSpec("api")))
    memory = after(observed(by_index))
    assert memory.worktrees[0].services["api"].port == 3001
    seen = observed(by_hash, listener(3001, there))
    first = plan(seen, memory)
    assert plan(seen, first.memory) == first
    assert {s.name: s.port for s in first.table.routes[0].services}["web"] == 3001

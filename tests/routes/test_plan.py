"""The route table: which port each service has and why, and what is remembered of it."""

from dataclasses import replace

import pytest

from router.model import Listener, Observed, Override, Problem, Worktree
from router.ports import hash_port, service_port
from router.remembered import Memory
from router.route_table import RouteTable
from router.routes.plan import plan
from tests.fakes import declared, listener, observed, repository, worktree
from tests.routes.looks import API, COLLIDING, WEB, after, kinds, problems, web

# What a file says


def test_a_port_from_a_file_is_routed_with_its_source() -> None:
    assert web(observed(worktree("x", declared(3000)))) == {"x": (3000, "env:.env.local")}


def test_without_a_file_the_hash_of_the_branch_decides() -> None:
    assert web(observed(worktree("feature/x"))) == {"feature-x": (hash_port("fe-feature/x"), "hash")}


def test_a_detached_worktree_hashes_its_label() -> None:
    assert web(observed(worktree(None, path="/w/Try"))) == {"try": (hash_port("fe-try"), "hash")}


def test_the_first_declaration_that_counts_decides() -> None:
    tree = worktree("x", declared("soon"), declared(80), declared(3000, file=".env"), declared(4000, file="mise.toml"))
    assert web(observed(tree)) == {"x": (3000, "env:.env")}


@pytest.mark.parametrize("text", ["80", "65536", "soon", "{{ env.PORT }}", "", "3000\n\x1b[31m"])
def test_a_value_that_is_no_port_is_named_with_its_file(text: str) -> None:
    seen = observed(worktree("x", declared(text, file=".mise.local.toml")))
    assert web(seen) == {"x": (WEB, "hash")}
    [problem] = problems(seen)["x"]
    assert problem.kind == "bad-port"
    assert problem.service == "web"
    assert ".mise.local.toml" in problem.message
    assert "PORT=" in problem.message
    assert problem.message.isprintable()


def test_a_value_without_end_is_cut_in_the_message() -> None:
    [problem] = problems(observed(worktree("x", declared("9" * 9000))))["x"]
    assert len(problem.message) < 120


@pytest.mark.parametrize("port", [8080, 2019])
def test_the_routers_own_ports_are_bad_ports(port: int) -> None:
    seen = observed(worktree("x", declared(port), declared(3000, file=".env")))
    assert web(seen) == {"x": (3000, "env:.env")}
    assert kinds(seen) == {"x": ["bad-port"]}


def test_nobody_hears_of_a_bad_value_behind_a_good_one() -> None:
    assert kinds(observed(worktree("x", declared(3000), declared("soon", file=".env")))) == {"x": []}


def test_router_toml_gives_a_port_to_a_branch() -> None:
    seen = observed(repository(worktree("x", declared(3000)), overrides={"x": Override(ports={"web": 4000})}))
    assert web(seen) == {"x": (4000, "settings")}


@pytest.mark.parametrize("port", [8080, 2019])
def test_router_toml_cannot_give_away_the_routers_own_port(port: int) -> None:
    seen = observed(repository(worktree("x"), overrides={"x": Override(ports={"web": port})}))
    assert web(seen) == {"x": (WEB, "hash")}
    assert kinds(seen) == {"x": ["bad-port"]}


# What the main checkout says too


def test_a_port_of_the_main_checkout_does_not_count_elsewhere() -> None:
    seen = observed(worktree("main", declared(3000)), worktree("x", declared(3000)))
    assert web(seen) == {"main": (3000, "env:.env.local"), "x": (WEB, "hash")}
    assert kinds(seen) == {"main": [], "x": ["inherited-port"]}


def test_an_inherited_port_counts_where_the_worktrees_own_server_listens() -> None:
    tree = worktree("x", declared(3000))
    seen = observed(worktree("main", declared(3000)), tree, listener(3000, tree))
    assert web(seen)["x"] == (3000, "env:.env.local")
    assert kinds(seen) == {"main": ["port-conflict"], "x": []}


def test_an_inherited_value_gives_way_to_the_next_file() -> None:
    seen = observed(worktree("main", declared(3000)), worktree("x", declared(3000), declared(4000, file=".env")))
    assert web(seen)["x"] == (4000, "env:.env")


def test_the_main_checkouts_port_of_another_service_is_no_inheritance() -> None:
    seen = observed(worktree("main", declared(3000, service="api")), worktree("x", declared(3000)))
    assert "inherited-port" not in kinds(seen)["x"]


def test_another_repositorys_main_checkout_hands_nothing_down() -> None:
    seen = observed(
        repository(worktree("main", declared(3000))), repository(worktree("x", declared(3000), common="/b/.git"))
    )
    assert kinds(seen)["x"] == ["port-conflict"]


# Two that want one port


def test_of_two_that_declare_one_port_the_older_has_it() -> None:
    seen = observed(worktree("new", declared(3000), created=2), worktree("old", declared(3000), created=1))
    assert web(seen)["old"] == (3000, "env:.env.local")
    assert web(seen)["new"] == (service_port("web", "new"), "hash")
    [problem] = problems(seen)["new"]
    assert problem.kind == "port-conflict"
    assert problem.severity == "error"
    assert "3000" in problem.message
    assert "/r.old" in problem.message
    assert problems(seen)["old"] == []


def test_the_one_that_had_the_port_keeps_it_though_an_older_one_wants_it_now() -> None:
    had = worktree("new", declared(3000), created=2)
    memory = after(observed(had))
    assert web(observed(had, worktree("old", declared(3000), created=1)), memory)["new"][0] == 3000


def test_the_one_whose_process_listens_has_the_port_though_another_had_it() -> None:
    old, new = worktree("old", declared(3000), created=1), worktree("new", declared(3000), created=2)
    memory = after(observed(old))
    seen = observed(old, new, listener(3000, new))
    assert web(seen, memory)["new"] == (3000, "env:.env.local")
    assert kinds(seen, memory) == {"new": [], "old": ["port-conflict"]}


def test_it_keeps_the_port_when_its_process_has_ended() -> None:
    old, new = worktree("old", declared(3000), created=1), worktree("new", declared(3000), created=2)
    memory = after(observed(old), observed(old, new, listener(3000, new)))
    assert web(observed(old, new), memory)["new"] == (3000, "env:.env.local")


def test_the_loser_goes_on_to_its_next_source() -> None:
    old, new = worktree("old", declared(3000), created=1), worktree("new", declared(3000), created=2)
    seen = observed(old, new, listener(3000, old), listener(3001, new))
    assert web(seen)["new"] == (3001, "listener")


def test_a_conflict_is_shown_for_as_long_as_it_lasts() -> None:
    old, new = worktree("old", declared(3000), created=1), worktree("new", declared(3000), created=2)
    seen = observed(old, new, listener(3000), listener(3001, new))
    memory = after(seen)
    assert web(seen)["new"] == web(seen, memory)["new"] == (3001, "listener")
    assert kinds(seen) == kinds(seen, memory) == {"old": ["stranger-on-port"], "new": ["port-conflict"]}


def test_a_server_that_moved_out_of_the_way_of_one_without_files_is_no_conflict() -> None:
    tree, other = worktree("x", declared(3000)), worktree("y")
    seen = observed(tree, other, listener(3000, other), listener(3001, tree))
    assert web(seen) == {"x": (3001, "listener"), "y": (3000, "listener")}
    assert kinds(seen) == kinds(seen, after(seen)) == {"x": ["moved-port"], "y": []}


def test_a_declaration_takes_no_neighbours_hash_port() -> None:
    neighbour = worktree("x", created=2)
    memory = after(observed(neighbour))
    attacker = worktree("evil", declared(WEB), created=1)
    assert web(observed(neighbour, attacker), memory)["x"] == (WEB, "hash")
    assert kinds(observed(neighbour, attacker), memory)["evil"] == ["port-conflict"]


def test_a_declaration_takes_no_neighbours_found_port() -> None:
    neighbour = worktree("x", created=2)
    memory = after(observed(neighbour, listener(5173, neighbour)))
    attacker = worktree("evil", declared(5173), created=1)
    for look in (observed(neighbour, attacker, listener(5173, neighbour)), observed(neighbour, attacker)):
        assert web(look, memory)["x"] == (5173, "listener")


def test_a_port_on_which_only_another_worktree_listens_is_not_routed() -> None:
    tree, other = worktree("x", declared(3000)), worktree("y")
    seen = observed(tree, other, listener(3000, other))
    assert web(seen) == {"x": (WEB, "hash"), "y": (3000, "listener")}
    assert kinds(seen)["x"] == ["port-conflict"]


def test_two_that_listen_on_one_port_of_different_families_share_it() -> None:
    one, other = worktree("x", declared(3000)), worktree("y", declared(3000))
    seen = observed(one, other, listener(3000, one, address="::1"), listener(3000, other))
    addresses = {r.name: r.services[0].address for r in plan(seen, Memory()).table.routes}
    assert addresses == {"x": "::1", "y": "127.0.0.1"}
    assert kinds(seen) == {"x": [], "y": []}


def test_web_and_api_of_one_worktree_may_share_a_declared_port() -> None:
    seen = observed(worktree("x", declared(3000), declared(3000, service="api")))
    assert [s.port for s in plan(seen, Memory()).table.routes[0].services] == [3000, 3000]


def test_a_hash_port_gives_way_to_a_declaration_of_the_same_worktree_and_stays_away() -> None:
    memory = after(observed(worktree("x", admin="w", path="/w")))
    seen = observed(worktree("y", declared(WEB, service="api"), admin="w", path="/w"))
    for look in (memory, plan(seen, memory).memory):
        assert [s.port for s in plan(seen, look).table.routes[0].services] == [WEB + 1, WEB]


# Hash ports


def test_the_pair_of_this_file_collides() -> None:
    one, other = COLLIDING
    assert service_port("web", one) == service_port("web", other)


def test_a_hash_port_that_is_taken_gives_the_next_free_one() -> None:
    one, other = COLLIDING
    first = service_port("web", one)
    seen = observed(worktree(one, created=1), worktree(other, created=2))
    assert web(seen) == {one: (first, "hash"), other: (first + 1, "hash")}
    assert kinds(seen) == {one: [], other: ["hash-collision"]}


def test_the_next_free_one_is_above_those_that_are_taken() -> None:
    one, other = COLLIDING
    first = service_port("web", one)
    third = worktree("z", declared(first + 1), created=1)
    seen = observed(worktree(one, created=2), worktree(other, created=3), third)
    assert web(seen)[other] == (first + 2, "hash")


def test_a_collision_is_shown_for_as_long_as_it_lasts() -> None:
    one, other = COLLIDING
    seen = observed(worktree(one, created=1), worktree(other, created=2))
    assert problems(seen, after(seen)) == problems(seen)


def test_the_port_after_a_collision_stays_when_the_other_has_left() -> None:
    one, other = COLLIDING
    memory = after(observed(worktree(one, created=1), worktree(other, created=2)))
    alone = observed(worktree(other, created=2))
    assert web(alone, memory) == {other: (service_port("web", one) + 1, "hash")}
    assert kinds(alone, memory) == {other: []}


def test_a_hash_port_stays_through_git_switch() -> None:
    memory = after(observed(worktree("x", admin="w", path="/w")))
    assert web(observed(worktree("y", admin="w", path="/w")), memory) == {"y": (WEB, "hash")}


def test_a_hash_port_once_given_comes_back_after_somebody_else_sat_on_it() -> None:
    tree, squatter = worktree("x"), worktree("y")
    memory = after(observed(tree, squatter), observed(tree, squatter, listener(WEB, squatter)))
    assert web(observed(tree, squatter, listener(WEB, squatter)), memory)["x"] == (WEB + 1, "hash")
    assert web(observed(tree, worktree("z")), memory)["x"] == (WEB, "hash")


def test_a_hash_port_that_is_the_routers_own_is_skipped() -> None:
    assert web(observed(worktree("x"), reserved=frozenset({WEB}))) == {"x": (WEB + 1, "hash")}


def test_a_declared_port_leaves_the_hash_port_for_later() -> None:
    memory = after(observed(worktree("x", declared(3000))))
    assert web(observed(worktree("x")), memory) == {"x": (WEB, "hash")}


# Servers that come and go


def test_a_declared_port_that_listens_is_up() -> None:
    tree = worktree("x", declared(3000))
    [route] = plan(observed(tree, listener(3000, tree, pid=7, program="next")), Memory()).table.routes
    assert (route.services[0].up, route.services[0].pid, route.services[0].program) == (True, 7, "next")
    assert not route.services[1].up


def test_a_declared_port_is_up_though_nobody_knows_whose_process_it_is() -> None:
    tree = worktree("x", declared(3000))
    assert plan(observed(tree, listener(3000)), Memory()).table.routes[0].services[0].up


def test_the_own_process_is_dialled_before_somebody_elses() -> None:
    tree = worktree("x", declared(3000))
    seen = observed(tree, listener(3000), listener(3000, tree, address="::1"))
    assert plan(seen, Memory()).table.routes[0].services[0].address == "::1"


def test_a_server_that_moved_is_routed_and_reported() -> None:
    tree = worktree("x", declared(3000))
    seen = observed(tree, listener(3001, tree))
    assert web(seen) == {"x": (3001, "listener")}
    [problem] = problems(seen)["x"]
    assert problem.kind == "moved-port"
    assert "3001" in problem.message
    assert "3000" in problem.message


def test_a_declared_port_that_listens_comes_before_a_found_one() -> None:
    tree = worktree("x", declared(3000))
    seen = observed(tree, listener(3000, tree), listener(3001, tree))
    assert web(seen) == {"x": (3000, "env:.env.local")}


def test_an_edited_file_counts_more_than_where_the_server_was() -> None:
    tree = worktree("x", declared(3000))
    memory = after(observed(tree, listener(3001, tree)))
    assert web(observed(worktree("x", declared(4000))), memory) == {"x": (4000, "env:.env.local")}


def test_a_last_seen_port_that_became_the_routers_own_is_forgotten() -> None:
    tree = worktree("x")
    memory = after(observed(tree, listener(9000, tree)))
    assert web(observed(tree, reserved=frozenset({9000, 2019})), memory) == {"x": (WEB, "hash")}


def test_where_another_worktree_listens_now_the_last_seen_port_is_given_up() -> None:
    tree, other = worktree("x"), worktree("y")
    memory = after(observed(tree, other, listener(5173, tree)))
    assert web(observed(tree, other, listener(5173, other)), memory) == {"x": (WEB, "hash"), "y": (5173, "listener")}


TREE = worktree("x")
MOVED = worktree("x", declared(3000))


@pytest.mark.parametrize(
    ("tree", "up"),
    [
        (TREE, [listener(5173, TREE)]),
        (TREE, [listener(5173, TREE, address="::1", tls=True)]),
        (TREE, [listener(WEB, TREE)]),
        (MOVED, [listener(3000, MOVED)]),
        (MOVED, [listener(3001, MOVED)]),
        (MOVED, [listener(WEB, MOVED)]),
        (TREE, [listener(5173, TREE, serves="html"), listener(8000, TREE, serves="http")]),
        (TREE, [listener(API, TREE), listener(5173, TREE)]),
    ],
)
def test_health_alone_changes_no_target(tree: Worktree, up: list[Listener]) -> None:
    first = plan(observed(tree, *up), Memory())
    for down in (up, up[1:], up[:-1], []):
        found = plan(observed(tree, *down), first.memory).table
        assert _targets(found) == _targets(first.table)


def _targets(table: RouteTable) -> list[tuple[str, str, int, str, bool, str]]:
    return [(r.name, s.address, s.port, s.name, s.tls, s.source) for r in table.routes for s in r.services]


# The whole table


def test_a_missing_directory_is_reported_and_not_routed() -> None:
    table = plan(observed(worktree("x", present=False, path="/a\nb")), Memory()).table
    assert table.routes == ()
    [problem] = table.problems
    assert problem.kind == "missing-directory"
    assert "/a%0Ab" in problem.message


def test_a_worktree_that_git_is_still_making_is_neither_routed_nor_missing() -> None:
    for present in (True, False):
        table = plan(observed(replace(worktree("x", present=present), made=False)), Memory()).table
        assert (table.routes, table.problems) == ((), ())


def test_a_missing_directory_is_remembered() -> None:
    memory = after(observed(worktree("x")))
    assert plan(observed(worktree("x", present=False)), memory).memory == memory


def test_a_removed_worktree_is_forgotten() -> None:
    memory = after(observed(worktree("x"), worktree("y")))
    assert [k.label for k in plan(observed(worktree("y")), memory).memory.worktrees] == ["y"]


def test_a_repository_that_does_not_answer_is_remembered() -> None:
    memory = after(observed(worktree("x")))
    assert plan(observed(repository()), memory).memory == memory


def test_a_repository_that_nobody_asked_is_remembered() -> None:
    memory = after(observed(worktree("x")))
    kept = plan(observed(worktree("y", common="/b/.git")), memory).memory.worktrees
    assert [k.label for k in kept] == ["y", "x"]


def test_routes_are_sorted_by_name_and_callback_paths_are_one_sorted_set() -> None:
    seen = observed(
        repository(worktree("b"), callback_paths=("/z", "/a")),
        repository(worktree("a", common="/b/.git"), callback_paths=("/a",)),
    )
    table = plan(seen, Memory()).table
    assert [route.name for route in table.routes] == ["a", "b"]
    assert table.callback_paths == ("/a", "/z")


def test_one_worktrees_problems_leave_the_others_alone() -> None:
    broken = replace(worktree("x"), problems=(Problem("unreadable-file", "m", "h"),))
    assert kinds(observed(broken, worktree("y"))) == {"x": ["unreadable-file"], "y": []}


def test_a_thousand_worktrees_have_a_port_each() -> None:
    trees = [worktree(f"agent-{n}", created=n) for n in range(1000)]
    table = plan(observed(*trees), Memory()).table
    ports = [service.port for route in table.routes for service in route.services]
    assert len(set(ports)) == 2000


def test_a_server_that_moved_out_of_a_strangers_way_is_routed_and_stays_so_while_it_is_down() -> None:
    tree = worktree("x", declared(3000))
    stranger = listener(3000, pid=7)
    up = observed(tree, stranger, listener(3001, tree, serves="html"))
    assert web(up) == {"x": (3001, "listener")}
    assert kinds(up) == {"x": ["moved-port"]}
    assert web(observed(tree, stranger), after(up)) == {"x": (3001, "listener")}


def test_where_a_server_was_before_its_files_changed_says_nothing_of_where_its_pages_are() -> None:
    before = worktree("x", declared(3000))
    memory = after(observed(before, listener(3000, pid=7), listener(3001, before, serves="html")))
    now = worktree("x", declared(4000))
    seen = observed(now, listener(4000, pid=7), listener(3001, now, serves="http"))
    assert web(seen, memory) == web(seen) == {"x": (4000, "env:.env.local")}


@pytest.mark.parametrize(
    "seen",
    [
        observed(worktree("x", declared(3000)), listener(3000, pid=None), listener(3001, worktree("x"), serves="html")),
        observed(worktree("x", declared(3000)), listener(3000, pid=7), listener(3001, worktree("x"), serves="http")),
        observed(worktree("x", declared(3000)), listener(3000, pid=7)),
    ],
    ids=["process-not-seen", "no-pages", "nothing-else"],
)
def test_without_pages_elsewhere_a_declared_port_that_listens_is_routed_whoever_listens(seen: Observed) -> None:
    assert web(seen) == {"x": (3000, "env:.env.local")}

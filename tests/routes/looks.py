"""What the tests of the plan ask of a look, and looks of every kind."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import get_args

from hypothesis import strategies as st

from router.model import Container, Listener, Observed, Override, Problem, Repository, ServiceSpec, Worktree, WorktreeId
from router.ports import service_port
from router.remembered import Memory, RememberedWorktree
from router.route_table import Route
from router.routes.plan import plan
from router.routes.servers import Kind
from tests.fakes import ME, declared, listener, observed, repository, worktree

WEB, API = service_port("web", "x"), service_port("api", "x")
COLLIDING = "feature-104", "feature-168"  # see test_the_pair_of_this_file_collides
NOTHING = Memory()


def after(*looks: Observed, memory: Memory = NOTHING) -> Memory:
    """Return what is remembered after these looks."""
    for seen in looks:
        memory = plan(seen, memory).memory
    return memory


def routes(seen: Observed, memory: Memory = NOTHING) -> dict[str, Route]:
    """Return the routes by path."""
    return {route.worktree.path: route for route in plan(seen, memory).table.routes}


def names(seen: Observed, memory: Memory = NOTHING) -> dict[str | None, str]:
    """Return the labels by branch."""
    return {route.worktree.branch: route.name for route in plan(seen, memory).table.routes}


def web(seen: Observed, memory: Memory = NOTHING) -> dict[str, tuple[int, str]]:
    """Return port and source of each worktree's web, by label."""
    return {r.name: (r.services[0].port, r.services[0].source) for r in plan(seen, memory).table.routes}


def problems(seen: Observed, memory: Memory = NOTHING) -> dict[str, list[Problem]]:
    """Return every worktree's problems, by label."""
    return {route.name: list(route.problems) for route in plan(seen, memory).table.routes}


def kinds(seen: Observed, memory: Memory = NOTHING) -> dict[str, list[str]]:
    """Return the kinds of every worktree's problems, by label."""
    return {name: [problem.kind for problem in found] for name, found in problems(seen, memory).items()}


def env_ports(memory: Memory, service: str = "web") -> dict[str, int | None]:
    """Return the port that each worktree's environment gives, by label."""
    return {kept.label: kept.services[service].env_port for kept in memory.worktrees}


def assigned(memory: Memory, service: str = "web") -> dict[str, int | None]:
    """Return the port that each worktree was assigned, by label."""
    return {kept.label: kept.services[service].assigned for kept in memory.worktrees}


def kept(memory: Memory) -> Mapping[WorktreeId, RememberedWorktree]:
    """Return what is remembered of each worktree."""
    return {each.id: each for each in memory.worktrees}


# Looks of every kind: worktrees that get in each other's way, by few ports and names

PORTS = st.sampled_from([3000, 3001, WEB, WEB + 1, API, 8080, 2019, 9229])
BRANCHES = st.sampled_from(["main", "x", "X", "y", "t", "feature/y", "agent/x", *COLLIDING]) | st.none()
COMMONS = ("/r/.git", "/b/.git")
USERS = st.sampled_from([None, ME, ME, 0, ME + 1])
_HIDE = st.integers(0, 5).map(lambda n: n == 0)
_RARELY = st.integers(0, 9).map(lambda n: n == 0)
_OVERRIDES = st.builds(
    Override,
    name=st.sampled_from([None, "x", "é"]),
    hide=_HIDE,
    ports=st.dictionaries(st.just("web"), PORTS, max_size=1),
)
_PREFIXES = st.sampled_from([(), (), ("agent/",), ("agent/", "x")])
_SERVES = st.sampled_from([None, "html", "html", "http", "http", *get_args(Kind)])
_PROGRAMS = st.sampled_from(["vite", "vite", "storybook", "server.py", "manage.py", "postgres", None])
_BASES = st.sampled_from([3000, 8080, 65_535])


@st.composite
def observations(draw: st.DrawFn) -> Observed:
    """Return a look at one or two repositories with up to four worktrees, and at listeners of anybody."""
    found = [draw(_worktrees(place)) for place in range(draw(st.integers(1, 4)))]
    if len(found) > 1 and draw(_RARELY):
        found[-1] = replace(found[-1], same_as=found[0].path)
    containers = draw(
        st.dictionaries(st.tuples(st.sampled_from(found), st.sampled_from(["web", "docs"])), PORTS, max_size=2)
    )
    repositories = [
        draw(_repositories([tree for tree in found if tree.id.common_dir == common]))
        for common in COMMONS
        if any(tree.id.common_dir == common for tree in found)
    ]
    return observed(
        *repositories, *draw(_listeners(found)), uid=draw(st.sampled_from([ME, ME, None])),
        containers=tuple(Container(tree.path, service, "c-1", port) for (tree, service), port in containers.items()),
    )  # fmt: skip


@st.composite
def histories(draw: st.DrawFn, *, longest: int = 3) -> list[Observed]:
    """Return looks that follow each other; between two of them little time passes, or much."""
    now, looks = 1e9, []
    for seen in draw(st.lists(observations(), min_size=1, max_size=longest)):
        looks.append(replace(seen, now=now))
        now += draw(st.sampled_from([0.0, 1.0, 899.0, 901.0, -30.0]))
    return looks


@st.composite
def _worktrees(draw: st.DrawFn, place: int) -> Worktree:
    files = st.sampled_from([".env.local", ".env.local", "package.json"])
    names = st.sampled_from(["web", "api"])
    declarations = st.builds(declared, PORTS | st.just("soon"), service=names, file=files)
    return worktree(
        draw(BRANCHES), *draw(st.lists(declarations, max_size=2)), path=f"/w/{place}/{'t' if place < 3 else 'x'}",
        created=place, admin=str(place), main=place == 0, common=draw(st.sampled_from(COMMONS)),
        present=not draw(_RARELY),
    )  # fmt: skip


@st.composite
def _repositories(draw: st.DrawFn, trees: Iterable[Worktree]) -> Repository:
    specs = st.tuples(_specs("web", "PORT"), _specs("api", "API_PORT"))
    overrides = draw(st.dictionaries(BRANCHES.filter(bool), _OVERRIDES, max_size=1))
    return repository(
        *trees, overrides=overrides, services=draw(specs), answered=not draw(_RARELY), strip=draw(_PREFIXES)
    )


def _specs(name: str, variable: str) -> st.SearchStrategy[ServiceSpec]:
    strategies = st.sampled_from(["hash", "hash", "index", "free"])
    return st.builds(
        lambda ports, base: ServiceSpec(name, (variable,), ports=ports, base=None if ports == "hash" else base),
        strategies,
        _BASES,
    )


@st.composite
def _listeners(draw: st.DrawFn, trees: list[Worktree]) -> list[Listener]:
    at = st.tuples(PORTS, st.sampled_from(["127.0.0.1", "::1"]))
    owners = draw(st.dictionaries(at, st.sampled_from([None, *trees]), max_size=5))
    return [
        listener(
            port, of, address=address, serves=draw(_SERVES), uid=draw(USERS), program=draw(_PROGRAMS),
            shared=draw(_RARELY), pid=draw(st.sampled_from([1, 1, None])),
        )
        for (port, address), of in owners.items()
    ]  # fmt: skip

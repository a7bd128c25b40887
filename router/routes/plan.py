"""What was observed, and what is remembered, as a route table and as what to remember next."""

from collections.abc import Iterator, Mapping
from itertools import chain

from router.model import Observed, Problem, Repository, WorktreeId
from router.remembered import Memory
from router.route_table import Route, RouteTable, Service
from router.routes import labels
from router.routes.claims import Grant, settle
from router.routes.conflicts import PortOwners, port_owners, problems
from router.routes.context import PlanContext, plan_context
from router.routes.former import former_names, left_names
from router.routes.memory import next_memory
from router.routes.routable import not_routed
from router.routes.seen import found_in, seen
from router.routes.services import WorktreeClaims, service, stands, worktree_claims
from router.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Plan:
    """The route table of one look, and the memory that makes the next one agree with it.

    `undecided` are the process and port of servers of which one request for a page would say more.
    """

    table: RouteTable
    memory: Memory
    undecided: frozenset[tuple[int | None, int]] = frozenset()


def plan(observed: Observed, memory: Memory) -> Plan:
    """Decide names and ports of every worktree. Pure: the same arguments give the same plan."""
    context = plan_context(observed, memory)
    claims = {worktree.id: worktree_claims(context, worktree) for _, worktree in context.routed}
    every = tuple(chain.from_iterable(each.claims for each in claims.values()))
    grants = settle(every, context.sockets, reserved=observed.reserved)
    granted = _by_worktree(context, grants)
    for worktree, each in claims.items():
        granted[worktree] += each.extra
    services = {owner: tuple(service(context, grant) for grant in each) for owner, each in granted.items()}
    found = found_in(context, services)
    outcome = port_owners(grants, context.sockets)
    routes = tuple(_routes(context, claims, granted, _with_seen(context, services, found), outcome))
    table = RouteTable(
        routes=tuple(sorted(routes, key=lambda route: route.name)),
        callback_paths=tuple(sorted({path for r in observed.repositories for path in r.callback_paths})),
        problems=tuple(chain.from_iterable(map(_problems, observed.repositories))),
    )
    undecided = frozenset().union(*(each.undecided for each in claims.values()))
    return Plan(table, next_memory(memory, context, routes, granted, found=found), undecided)


def _with_seen(
    context: PlanContext, services: Mapping[WorktreeId, tuple[Service, ...]], found: Mapping[str, frozenset[str]]
) -> dict[WorktreeId, tuple[Service, ...]]:
    """Return the services of each worktree, each with whether there is one; `found` are those ever found."""
    known = {r.common_dir: seen(r, found.get(r.common_dir, ())) for r in context.observed.repositories}
    return {
        owner: tuple(replace(each, seen=each.name in known[owner.common_dir]) for each in mine)
        for owner, mine in services.items()
    }


def _by_worktree(context: PlanContext, grants: tuple[Grant, ...]) -> dict[WorktreeId, tuple[Grant, ...]]:
    """Return what each worktree's services were granted, oldest worktree first, without those that are none."""
    found: dict[WorktreeId, list[Grant]] = {worktree.id: [] for _, worktree in context.routed}
    for grant in grants:
        found[grant.claim.worktree.id].append(grant)
    return {w.id: tuple(grant for grant in found[w.id] if stands(grant, r)) for r, w in context.routed}


def _routes(
    context: PlanContext,
    claims: Mapping[WorktreeId, WorktreeClaims],
    granted: Mapping[WorktreeId, tuple[Grant, ...]],
    services: Mapping[WorktreeId, tuple[Service, ...]],
    outcome: PortOwners,
) -> Iterator[Route]:
    owners = {
        name: worktree
        for _, worktree in context.routed
        for name in (context.names[worktree.id].label, *context.names[worktree.id].others)
    }
    for repository, worktree in context.routed:
        names, wish, grants = context.names[worktree.id], context.wishes[worktree.id], granted[worktree.id]
        there = frozenset(each.name for each in services[worktree.id] if each.seen)
        clash = labels.collision(worktree, names.label, wish, owners.get(wish.natural))
        yield Route(
            name=names.label,
            worktree=worktree,
            repository=context.repository_names[repository.common_dir],
            aliases=names.others,
            services=services[worktree.id],
            problems=(
                *worktree.problems,
                *((clash,) if clash else ()),
                *claims[worktree.id].problems,
                *chain.from_iterable(problems(grant, outcome) for grant in grants if _matters(context, grant, there)),
            ),
            mask=repository.mask,
            former=former_names(names.lost, now=context.observed.now),
            left=left_names(names.lost, now=context.observed.now),
        )


def _matters(context: PlanContext, grant: Grant, there: frozenset[str]) -> bool:
    """Tell whether anybody knows of a service: there is one, or its port was handed out."""
    known = context.remembered_service(grant.claim.worktree, grant.claim.service.name)
    return grant.claim.service.name in there or bool(known and known.handed_out)


def _problems(repository: Repository) -> Iterator[Problem]:
    yield from repository.problems
    yield from not_routed(repository)

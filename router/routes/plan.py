"""What was observed, and what is remembered, as a route table and as what to remember next."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from router.model import Observed, Problem, Repository, Route, RouteTable, WorktreeId
from router.remembered import Memory
from router.routes import labels
from router.routes.claims import Grant, settle
from router.routes.conflicts import PortOwners, port_owners, problems
from router.routes.context import PlanContext, plan_context
from router.routes.memory import next_memory
from router.routes.routable import not_routed
from router.routes.services import WorktreeClaims, service, stands, worktree_claims


@dataclass(frozen=True, slots=True)
class Plan:
    """The route table of one look, and the memory that makes the next one agree with it."""

    table: RouteTable
    memory: Memory


def plan(observed: Observed, memory: Memory) -> Plan:
    """Decide names and ports of every worktree. Pure: the same arguments give the same plan."""
    context = plan_context(observed, memory)
    claims = {worktree.id: worktree_claims(context, worktree) for _, worktree in context.routed}
    every = tuple(chain.from_iterable(each.claims for each in claims.values()))
    grants = settle(every, context.sockets, reserved=observed.reserved)
    granted = _by_worktree(context, grants)
    routes = tuple(_routes(context, claims, granted, port_owners(grants, context.sockets)))
    table = RouteTable(
        routes=tuple(sorted(routes, key=lambda route: route.name)),
        callback_paths=tuple(sorted({path for r in observed.repositories for path in r.callback_paths})),
        problems=tuple(chain.from_iterable(map(_problems, observed.repositories))),
    )
    return Plan(table, next_memory(memory, context, routes, granted))


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
    outcome: PortOwners,
) -> Iterator[Route]:
    owners = {
        name: worktree
        for _, worktree in context.routed
        for name in (context.names[worktree.id].label, *context.names[worktree.id].aliases)
    }
    for repository, worktree in context.routed:
        names, wish, grants = context.names[worktree.id], context.wishes[worktree.id], granted[worktree.id]
        clash = labels.collision(worktree, names.label, wish, owners.get(wish.natural))
        yield Route(
            name=names.label,
            worktree=worktree,
            repository=context.repository_names[repository.common_dir],
            aliases=names.aliases,
            services=tuple(service(context, grant) for grant in grants),
            problems=(
                *worktree.problems,
                *((clash,) if clash else ()),
                *claims[worktree.id].problems,
                *chain.from_iterable(problems(grant, outcome) for grant in grants),
            ),
        )


def _problems(repository: Repository) -> Iterator[Problem]:
    yield from repository.problems
    yield from not_routed(repository)

"""What is remembered from one pass to the next, and how two who remember at once come to agree."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from router.model import Memory, RememberedService, RememberedWorktree, Route, Service, WorktreeId
from router.routes import labels
from router.routes.claims import Claim
from router.routes.context import PlanContext

Contests = Mapping[WorktreeId, list[Claim]]


def next_memory(memory: Memory, context: PlanContext, routes: Iterable[Route], contests: Contests) -> Memory:
    """Return the new memory: what is routed now, what is only hidden or missing, and what nobody looked at."""
    routes = tuple(routes)
    wanted = {worktree.id: labels.wanted(repository, worktree) for repository, worktree in context.aged}
    names = {worktree.id: context.repository_names[repository.common_dir] for repository, worktree in context.aged}
    env_ports = _env_ports(context, contests)
    now = {
        route.worktree.id: RememberedWorktree(
            id=route.worktree.id,
            label=route.name,
            branch=route.worktree.branch,
            wanted=wanted[route.worktree.id],
            services=dict(_services(context, route, contests[route.worktree.id], env_ports)),
            repository=names[route.worktree.id],
            index=context.identities[route.worktree.id].index,
            project=context.identities[route.worktree.id].project,
            scope=context.identities[route.worktree.id].scope,
        )
        for route in routes
    }
    return replace(memory, worktrees=tuple(sorted({**context.remembered, **now}.values(), key=lambda k: k.id)))


def with_assignments(before: Memory, planned: Memory) -> Memory:
    """Return a memory with what a plan gave out, names and ports, and without what it saw of servers.

    That is for a command, which looks less closely than the watcher: what that one saw stays.
    """
    known = {each.id: each for each in before.worktrees}
    return replace(before, worktrees=tuple(_with_assignments(known.get(each.id), each) for each in planned.worktrees))


def merged(base: Memory, mine: Memory, theirs: Memory) -> Memory:
    """Return my memory with what somebody else has given out since we both knew `base`.

    A port that both gave out is theirs, who were told it; mine is decided again in the next pass.
    """
    old = {each.id: each for each in base.worktrees}
    new = [each for each in theirs.worktrees if old.get(each.id) != each]
    ports = {service.assigned: each.id for each in new for service in each.services.values()}
    found = {each.id: _undecided(each, ports) for each in mine.worktrees}
    for each in new:
        found[each.id] = _with_assignments(found.get(each.id), each)
    return replace(mine, worktrees=tuple(sorted(found.values(), key=lambda k: k.id)))


def _undecided(mine: RememberedWorktree, theirs: Mapping[int | None, WorktreeId]) -> RememberedWorktree:
    lost = {n for n, s in mine.services.items() if s.assigned and theirs.get(s.assigned, mine.id) != mine.id}
    services = {n: replace(s, assigned=None, env_port=None) if n in lost else s for n, s in mine.services.items()}
    return replace(mine, services=services) if lost else mine


def _with_assignments(known: RememberedWorktree | None, new: RememberedWorktree) -> RememberedWorktree:
    if known is None:
        return new
    services = {
        name: replace(known.services[name], assigned=service.assigned, rule=service.rule, env_port=service.env_port)
        if name in known.services
        else service
        for name, service in new.services.items()
    }
    return replace(new, services={**known.services, **services})


def _services(
    context: PlanContext, route: Route, contest: list[Claim], env_ports: Mapping[tuple[WorktreeId, str], int]
) -> Iterator[tuple[str, RememberedService]]:
    for claim, service in zip(contest, route.services, strict=True):
        key = route.worktree.id, service.name
        known = context.remembered_service(route.worktree, service.name)
        yield service.name, _service(claim, service, known, assigned=context.assigned[key], env_port=env_ports[key])


def _service(
    claim: Claim, service: Service, known: RememberedService | None, *, assigned: int, env_port: int
) -> RememberedService:
    return RememberedService(
        port=service.port,
        source=service.source,
        address=service.address,
        tls=service.tls,
        program=service.program or (known.program if known else None),
        declared=claim.declared.port if claim.declared else None,
        assigned=assigned,
        rule=claim.service.rule,
        env_port=env_port,
    )


def _env_ports(context: PlanContext, contests: Contests) -> dict[tuple[WorktreeId, str], int]:
    """Return the port that each service's environment gives: what its own files declare, where that stands, else the
    assigned one.

    A declaration stands that stood before, and one whose port nobody else is assigned, told or routed to. Whether the
    worktree's own server runs makes no difference.
    """
    claims = list(chain.from_iterable(contests.values()))
    assigned = {port: worktree for (worktree, _), port in context.assigned.items()}
    routed = {(claim.current.port, claim.worktree.id) for claim in claims}
    elsewhere = {port for port, _ in routed}
    standing: dict[int, WorktreeId] = {}
    env_ports = {}
    for before in (True, False):
        for claim in claims:
            key = claim.worktree.id, claim.service.name
            port = context.declared_ports[key].own
            known = context.remembered_service(claim.worktree, claim.service.name)
            if port is None or key in env_ports or (known is not None and known.env_port == port) is not before:
                continue
            of = claim.worktree.id
            others = {standing.get(port, of), assigned.get(port, of)} - {of}
            strangers = port in elsewhere and (port, of) not in routed
            if not others and (before or not (strangers or port in context.elsewhere)):
                env_ports[key], standing[port] = port, of
    return {key: env_ports.get(key, port) for key, port in context.assigned.items()}

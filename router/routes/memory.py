"""What is remembered from one pass to the next, and how two who remember at once come to agree."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain

from router.model import WorktreeId
from router.remembered import GoneWorktree, Memory, RememberedService, RememberedWorktree
from router.route_table import Route, Service
from router.routes.claims import Grant
from router.routes.context import PlanContext
from router.routes.declared import Key
from router.routes.env_ports import env_ports
from router.routes.former import known_names
from router.routes.gone import departed, names_of, newest, without_names
from router.values import replace

Granted = Mapping[WorktreeId, tuple[Grant, ...]]


def next_memory(
    memory: Memory,
    context: PlanContext,
    routes: Iterable[Route],
    granted: Granted,
    *,
    found: Mapping[str, frozenset[str]],
) -> Memory:
    """Return the new memory: what is routed now, what is there unrouted, what nobody looked at, and what is gone.

    A name that was given to a routed worktree is nobody else's any more. `found` are the services that were ever found
    in each repository, by common directory.
    """
    ports = env_ports(context, chain.from_iterable(granted.values()))
    routed = {
        route.worktree.id: _remembered(
            context, route, dict(_services(context, route, granted[route.worktree.id], ports, found=found))
        )
        for route in routes
    }
    live = frozenset(chain.from_iterable(map(names_of, routed.values())))
    others = (_without_names(known, live) for known in context.remembered.values() if known.id not in routed)
    return replace(
        memory,
        worktrees=tuple(sorted((*routed.values(), *others), key=lambda known: known.id)),
        gone=without_names(context.gone, live),
    )


def _remembered(context: PlanContext, route: Route, services: Mapping[str, RememberedService]) -> RememberedWorktree:
    names, identity = context.names[route.worktree.id], context.identities[route.worktree.id]
    return RememberedWorktree(
        id=route.worktree.id,
        label=route.name,
        branch=route.worktree.branch,
        wanted=context.wishes[route.worktree.id].wanted,
        services=services,
        repository=route.repository,
        index=identity.index,
        project=identity.project,
        scope=identity.scope,
        own_database=route.worktree.own_database,
        path=route.worktree.path,
        aliases=route.aliases,
        earlier=names.earlier,
        former=names.lost,
        waiting_since=names.waiting_since,
    )


def without(memory: Memory, ids: Collection[WorktreeId], *, now: float) -> Memory:
    """Return a memory in which these worktrees are gone since `now`, in seconds since the epoch."""
    left = (departed(known, now) for known in memory.worktrees if known.id in ids)
    stay = tuple(known for known in memory.worktrees if known.id not in ids)
    return replace(memory, worktrees=stay, gone=newest((*memory.gone, *left)))


def with_assignments(before: Memory, planned: Memory) -> Memory:
    """Return a memory with what a plan gave out, names and ports, and without what it saw of servers.

    That is for a command, which looks less closely than the watcher: what the watcher saw of them stays.
    """
    known = {each.id: each for each in before.worktrees}
    worktrees = tuple(_with_assignments(known.get(each.id), each) for each in planned.worktrees)
    return replace(before, worktrees=worktrees, gone=planned.gone)


def merged(base: Memory, mine: Memory, theirs: Memory) -> Memory:
    """Return my memory with what somebody else has given out since we both knew `base`.

    A port or a name that both gave out is theirs, as their worktree's environment has it; mine is decided again in the
    next pass.
    """
    old = {each.id: each for each in base.worktrees}
    new = [each for each in theirs.worktrees if old.get(each.id) != each]
    ports = {service.assigned: each.id for each in new for service in each.services.values()}
    names = {name: each.id for each in new for name in names_of(each)}
    shared = {("project", each.project): each.id for each in new} | {("scope", each.scope): each.id for each in new}
    found = {each.id: _unnamed(_undecided(each, ports, names), shared) for each in mine.worktrees}
    for each in new:
        found[each.id] = _with_assignments(found.get(each.id), each)
    return replace(
        mine,
        worktrees=tuple(sorted(found.values(), key=lambda known: known.id)),
        gone=_gone(base, mine, theirs, found),
    )


def _gone(
    base: Memory, mine: Memory, theirs: Memory, there: Mapping[WorktreeId, RememberedWorktree]
) -> tuple[GoneWorktree, ...]:
    """Return the gone worktrees of both, without those that one of the two still knows to be there."""
    known = {each.id for each in (*base.gone, *mine.gone)}
    both = (*mine.gone, *(each for each in theirs.gone if each.id not in known))
    live = frozenset(chain.from_iterable(map(names_of, there.values())))
    return newest(without_names((each for each in both if each.id not in there), live))


def _undecided(
    mine: RememberedWorktree, ports: Mapping[int | None, WorktreeId], names: Mapping[str, WorktreeId]
) -> RememberedWorktree:
    """Return what I remember of a worktree without the ports and names that are another's by now."""
    lost = {n for n, s in mine.services.items() if s.assigned and ports.get(s.assigned, mine.id) != mine.id}
    services = {
        n: replace(s, assigned=None, env_port=None, handed_out=None) if n in lost else s
        for n, s in mine.services.items()
    }
    own = _without_names(mine, [name for name in known_names(mine) if names.get(name, mine.id) != mine.id])
    return replace(own, services=services) if lost else own


def _unnamed(mine: RememberedWorktree, shared: Mapping[tuple[str, str], WorktreeId]) -> RememberedWorktree:
    """Return what I remember of a worktree without its names in shared servers where one is another's by now."""
    owners = {shared.get(("project", mine.project), mine.id), shared.get(("scope", mine.scope), mine.id)}
    return mine if owners == {mine.id} else replace(mine, project="", scope="")


def _without_names(known: RememberedWorktree, names: Collection[str]) -> RememberedWorktree:
    """Return what is remembered of a worktree where these names are another's; without its label it gets a new one."""
    former = tuple(each for each in known.former if each.name not in names)
    if former == known.former and not any(name in names for name in names_of(known)):
        return known
    aliases = tuple(name for name in known.aliases if name not in names)
    return replace(known, wanted="" if known.label in names else known.wanted, aliases=aliases, former=former)


def _with_assignments(known: RememberedWorktree | None, new: RememberedWorktree) -> RememberedWorktree:
    if known is None:
        return new
    services = {
        name: replace(
            known.services[name],
            assigned=service.assigned,
            rule=service.rule,
            env_port=service.env_port,
            handed_out=service.handed_out,
        )
        if name in known.services
        else service
        for name, service in new.services.items()
    }
    return replace(new, services={**known.services, **services})


def _services(
    context: PlanContext,
    route: Route,
    grants: Iterable[Grant],
    ports: Mapping[Key, int],
    *,
    found: Mapping[str, frozenset[str]],
) -> Iterator[tuple[str, RememberedService]]:
    for grant, service in zip(grants, route.services, strict=True):
        key = route.worktree.id, service.name
        if key not in context.assigned:  # it is there while its server runs
            continue
        known = context.remembered_service(route.worktree, service.name)
        kept = _service(grant, service, known, assigned=context.assigned[key], env_port=ports[key])
        ever = service.name in found.get(route.worktree.id.common_dir, ())
        yield service.name, replace(kept, found=ever)


def _service(
    grant: Grant, service: Service, known: RememberedService | None, *, assigned: int, env_port: int
) -> RememberedService:
    declared = grant.claim.declared
    return RememberedService(
        port=service.port,
        source=service.source,
        address=service.address,
        tls=service.tls,
        program=service.program or (known.program if known else None),
        declared=declared.port if declared else None,
        assigned=assigned,
        rule=grant.claim.service.rule,
        env_port=env_port,
        handed_out=known.handed_out if known and known.handed_out in (assigned, env_port) else None,
    )

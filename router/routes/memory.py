"""What is remembered from one pass to the next, and how two who remember at once come to agree."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from router.model import Kept, KeptService, Memory, Route, Service, WorktreeId
from router.routes import labels
from router.routes.claims import Claim
from router.routes.context import Scene

Contests = Mapping[WorktreeId, list[Claim]]


def kept(remembered: Memory, scene: Scene, routes: Iterable[Route], contests: Contests) -> Memory:
    """Return the new memory: what is routed now, what is only hidden or missing, and what nobody looked at."""
    routes = tuple(routes)
    wanted = {worktree.id: labels.wanted(repository, worktree) for repository, worktree in scene.aged}
    names = {worktree.id: scene.repository_names[repository.common_dir] for repository, worktree in scene.aged}
    given = _given(scene, contests)
    now = {
        route.worktree.id: Kept(
            id=route.worktree.id,
            label=route.name,
            branch=route.worktree.branch,
            wanted=wanted[route.worktree.id],
            services=dict(_services(scene, route, contests[route.worktree.id], given)),
            repository=names[route.worktree.id],
            index=scene.identities[route.worktree.id].index,
            project=scene.identities[route.worktree.id].project,
            scope=scene.identities[route.worktree.id].scope,
        )
        for route in routes
    }
    return replace(remembered, worktrees=tuple(sorted({**scene.kept, **now}.values(), key=lambda k: k.id)))


def told(before: Memory, planned: Memory) -> Memory:
    """Return a memory with what a plan gave out, names and ports, and without what it saw of servers.

    That is for a command, which looks less closely than the watcher: what that one saw stays.
    """
    known = {each.id: each for each in before.worktrees}
    return replace(before, worktrees=tuple(_told(known.get(each.id), each) for each in planned.worktrees))


def merged(base: Memory, mine: Memory, theirs: Memory) -> Memory:
    """Return my memory with what somebody else has given out since we both knew `base`.

    A port that both gave out is theirs, who were told it; mine is decided again in the next pass.
    """
    old = {each.id: each for each in base.worktrees}
    new = [each for each in theirs.worktrees if old.get(each.id) != each]
    ports = {service.assigned: each.id for each in new for service in each.services.values()}
    found = {each.id: _undecided(each, ports) for each in mine.worktrees}
    for each in new:
        found[each.id] = _told(found.get(each.id), each)
    return replace(mine, worktrees=tuple(sorted(found.values(), key=lambda k: k.id)))


def _undecided(mine: Kept, theirs: Mapping[int | None, WorktreeId]) -> Kept:
    lost = {n for n, s in mine.services.items() if s.assigned and theirs.get(s.assigned, mine.id) != mine.id}
    services = {n: replace(s, assigned=None, given=None) if n in lost else s for n, s in mine.services.items()}
    return replace(mine, services=services) if lost else mine


def _told(known: Kept | None, new: Kept) -> Kept:
    if known is None:
        return new
    services = {
        name: replace(known.services[name], assigned=service.assigned, rule=service.rule, given=service.given)
        if name in known.services
        else service
        for name, service in new.services.items()
    }
    return replace(new, services={**known.services, **services})


def _services(
    scene: Scene, route: Route, contest: list[Claim], given: Mapping[tuple[WorktreeId, str], int]
) -> Iterator[tuple[str, KeptService]]:
    for claim, service in zip(contest, route.services, strict=True):
        key = route.worktree.id, service.name
        known = scene.known(route.worktree, service.name)
        yield service.name, _service(claim, service, known, assigned=scene.assigned[key], given=given[key])


def _service(claim: Claim, service: Service, known: KeptService | None, *, assigned: int, given: int) -> KeptService:
    return KeptService(
        port=service.port,
        source=service.source,
        address=service.address,
        tls=service.tls,
        program=service.program or (known.program if known else None),
        declared=claim.declared.port if claim.declared else None,
        assigned=assigned,
        rule=claim.service.rule,
        given=given,
    )


def _given(scene: Scene, contests: Contests) -> dict[tuple[WorktreeId, str], int]:
    """Return the port that each service's environment gives: what its own files declare, where that stands, else the
    assigned one.

    A declaration stands that stood before, and one whose port nobody else is assigned, told or routed to. Whether the
    worktree's own server runs makes no difference.
    """
    claims = list(chain.from_iterable(contests.values()))
    assigned = {port: worktree for (worktree, _), port in scene.assigned.items()}
    routed = {(claim.current.port, claim.worktree.id) for claim in claims}
    elsewhere = {port for port, _ in routed}
    standing: dict[int, WorktreeId] = {}
    given = {}
    for before in (True, False):
        for claim in claims:
            key, port = (claim.worktree.id, claim.service.name), scene.wishes[claim.worktree.id, claim.service.name].own
            known = scene.known(claim.worktree, claim.service.name)
            if port is None or key in given or (known is not None and known.given == port) is not before:
                continue
            of = claim.worktree.id
            others = {standing.get(port, of), assigned.get(port, of)} - {of}
            strangers = port in elsewhere and (port, of) not in routed
            if not others and (before or not (strangers or port in scene.elsewhere)):
                given[key], standing[port] = port, of
    return {key: given.get(key, port) for key, port in scene.assigned.items()}

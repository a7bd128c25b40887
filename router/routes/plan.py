"""What was observed, and what is remembered, as a route table and as what to remember next."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from router.model import (
    Listener,
    Memory,
    Observed,
    Problem,
    Repository,
    Route,
    RouteTable,
    Service,
    Worktree,
    WorktreeId,
)
from router.naming import shown
from router.routes import claims, labels
from router.routes.claims import Candidate, Claim
from router.routes.conflicts import PortOwners, port_owners, problems
from router.routes.context import PlanContext, plan_context
from router.routes.discovered import discover
from router.routes.memory import next_memory


@dataclass(frozen=True, slots=True)
class Plan:
    """The route table of one look, and the memory that makes the next one agree with it."""

    table: RouteTable
    memory: Memory


def plan(observed: Observed, memory: Memory) -> Plan:
    """Decide names and ports of every worktree. Pure: the same arguments give the same plan."""
    context = plan_context(observed, memory)
    contests = {w.id: _contest(context, repository, w, age) for age, (repository, w) in enumerate(context.aged)}
    every = list(chain.from_iterable(contests.values()))
    claims.settle(every, context.held)
    contests = {w.id: [c for c in contests[w.id] if _stands(c, repository)] for repository, w in context.aged}
    routes = tuple(_routes(context, contests, port_owners(every, context.held)))
    table = RouteTable(
        routes=tuple(sorted(routes, key=lambda route: route.name)),
        callback_paths=tuple(sorted({path for r in observed.repositories for path in r.callback_paths})),
        problems=tuple(chain.from_iterable(map(_unrouted, observed.repositories))),
    )
    return Plan(table, next_memory(memory, context, routes, contests))


def _contest(context: PlanContext, repository: Repository, worktree: Worktree, age: int) -> list[Claim]:
    specs = context.specs(repository, worktree)
    declared_ports = {spec.name: context.declared_ports[worktree.id, spec.name] for spec in specs}
    declared = {name: wish.declared for name, wish in declared_ports.items()}
    assigned = {spec.name: context.assigned[worktree.id, spec.name] for spec in specs}
    seen = {spec.name: context.remembered_service(worktree, spec.name) for spec in specs}
    last = {n: known.port for n, known in seen.items() if known and claims.last_seen(known, declared[n])}
    own, unclear = discover(worktree, specs, declared, context.observed, assigned=assigned, last=last)
    contest = []
    for spec in specs:
        known = seen[spec.name]
        candidates = claims.candidates(
            known,
            declared[spec.name],
            own.get(spec.name),
            assigned=Candidate(assigned[spec.name], spec.ports),
            listening=context.listening,
            reserved=context.observed.reserved,
        )
        claim = Claim(
            worktree=worktree,
            service=spec,
            age=age,
            candidates=candidates,
            had=frozenset({known.port, known.assigned or known.port} if known else ()),
            hashed=(assigned[spec.name], context.hash_port(worktree, spec.name)),
            current=next(candidates),
            declared=declared[spec.name],
            problems=[*declared_ports[spec.name].problems, *(p for p in unclear if p.service == spec.name)],
        )
        contest.append(claim)
    return contest


def _stands(claim: Claim, repository: Repository) -> bool:
    """Tell whether a service is still one: what Compose alone gave is none without its published port."""
    return claim.service in repository.services or claims.published(claim.current.source)


def _routes(context: PlanContext, contests: Mapping[WorktreeId, list[Claim]], settled: PortOwners) -> Iterator[Route]:
    aliases = labels.aliases(context.aged, context.labels)
    owners = {context.labels[worktree.id]: worktree for _, worktree in context.aged}
    for repository, worktree in context.aged:
        name, contest = context.labels[worktree.id], contests[worktree.id]
        clash = labels.collision(repository, worktree, name, owners.get(labels.wanted(repository, worktree)))
        yield Route(
            name=name,
            worktree=worktree,
            repository=context.repository_names[repository.common_dir],
            aliases=aliases[worktree.id],
            services=tuple(_service(context, claim) for claim in contest),
            problems=(
                *worktree.problems,
                *((clash,) if clash else ()),
                *chain.from_iterable(problems(claim, settled) for claim in contest),
            ),
        )


def _service(context: PlanContext, claim: Claim) -> Service:
    port, spec = claim.current.port, claim.service
    known = context.remembered_service(claim.worktree, spec.name)
    listener = _live(context.listening.get(port, ()), claim.worktree.path)
    last = known if known and known.port == port else None
    return Service(
        name=spec.name,
        port=port,
        address=listener.address if listener else last.address if last else "127.0.0.1",
        source=claim.current.source,
        up=listener is not None,
        pid=listener.pid if listener else None,
        program=listener.program if listener else None,
        tls=listener.tls if listener else bool(last and last.tls),
        path=spec.path,
        strip_path=spec.strip_path,
    )


def _live(listeners: tuple[Listener, ...], path: str) -> Listener | None:
    """Return the socket to dial: the worktree's own before anyone's, IPv4 before IPv6."""
    return min(listeners, key=lambda found: (found.worktree != path, found.address), default=None)


def _unrouted(repository: Repository) -> Iterator[Problem]:
    yield from repository.problems
    for worktree in repository.worktrees:
        if worktree.made and not worktree.present:
            yield Problem(
                "missing-directory",
                f"git knows a worktree at {shown(worktree.path)}, but the directory is gone; it is not routed",
                "run `git worktree prune`, or `git worktree repair` where it was moved",
            )

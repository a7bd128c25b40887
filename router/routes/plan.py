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
from router.routes.conflicts import Outcome, outcome, problems
from router.routes.context import Scene
from router.routes.context import scene as drawn
from router.routes.discovered import found
from router.routes.memory import kept


@dataclass(frozen=True, slots=True)
class Plan:
    """The route table of one look, and the memory that makes the next one agree with it."""

    table: RouteTable
    memory: Memory


def plan(observed: Observed, remembered: Memory) -> Plan:
    """Decide names and ports of every worktree. Pure: the same arguments give the same plan."""
    scene = drawn(observed, remembered)
    contests = {w.id: _contest(scene, repository, w, age) for age, (repository, w) in enumerate(scene.aged)}
    every = list(chain.from_iterable(contests.values()))
    claims.settle(every, scene.held)
    contests = {w.id: [c for c in contests[w.id] if _stands(c, repository)] for repository, w in scene.aged}
    routes = tuple(_routes(scene, contests, outcome(every, scene.held)))
    table = RouteTable(
        routes=tuple(sorted(routes, key=lambda route: route.name)),
        callback_paths=tuple(sorted({path for r in observed.repositories for path in r.callback_paths})),
        problems=tuple(chain.from_iterable(map(_unrouted, observed.repositories))),
    )
    return Plan(table, kept(remembered, scene, routes, contests))


def _contest(scene: Scene, repository: Repository, worktree: Worktree, age: int) -> list[Claim]:
    specs = scene.specs(repository, worktree)
    wishes = {spec.name: scene.wishes[worktree.id, spec.name] for spec in specs}
    declared = {name: wish.declared for name, wish in wishes.items()}
    assigned = {spec.name: scene.assigned[worktree.id, spec.name] for spec in specs}
    seen = {spec.name: scene.known(worktree, spec.name) for spec in specs}
    last = {n: known.port for n, known in seen.items() if known and claims.last_seen(known, declared[n])}
    own, unclear = found(worktree, specs, declared, scene.observed, assigned=assigned, last=last)
    contest = []
    for spec in specs:
        known = seen[spec.name]
        candidates = claims.candidates(
            known,
            declared[spec.name],
            own.get(spec.name),
            assigned=Candidate(assigned[spec.name], spec.ports),
            listening=scene.listening,
            reserved=scene.observed.reserved,
        )
        claim = Claim(
            worktree=worktree,
            service=spec,
            age=age,
            candidates=candidates,
            had=frozenset({known.port, known.assigned or known.port} if known else ()),
            hashed=(assigned[spec.name], scene.hash_port(worktree, spec.name)),
            current=next(candidates),
            declared=declared[spec.name],
            problems=[*wishes[spec.name].problems, *(p for p in unclear if p.service == spec.name)],
        )
        contest.append(claim)
    return contest


def _stands(claim: Claim, repository: Repository) -> bool:
    """Tell whether a service is still one: what Compose alone gave is none without its published port."""
    return claim.service in repository.services or claims.published(claim.current.source)


def _routes(scene: Scene, contests: Mapping[WorktreeId, list[Claim]], settled: Outcome) -> Iterator[Route]:
    aliases = labels.aliases(scene.aged, scene.labels)
    owners = {scene.labels[worktree.id]: worktree for _, worktree in scene.aged}
    for repository, worktree in scene.aged:
        name, contest = scene.labels[worktree.id], contests[worktree.id]
        clash = labels.collision(repository, worktree, name, owners.get(labels.wanted(repository, worktree)))
        yield Route(
            name=name,
            worktree=worktree,
            repository=scene.repository_names[repository.common_dir],
            aliases=aliases[worktree.id],
            services=tuple(_service(scene, claim) for claim in contest),
            problems=(
                *worktree.problems,
                *((clash,) if clash else ()),
                *chain.from_iterable(problems(claim, settled) for claim in contest),
            ),
        )


def _service(scene: Scene, claim: Claim) -> Service:
    port, spec = claim.current.port, claim.service
    known = scene.known(claim.worktree, spec.name)
    listener = _live(scene.listening.get(port, ()), claim.worktree.path)
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

"""What was observed, and what is remembered, as a route table and as what to remember next."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from router import claims, labels
from router.claims import Candidate, Claim, Holders
from router.found import found
from router.labels import Aged
from router.model import (
    Kept,
    KeptService,
    Listener,
    Memory,
    Observed,
    Problem,
    Repository,
    Route,
    RouteTable,
    Service,
    ServiceSpec,
    Worktree,
    WorktreeId,
)
from router.naming import shown
from router.ports import service_port


@dataclass(frozen=True, slots=True)
class Plan:
    """The route table of one look, and the memory that makes the next one agree with it."""

    table: RouteTable
    memory: Memory


@dataclass(frozen=True, slots=True)
class _Scene:
    """What every decision of one pass looks at."""

    observed: Observed
    held: Holders
    kept: Mapping[WorktreeId, Kept]
    listening: Mapping[int, tuple[Listener, ...]]
    inherited: Mapping[tuple[str, str], frozenset[int]]
    aged: tuple[Aged, ...]
    repository_names: Mapping[str, str]
    labels: Mapping[WorktreeId, str]

    def known(self, worktree: Worktree, service: str) -> KeptService | None:
        kept = self.kept.get(worktree.id)
        return kept.services.get(service) if kept else None

    def assigned(self, worktree: Worktree, service: str) -> int | None:
        known = self.known(worktree, service)
        return known.hash_port if known else None


def plan(observed: Observed, remembered: Memory) -> Plan:
    """Decide names and ports of every worktree. Pure: the same arguments give the same plan."""
    scene = _scene(observed, remembered)
    contests = {w.id: _contest(scene, repository, w, age) for age, (repository, w) in enumerate(scene.aged)}
    every = list(chain.from_iterable(contests.values()))
    claims.settle(every, scene.held)
    contests = {w.id: [c for c in contests[w.id] if _stands(c, repository)] for repository, w in scene.aged}
    routes = tuple(_routes(scene, contests, claims.owners(every, scene.held)))
    table = RouteTable(
        routes=tuple(sorted(routes, key=lambda route: route.name)),
        callback_paths=tuple(sorted({path for r in observed.repositories for path in r.callback_paths})),
        problems=tuple(chain.from_iterable(map(_unrouted, observed.repositories))),
    )
    wanted = {worktree.id: labels.wanted(repository, worktree) for repository, worktree in scene.aged}
    kept = {r.worktree.id: _keep(scene, r, contests[r.worktree.id], wanted[r.worktree.id]) for r in routes}
    return Plan(table, replace(remembered, worktrees=_remaining(observed, scene, kept)))


def _scene(observed: Observed, remembered: Memory) -> _Scene:
    aged = labels.by_age(observed.repositories)
    kept = {kept.id: kept for kept in remembered.worktrees}
    names = labels.repository_names(observed.repositories)
    return _Scene(
        observed=observed,
        held=claims.holders(observed.listeners),
        kept=kept,
        listening=claims.by_port(observed.listeners),
        inherited=claims.inherited(observed.repositories),
        aged=aged,
        repository_names=names,
        labels=labels.assign(aged, kept, names),
    )


def _contest(scene: _Scene, repository: Repository, worktree: Worktree, age: int) -> list[Claim]:
    specs = _specs(scene, repository, worktree)
    declared, problems = {}, {}
    for spec in specs:
        declared[spec.name], problems[spec.name] = _declared(scene, repository, worktree, spec)
    natural = {spec.name: _hash_port(scene, worktree, spec.name) for spec in specs}
    last = {spec.name: known.port for spec in specs if (known := scene.known(worktree, spec.name))}
    assigned = {name: scene.assigned(worktree, name) or port for name, port in natural.items()}
    own, unclear = found(worktree, specs, declared, scene.observed, hashed=assigned, last=last)
    contest = []
    for spec in specs:
        known = scene.known(worktree, spec.name)
        hashed = (assigned[spec.name], natural[spec.name])
        candidates = claims.candidates(
            known,
            declared[spec.name],
            own.get(spec.name),
            hashed=hashed[0],
            listening=scene.listening,
            reserved=scene.observed.reserved,
        )
        claim = Claim(
            worktree=worktree,
            service=spec,
            age=age,
            candidates=candidates,
            had=frozenset({known.port, known.hash_port or known.port} if known else ()),
            hashed=hashed,
            current=next(candidates),
            declared=declared[spec.name],
            problems=[*problems[spec.name], *(p for p in unclear if p.service == spec.name)],
        )
        contest.append(claim)
    return contest


def _specs(scene: _Scene, repository: Repository, worktree: Worktree) -> tuple[ServiceSpec, ...]:
    """Return the repository's services and those that Compose gives, or gave, this worktree."""
    named = {spec.name for spec in repository.services}
    extra = {c.service for c in scene.observed.containers if c.worktree == worktree.path}
    kept = scene.kept.get(worktree.id)
    extra |= {name for name, known in kept.services.items() if claims.published(known.source)} if kept else set()
    return (*repository.services, *(ServiceSpec(name) for name in sorted(extra - named)))


def _stands(claim: Claim, repository: Repository) -> bool:
    """Tell whether a service is still one: what Compose alone gave is none without its published port."""
    return claim.service in repository.services or claims.published(claim.current.source)


def _hash_port(scene: _Scene, worktree: Worktree, service: str) -> int:
    """Return the hash port of the branch that is checked out, of the label where HEAD is detached."""
    return service_port(service, scene.labels[worktree.id] if worktree.branch is None else worktree.branch)


def _declared(
    scene: _Scene, repository: Repository, worktree: Worktree, spec: ServiceSpec
) -> tuple[Candidate | None, list[Problem]]:
    reserved, ruled = scene.observed.reserved, []
    override = repository.overrides.get(worktree.branch) if worktree.branch else None
    if override and (port := override.ports.get(spec.name)):
        if port not in reserved:
            return Candidate(port, "settings", declared=True), []
        message = f"port {port} in router.toml is a port of the router's own"
        ruled = [Problem("bad-port", message, "write a free port into router.toml", spec.name)]
    inherited = frozenset[int]()
    if not worktree.main:
        inherited = scene.inherited.get((repository.common_dir, spec.name), inherited)
    own, wrong = claims.own_declaration(worktree, spec, inherited=inherited, reserved=reserved, held=scene.held)
    return own, ruled + wrong


def _routes(scene: _Scene, contests: Mapping[WorktreeId, list[Claim]], ports: Mapping[int, str]) -> Iterator[Route]:
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
                *chain.from_iterable(claims.problems(claim, ports) for claim in contest),
            ),
        )


def _service(scene: _Scene, claim: Claim) -> Service:
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


def _keep(scene: _Scene, route: Route, contest: list[Claim], wanted: str) -> Kept:
    services = {}
    for claim, service in zip(contest, route.services, strict=True):
        known = scene.known(route.worktree, service.name)
        services[service.name] = KeptService(
            port=service.port,
            source=service.source,
            address=service.address,
            tls=service.tls,
            program=service.program or (known.program if known else None),
            declared=claim.declared.port if claim.declared else None,
            hash_port=scene.assigned(route.worktree, service.name) or _by_hash(service),
        )
    return Kept(route.worktree.id, route.name, route.worktree.branch, wanted, services)


def _by_hash(service: Service) -> int | None:
    """Return the port that a service's hash gives it now; assigned once, it outlasts whoever takes it for a while."""
    return service.port if service.source == "hash" else None


def _remaining(observed: Observed, scene: _Scene, kept: Mapping[WorktreeId, Kept]) -> tuple[Kept, ...]:
    """Return the new memory: what is routed now, what is only hidden or missing, and what nobody looked at."""
    looked_at = {r.common_dir for r in observed.repositories if r.worktrees}  # none: git did not answer
    alive = {worktree.id for repository in observed.repositories for worktree in repository.worktrees}
    old = {i: k for i, k in scene.kept.items() if i in alive or i.common_dir not in looked_at}
    return tuple(sorted({**old, **kept}.values(), key=lambda k: k.id))

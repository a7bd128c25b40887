"""A worktree's services: what each claims, and, once that is settled, where requests for it go."""

from router.model import Problem, Repository, ServiceSpec, Worktree
from router.remembered import RememberedService
from router.route_table import Service
from router.routes.choice import Last
from router.routes.claims import Candidate, Claim, Grant, last_seen, named_candidates, published
from router.routes.context import PlanContext
from router.routes.discovered import Discovery, Hints, discover
from router.routes.routable import services_of
from router.routes.servers import framework, is_tool, may_serve
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class WorktreeClaims:
    """The claims of one worktree's services, and what is wrong with its servers as a whole.

    `extra` are the services that it has only while their server runs: nobody else can have their ports. `undecided`
    are the process and port of servers of which one request for a page would say more.
    """

    claims: tuple[Claim, ...]
    problems: tuple[Problem, ...]
    extra: tuple[Grant, ...] = ()
    undecided: frozenset[tuple[int | None, int]] = frozenset()


def worktree_claims(context: PlanContext, worktree: Worktree) -> WorktreeClaims:
    """Return what the services of a worktree claim."""
    discovery = discover(
        worktree,
        context.specs[worktree.id],
        _hints(context, worktree),
        listeners=context.sockets.by_worktree.get(worktree.path, ()),
        containers=context.containers.get(worktree.path, ()),
        reserved=context.observed.reserved,
    )
    claims = tuple(_claim(context, worktree, spec, discovery) for spec in context.specs[worktree.id])
    own = context.sockets.by_worktree.get(worktree.path, ())
    return WorktreeClaims(
        claims,
        discovery.problems,
        tuple(_extra(worktree, name, port) for name, port in sorted(discovery.extra.items())),
        frozenset((each.pid, each.port) for each in own if each.port in discovery.undecided),
    )


def _extra(worktree: Worktree, name: str, port: int) -> Grant:
    candidate = Candidate(port, "listener")
    return Grant(Claim(worktree, ServiceSpec(name), (candidate,), candidate, frozenset(), ()), port, "listener")


def stands(grant: Grant, repository: Repository) -> bool:
    """Tell whether a service is still one: what Compose alone gave is none without its published port."""
    return grant.claim.service in services_of(repository, grant.claim.worktree) or published(grant.source)


def service(context: PlanContext, grant: Grant) -> Service:
    """Return the service of a claim that was settled, as one that is there."""
    worktree, spec, port = grant.claim.worktree, grant.claim.service, grant.port
    target = context.sockets.target(port, worktree=worktree.path)
    known = context.remembered_service(worktree, spec.name)
    last = known if known and known.port == port else None
    return Service(
        name=spec.name,
        port=port,
        address=target.address if target else last.address if last else "127.0.0.1",
        source=grant.source,
        up=target is not None,
        pid=target.pid if target else None,
        program=target.program if target else None,
        tls=target.tls if target else bool(last and last.tls),
        path=spec.path,
        strip_path=spec.strip_path,
        blocked=target is None and port in context.sockets.by_port,
        wakes=spec.wakes,
        answers=target is None or target.answers,
        framework=framework(target.program if target else known.program if known else None),
    )


def _known(context: PlanContext, worktree: Worktree, service: str) -> RememberedService | None:
    """Return what is remembered of a service, but for a port where its worktree has no server of any service now."""
    known = context.remembered_service(worktree, service)
    there = [each for each in context.sockets.by_worktree.get(worktree.path, ()) if known and each.port == known.port]
    reserved = context.observed.reserved
    return None if there and not any(may_serve(each, reserved) for each in there) else known


def _hints(context: PlanContext, worktree: Worktree) -> Hints:
    declared: dict[str, int] = {}
    last: dict[str, int] = {}
    for spec in context.specs[worktree.id]:
        candidate = context.declared[worktree.id, spec.name].declared
        known = _known(context, worktree, spec.name)
        if candidate:
            declared[spec.name] = candidate.port
        if known and last_seen(known, candidate):
            last[spec.name] = known.port
    assigned = {spec.name: context.assigned[worktree.id, spec.name] for spec in context.specs[worktree.id]}
    web = context.remembered_service(worktree, "web")
    return Hints(declared, assigned, Last(last, tool=web is not None and is_tool(web.program)))


def _claim(context: PlanContext, worktree: Worktree, spec: ServiceSpec, discovery: Discovery) -> Claim:
    known = context.remembered_service(worktree, spec.name)
    seen = _known(context, worktree, spec.name)
    declared, assigned = context.declared[worktree.id, spec.name], context.assigned[worktree.id, spec.name]
    own, unclear = discovery.found.get(spec.name), discovery.unclear.get(spec.name)
    return Claim(
        worktree=worktree,
        service=spec,
        named=tuple(
            named_candidates(seen, declared.declared, own, sockets=context.sockets, reserved=context.observed.reserved)
        ),
        assigned=Candidate(assigned, spec.ports),
        had=frozenset({known.port, known.assigned or known.port} if known else ()),
        natural=(assigned, context.hash_ports[worktree.id, spec.name]),
        declared=declared.declared,
        problems=(*declared.problems, *((unclear,) if unclear else ())),
    )

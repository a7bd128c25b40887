"""Which port each service's environment gives: what the worktree's own files declare, where that stands."""

from collections.abc import Iterable

from router.model import WorktreeId
from router.routes.claims import Grant
from router.routes.context import PlanContext
from router.routes.declared import Key


def env_ports(context: PlanContext, grants: Iterable[Grant]) -> dict[Key, int]:
    """Return the port of each service's environment: its own declared one, where that stands, else the assigned one.

    A declaration stands that stood before, and one whose port nobody else is assigned, given in an environment or
    routed to. Whether the worktree's own server runs makes no difference.
    """
    grants = tuple(grant for grant in grants if (grant.claim.worktree.id, grant.claim.service.name) in context.assigned)
    assigned = {port: owner for (owner, _), port in context.assigned.items()}
    routed = {(grant.port, grant.claim.worktree.id) for grant in grants}
    taken = {port for port, _ in routed}
    standing: dict[int, WorktreeId] = {}
    ports: dict[Key, int] = {}
    for stood_before in (True, False):
        for grant in grants:
            worktree, name = grant.claim.worktree, grant.claim.service.name
            port = context.declared[worktree.id, name].own
            known = context.remembered_service(worktree, name)
            if port is None or (known is not None and known.env_port == port) is not stood_before:
                continue
            of = worktree.id
            others = {standing.get(port, of), assigned.get(port, of)} - {of}
            free = port not in context.elsewhere and (port not in taken or (port, of) in routed)
            if not others and (stood_before or free):
                ports[of, name], standing[port] = port, of
    return {key: ports.get(key, port) for key, port in context.assigned.items()}

"""What each service of a file is called: `web` and `api` by what they are, the others by their own names."""

import re
from collections.abc import Sequence

from router.launch.several import assigned, meant
from router.launch.wrappers import base_name
from router.naming import label, names_nothing
from router.observe.projects.said import Service
from router.values import replace

_ROLES = {"web": 0, "api": 0}
_OF_SCRIPTS = frozenset({"dev", "develop", "start", "serve", "run", "server", "watch"})


def named(services: Sequence[Service]) -> tuple[Service, ...]:
    """Return the services of one kind of file with labels as their names, each name once: the first one's.

    The only service is `web`, unless its name says another role. Of several, names and directories decide (`frontend`,
    `apps/backend`); else the first that makes pages is `web`, and the only other one `api`, if it has no name.
    """
    if not services:
        return ()
    names = _by_name(services)
    plain = [place for place, name in enumerate(names) if name not in _ROLES]
    if len(services) == 1 and plain:
        names[0] = "web"
    else:
        for place, role in _by_kind(services, names):
            names[place] = role
    found: dict[str, Service] = {}
    for name, each in zip(names, services, strict=True):
        found.setdefault(name, replace(each, name=name))
    return tuple(found.values())


def role(name: str) -> str:
    """Return the role that a name tells, `web` or `api`; empty where it tells none."""
    return meant(name, _ROLES)


def _by_name(services: Sequence[Service]) -> list[str]:
    """Return each service's role where its name or directory tells it, an exact name first; else its own name."""
    said = [each.name or each.folder.rpartition("/")[2] for each in services]
    roles = {place: name for place, name in enumerate(said) if name in _ROLES}
    for place, name in enumerate(said):
        if (role := meant(name, _ROLES)) and role not in roles.values():
            roles[place] = role
    return [roles.get(place) or _called(each) for place, each in enumerate(services)]


def _by_kind(services: Sequence[Service], names: Sequence[str]) -> list[tuple[int, str]]:
    """Return which of the services without a telling name is `web`, and which `api`, by what they run."""
    open_roles = {role: 0 for role in _ROLES if role not in names}
    free = [(place, each.member) for place, each in enumerate(services) if names[place] not in _ROLES and each.member]
    if not open_roles or not free:
        return []
    members = [replace(member, at=replace(member.at, name="", script="", folder="")) for _, member in free]
    chosen = [(place, each.service) for (place, _), each in zip(free, assigned(members, open_roles), strict=True)]
    others = [place for place, service in chosen if service != "web"]
    nameless = [place for place in others if not services[place].name and not services[place].folder]
    return [(p, role) for p, role in chosen if role == "web" or (role == "api" and nameless == others == [p])]


def _called(service: Service) -> str:
    """Return a service's own name as a label: that of its file, its directory, its script or its program."""
    script = service.member.at.script if service.member else ""
    words = service.member.at.words if service.member else ()
    for name in (service.name, service.folder.rpartition("/")[2], _own_part(script), base_name((*words, "")[0])):
        if name and not names_nothing(name):
            return label(name)
    return "web"


def _own_part(script: str) -> str:
    """Return what a script's name says besides that it is one for development: `docs` of `dev:docs`."""
    parts = [part for part in re.split(r"[:._-]", script) if part and part not in _OF_SCRIPTS]
    return "-".join(parts)

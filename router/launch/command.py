"""How a command is changed so that each server which it starts takes its worktree's port, and what is said of it."""

from collections.abc import Mapping

from router.errors import UsageError
from router.launch import procfile
from router.launch.commands import Seen, seen
from router.launch.launch import Launch
from router.launch.several import assigned, meant, servers, told_each
from router.launch.single import Port, by_variable, config_notes, told
from router.launch.tree import Tree, project_folders
from router.naming import label
from router.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is typed: `folder` of the worktree at `root`, its `files`, and its `ports` by service."""

    root: str
    folder: str
    files: Tree
    ports: Mapping[str, int]


def launched(argv: tuple[str, ...], place: Place, *, environ: Mapping[str, str], service: str | None = None) -> Launch:
    """Return how a typed command is run, with `environ` as its environment besides.

    The service is that of the server's directory, else `web`, unless one is named: UsageError where the worktree has
    none of that name.
    """
    if service is not None and service not in place.ports:
        hint = f"use one of {', '.join(place.ports)}, or add it to router.toml"
        raise UsageError(f"this worktree has no service {service!r}", hint=hint)
    started = procfile.with_ports(
        argv, place.files, folder=place.folder, ports=place.ports, root=place.root, environ=environ
    )
    if started:
        return started
    found = seen(argv, place.files, folder=place.folder)
    members = servers(found)
    if len(members) > 1:
        chosen = assigned(members, place.ports)
        return told_each(argv, chosen, ports=place.ports, root=place.root, environ=environ)
    typed = Seen(argv, len(argv), place.folder)
    at = members[0].at if members else found[0] if len(found) == 1 else typed
    server = members[0].running if members else None
    name = service or service_of(place, at.folder)
    port = Port(name, place.ports[name], place.root)
    if server is None:
        launch = by_variable(argv, at, port, environ=environ, asked=service is not None)
        return replace(launch, served=((at.folder, name),) if members or service else ())
    launch = told(argv, at, server, port, environ=environ)
    notes = config_notes(server.server.name, place.files, folder=at.folder)
    return replace(launch, notes=(*launch.notes, *notes), served=((at.folder, name),))


def service_of(place: Place, folder: str) -> str:
    """Return the service that a directory of a worktree is by its name or by what it means, `web` where it is none."""
    names = [each.rpartition("/")[2] for each in project_folders(place.files, folder)]
    exact = next((name for name in map(label, names) if name in place.ports), "")
    return exact or next((role for name in names if (role := meant(name, place.ports))), "web")

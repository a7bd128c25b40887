"""How a case of each kind is read: a directory with its files and the case itself, to what is expected of it."""

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from router import files
from router.doctor.fixed_ports import fixed_ports
from router.doctor.frameworks.found import frameworks
from router.doctor.frameworks.framework import Framework
from router.doctor.projects import projects
from router.env.assignments import Assignment
from router.env.copied import find_copied
from router.launch.command import Place, launched
from router.launch.launch import PROCFILE
from router.launch.preload import Target
from router.launch.tree import tree
from router.model import DEFAULT_SERVICES, Worktree
from router.observe.envfiles import declarations, values
from router.observe.projects.checkout import checkout
from router.observe.projects.project import project
from router.observe.projects.said import Service
from router.observe.start_command import start_command
from router.remembered import Memory
from router.repository_settings import load_repository_settings
from router.routes.plan import plan
from router.tools.compose.report import found
from router.tools.compose.stack import stacks
from router.tools.resources.look import proposed
from router.tools.resources.proposal import with_resources
from tests.fakes import observed, repository, worktree

Case = Mapping[str, Any]


def _compose(root: Path, case: Case) -> list[str]:
    """Return what would collide between two stacks: place and what it is, each followed by its lines for `[env]`."""
    names = [name for name in case["files"] if name.endswith((".yaml", ".yml"))]
    settings = load_repository_settings(root)
    lines: list[str] = []
    for stack in stacks(names, lambda name: files.text(root / name)):
        for each in found(stack, root, settings):
            lines += [f"{each.file}:{each.line}: {each.what}", *(f"[env] {line}" for line in each.env)]
        lines += stack.notes
    return lines


def _env(root: Path, _: Case) -> list[str]:
    """Return the port of each service that a file declares, the strongest first, and what is wrong with the files."""
    found, problems = declarations(root, DEFAULT_SERVICES)
    told = [f"{each.service}: {each.port or each.text!r} by {each.source}" for each in found]
    return told + [each.message.replace(f"{root}/", "") for each in problems]


def _copied(root: Path, case: Case) -> list[str]:
    """Return what is the main checkout's too of the values of a worktree: the files below `main` and `worktree`."""
    read = {
        place: {name: Assignment(name, value, file) for name, value, file in reversed([*values(root / place)])}
        for place in ("main", "worktree")
    }
    main = {name: each.value for name, each in read["main"].items()}
    found = find_copied(read["worktree"].values(), main, own=case.get("own", {}), shared=case.get("shared", ()))
    return sorted(f"{each.assignment.variable}: {each.what}" for each in found)


def _frameworks(root: Path, _: Case) -> list[str]:
    """Return what the frameworks of each directory of a worktree need."""
    return [_needed(directory, each) for directory, texts in projects(root) for each in frameworks(texts, port=8080)]


def _needed(directory: str, found: Framework) -> str:
    name = found.name if directory == "." else f"{found.name} in {directory}"
    if found.unsure:
        return f"{name}: cannot be told ({found.file})"
    if not found.without:
        return f"{name} needs nothing"
    deep = "for api.<label>.localhost " if found.deep else ""
    return f"{name}: {deep}{found.line or found.without} in {found.file}"


PORTS = {"web": 14315, "api": 13315, "admin": 12345}


def _run(root: Path, case: Case) -> dict[str, object]:
    """Return how a `command` typed `in` a directory is run: the line, and what else differs from what is usual.

    That is PORT where it is not web's, what is said where that is more than the line itself, and the directories of
    Node programs that are told their ports, with what they are told.
    """
    place = Place(str(root), case.get("in", ""), tree(root), PORTS)
    environ = {"PORT": "14315", "FRONTEND_PORT": "14315", "BACKEND_PORT": "13315"}
    launch = launched(tuple(shlex.split(case["command"])), place, environ=environ, service=case.get("service"))
    argv = ("PROCFILE" if word == PROCFILE else word.replace(str(root), "ROOT") for word in launch.argv)
    settings = [f"{name}={value}" for name, value in launch.variables.items() if name != "PORT"]
    found: dict[str, object] = {"run": " ".join([*settings, shlex.join(argv)])}
    port = None if "PORT" in launch.unset else launch.variables.get("PORT", environ["PORT"])
    if port != "14315":
        found["PORT"] = port and int(port)
    said = [note.removeprefix("router: ") for note in launch.notes]
    service = next((name for name, number in PORTS.items() if str(number) == port), "")
    if said != [f"{service} on port {port}: {found['run']}"]:
        found["says"] = said
    if launch.targets:
        found["node"] = [_target(root, each) for each in launch.targets]
    if launch.procfile is not None:
        found["procfile"] = launch.procfile
    return found


def _target(root: Path, target: Target) -> str:
    where = [os.path.relpath(target.folder, root), target.script, target.program]
    return f"{' '.join(each for each in where if each)}: {target.port}"


def _labels(root: Path, case: Case) -> dict[str, list[str]]:
    """Return the names of each checkout by its place: `checkouts` are branches by place, in the order of their age.

    A place is `shop` (a main checkout) or `shop/x` (a worktree of it, in the directory `x`).
    """
    settings = load_repository_settings(root)
    repositories = {
        name: repository(
            *(_checkout(age, place, branch) for age, (place, branch) in enumerate(case["checkouts"].items())
              if place.split("/")[0] == name),
            name=name, overrides=settings.overrides(), strip=settings.names.strip,
        )
        for name in dict.fromkeys(place.split("/")[0] for place in case["checkouts"])
    }  # fmt: skip
    table = plan(observed(*repositories.values()), Memory()).table
    return {route.worktree.path.removeprefix("/w/"): list(route.names) for route in table.routes}


def _checkout(age: int, place: str, branch: str | None) -> Worktree:
    return worktree(branch, path=f"/w/{place}", created=age, admin=f"{age}", main="/" not in place,
                    common=f"/w/{place.split('/', maxsplit=1)[0]}/.git")  # fmt: skip


def _start(root: Path, case: Case) -> str | None:
    """Return the command that starts a checkout, behind its folder; `installed` are the programs on PATH."""
    for path in case.get("executable", ()):
        (root / path).chmod(0o755)
    found = start_command(root, installed=case.get("installed", ()).__contains__)
    return f"{found.folder}: {found.line}" if found and found.folder else found and found.line


def _resources(root: Path, case: Case) -> list[str]:
    """Return the lines that `router init resources` adds to `router.toml`, and its notes."""
    names = [name for name in case["files"] if name != "router.toml"]
    compose = [name for name in names if name.rpartition("/")[2].startswith(("compose", "docker-compose"))]
    before = case["files"].get("router.toml", "")
    found, notes = proposed(
        root, compose, names, read=lambda name: files.text(root / name), hosts=case.get("hosts", ())
    )
    after = with_resources(before, found)
    assert after.startswith(before)
    return [*filter(None, after.removeprefix(before).splitlines()), *notes]


def _projects(root: Path, _: Case) -> list[str]:
    """Return what the files of a checkout say: of services, of what new worktrees share, and of what is run there."""
    found = project(root)
    services = [_service(each) for each in found.services]
    shared = [f"{each.how} {each.path} by {each.file}:{each.line}" for each in found.shared]
    return [*services, *shared, *(f"run {each.command} by {each.file}:{each.line}" for each in found.steps)]


def _service(each: Service) -> str:
    port = f"{each.port} " if each.port else ""
    place, command = f" in {each.folder}" if each.folder else "", f": {each.command}" if each.command else ""
    return f"{each.name} {port}by {each.source}:{each.line}{place}{command}"


def _fixed_ports(root: Path, _: Case) -> list[str]:
    """Return the ports that files fix in every worktree, with what to write there."""
    return [f"{each.file}:{each.line}: {each.port}: {each.instead}" for each in fixed_ports(checkout(root))]


READERS: dict[str, Callable[[Path, Case], object]] = {
    "compose": _compose,
    "env": _env,
    "copied": _copied,
    "frameworks": _frameworks,
    "run": _run,
    "labels": _labels,
    "start": _start,
    "resources": _resources,
    "projects": _projects,
    "fixed_ports": _fixed_ports,
}

"""What is reported of Compose files, against Compose itself with what `router env` sets in two worktrees."""

import json
import os
import re
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from router.env.templates import filled
from router.ports import hash_port
from router.repository_settings import load_repository_settings
from router.tools.compose.collision import Collision
from router.tools.compose.document import members
from router.tools.compose.report import found
from router.tools.compose.stack import Stack, stacks
from tests.needs import needs

CORPUS = Path(__file__).parents[2] / "corpus" / "compose"
CASES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(CORPUS.glob("*.yaml"))}
ASKED = [name for name, case in CASES.items() if case.get("oracle", True)]
COMPOSE = str(Path(sysconfig.get_path("scripts"), "docker-compose"))
SYSTEM = ("/var/run/", "/etc/localtime")


def environment(root: Path, name: str, index: int) -> dict[str, str]:
    """Return what `router env` sets in a worktree, as far as Compose files ask for it."""
    own = {"FEATURE": name, "COMPOSE_PROJECT_NAME": f"shop-{name}", "PWD": f"/home/me/shop.{name}",
           "FRONTEND_PORT": str(hash_port(f"fe-{name}")), "BACKEND_PORT": str(hash_port(f"be-{name}"))}  # fmt: skip
    for service in load_repository_settings(root).services.values():
        own |= {variable: str(hash_port(f"{variable}-{name}")) for variable in service.env or ()}
    return own | from_templates(load_repository_settings(root).env, name, index)


def from_templates(templates: Mapping[str, str], name: str, index: int) -> dict[str, str]:
    names = {"name": name, "index": index, "hash_port": lambda text: hash_port(str(text))}
    return {variable: filled(template, names) for variable, template in templates.items()}


def config(root: Path, stack: Stack, environ: Mapping[str, str], *, further: Path) -> dict[str, Any]:
    """Return a stack as Compose itself reads it."""
    names = [name for name in stack.files if name == stack.file or "override" in name]
    arguments = [argument for name in (*names, str(further)) for argument in ("-f", name)]
    done = subprocess.run(
        [COMPOSE, *arguments, "--profile", "*", "config", "--format", "json"],
        cwd=root, env={"PATH": os.environ["PATH"], "HOME": "/home/you", **environ}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def told(content: dict[str, Any], root: Path) -> set[str]:
    """Return what of a stack could be shared, in the words of the report."""
    return {*_of_services(content, root), *_of_volumes_and_networks(content)}


def _of_services(content: dict[str, Any], root: Path) -> Iterator[str]:
    for name, service in content.get("services", {}).items():
        yield from (f"{name}: port {port['published']} of the machine" for port in service.get("ports", ())
                    if port.get("published", "0") != "0")  # fmt: skip
        if "container_name" in service:
            yield f"{name}: the container is always called {service['container_name'].replace('$$', '$')}"
        if "build" in service and "image" in service:
            yield f"{name}: the image it builds is always called {service['image']}"
        for volume in service.get("volumes", ()):
            writes = volume["type"] == "bind" and not volume.get("read_only")
            if writes and not volume["source"].startswith((f"{root}/", *SYSTEM)):
                yield f"{name}: it writes into {volume['source']}"
        if service.get("network_mode") == "host":
            yield f"{name}: every port it listens on is the machine's"


def _of_volumes_and_networks(content: dict[str, Any]) -> Iterator[str]:
    for key, volume in content.get("volumes", {}).items():
        external = "one for all, created outside of Compose"
        yield f"volume {key}: {external if volume.get('external') else 'always called ' + volume['name']}"
        device = volume.get("driver_opts", {}).get("device", "")
        if device.startswith("/"):
            yield f"volume {key}: its files are in {device}"
    for key, network in content.get("networks", {}).items():
        if not network.get("external"):
            yield f"network {key}: always called {network['name']}"
            for pool in network.get("ipam", {}).get("config", ()):
                yield f"network {key}: the addresses {pool['subnet']} of the machine"


def reported(colliding: tuple[Collision, ...], root: Path) -> set[str]:
    """Return what is reported, without what Compose knows nothing of (Traefik), or is told by the environment."""
    whats = {
        re.sub(r", (as nothing|outside of).*", "", each.what)
        for each in colliding
        if not re.search("Traefik|the project|another port", each.what)
    }
    return {plain for what in whats for plain in _as_compose_has_it(what, root)}


def _as_compose_has_it(what: str, root: Path) -> Iterator[str]:
    """Yield a message with the absolute path of a directory, and a range port by port."""
    if match := re.fullmatch(r"(.*: port )(\d+)-(\d+)( of the machine)", what):
        yield from (f"{match[1]}{port}{match[4]}" for port in range(int(match[2]), int(match[3]) + 1))
    elif match := re.fullmatch(r"(.*: it writes into )(.*)", what):
        yield match[1] + os.path.normpath(root / match[2].replace("~", "/home/you"))
    else:
        yield what


def written(root: Path, case: Mapping[str, Any]) -> Path:
    """Write the files of a case, and one more that gives an image to the services that lack one."""
    for name, text in case["files"].items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    further = root / "images.yaml"
    [stack] = read(root, case)
    services = members(stack.top.get("services"))
    images = {
        name: {"image": "scratch"} for name, node in services.items() if not {"image", "build"} & members(node).keys()
    }
    uses_all = {  # Compose leaves out what no service uses
        "image": "scratch",
        "volumes": [f"{name}:/{name}" for name in members(stack.top.get("volumes"))],
        "networks": [*members(stack.top.get("networks"))],
    }
    further.write_text(yaml.safe_dump({"services": {**images, "uses-all": uses_all}}))
    return further


def read(root: Path, case: Mapping[str, Any]) -> list[Stack]:
    names = [name for name in case["files"] if name.endswith((".yaml", ".yml"))]
    return list(stacks(names, lambda name: (root / name).read_text() if (root / name).exists() else None))


@needs(COMPOSE)
@pytest.mark.parametrize("name", ASKED)
def test_what_is_reported_is_what_compose_makes_the_same_for_two_worktrees(name: str, tmp_path: Path) -> None:
    case, root = CASES[name], tmp_path / "shop"
    further = written(root, case)
    [stack] = read(root, case)
    one, two = (told(config(root, stack, environment(root, each, index), further=further), root)
                for index, each in enumerate(("main", "fix-x")))  # fmt: skip
    assert reported(found(stack, root, load_repository_settings(root)), root) == one & two


@needs(COMPOSE)
@pytest.mark.parametrize(
    "name", [name for name in ASKED if any("[env]" in str(line) for line in CASES[name]["expect"])]
)
def test_with_the_lines_pasted_in_nothing_of_it_collides(name: str, tmp_path: Path) -> None:
    case, root = CASES[name], tmp_path / "shop"
    further = written(root, case)
    [stack] = read(root, case)
    settings = load_repository_settings(root)
    before = [each for each in found(stack, root, settings) if each.env]
    for each in before:
        if each.instead:
            _paste(root / each.file, each)
    lines = dict.fromkeys(line for each in before for line in each.env)
    rest = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.env.items() if name not in str(lines))
    (root / "router.toml").write_text("[env]\n" + rest + "\n".join(lines))
    [stack] = read(root, case)
    left = found(stack, root, load_repository_settings(root))
    assert not [each for each in left if each.env]
    one, two = (told(config(root, stack, environment(root, each, index), further=further), root)
                for index, each in enumerate(("main", "fix-x")))  # fmt: skip
    assert reported(left, root) == one & two


def _paste(file: Path, collision: Collision) -> None:
    """Write what is proposed in the place of what collides: a line of its own, or one item of a list in brackets."""
    lines = file.read_text().splitlines()
    line = lines[collision.line - 1]
    if "[" in line and "- " not in line:
        start, items = line.split("[", 1)
        wanted = [item.removeprefix("- ") for item in collision.instead.splitlines()]
        port = re.search(r":-([0-9]+)", wanted[0])
        parts = [item.strip() for item in items.rstrip("] ").split(",")]
        index = next(
            i for i, item in enumerate(parts) if (port and re.search(rf'["\[]{port[1]}\b', item)) or ("$" in item and i)
        )
        parts[index : index + 1] = wanted
        lines[collision.line - 1] = f"{start}[{', '.join(parts)}]"
    else:
        indent = line[: len(line) - len(line.lstrip())]
        lines[collision.line - 1] = "\n".join(indent + each for each in collision.instead.splitlines())
    file.write_text("\n".join(lines) + "\n")

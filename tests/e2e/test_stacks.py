"""Compose stacks of worktrees that are gone: taken down without a file, and nothing that anybody else uses."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import engines
from tests.e2e.engines import Engine
from tests.e2e.routers import Json, Router, fresh, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.docker]
PROJECT = "com.docker.compose.project"
WHERE = f"{PROJECT}.working_dir"


@pytest.fixture
def engine(router: Router) -> Iterator[Engine]:
    """The engine that the router asks; what this test made there is removed after it, whatever became of it."""
    with engines.asked_by(router) as found:
        image = fresh("stack")
        found.import_caddy(image)
        router.env["STACK_IMAGE"] = image
        try:
            yield found
        finally:
            own = json.dumps({"ancestor": [image]})  # those of other tests may run beside them
            for each in found.ask("GET", "/containers/json", all="true", filters=own):
                found.ask("DELETE", f"/containers/{each['Id']}", force="true", v="true")
            found.ask("DELETE", f"/images/{image}", force="true")


def containers(engine: Engine) -> list[Json]:
    return list(engine.ask("GET", "/containers/json", all="true"))


def services(engine: Engine, path: Path) -> set[str]:
    """Return the services that run in a directory."""
    here = [each for each in containers(engine) if each["Labels"].get(WHERE) == str(path)]
    return {each["Labels"]["com.docker.compose.service"] for each in here if each["State"] == "running"}


def volumes(engine: Engine) -> set[str]:
    return {each["Name"] for each in engine.ask("GET", "/volumes")["Volumes"] or ()}


def networks(engine: Engine) -> set[str]:
    return {each["Name"] for each in engine.ask("GET", "/networks")}


def stack(
    router: Router, path: Path, *, shared: str = "", name: str = "", services: tuple[str, ...] = ("web", "deaf")
) -> None:
    """Write a Compose file: `deaf` does not hear the signal to end, `shared` is a volume with a name of its own."""
    server = {
        "image": router.env["STACK_IMAGE"],
        "command": ["/usr/bin/caddy", "respond", "--listen", ":80", "hello"],
        "volumes": ["data:/data", *(["shared:/shared"] if shared else [])],
    }
    every = {each: {**server, **({"stop_signal": "SIGWINCH"} if each == "deaf" else {})} for each in services}
    made = {"data": {}, **({"shared": {"name": shared}} if shared else {})}
    document = {"services": every, "volumes": made, **({"name": name} if name else {})}
    (path / "compose.yml").write_text(json.dumps(document))


def up(router: Router, path: Path) -> str:
    """Start the stack of a worktree as its user does; return the name of its project."""
    said = router.run("run", "--", "docker", "compose", "up", "--detach", cwd=path)
    assert said.code == 0, said.err
    return str(json.loads(router.run("env", "--format", "json", cwd=path).out)["COMPOSE_PROJECT_NAME"])


def left(router: Router) -> dict[str, Json]:
    """Return what the status says is left over, by the names of containers."""
    return {each["program"]: each for each in router.seen().get("orphans", ()) if each["project"]}


def test_the_stack_of_a_removed_worktree_is_taken_down_and_nobody_elses(engine: Engine, running: Router) -> None:
    router, shared = running, fresh("shopdata")
    gone, stays = router.add(fresh("gone")), router.add(fresh("stays"))
    projects = {}
    for path in (gone, router.repository, stays):  # the first one makes what all share, and so its label says
        stack(router, path, shared=shared)
        projects[path] = up(router, path)
    lost = projects[gone]
    assert len(set(projects.values())) == 3
    label = router.routed(gone)["name"]
    router.git("worktree", "remove", "--force", gone)
    found = wait_until(lambda: len(left(router)) == 2 and left(router), what="two containers left over")
    assert set(found) == {f"{lost}-web-1", f"{lost}-deaf-1"}
    assert {(each["worktree"], each["role"], each["path"]) for each in found.values()} == {(label, None, str(gone))}
    assert all(each["memory"] > 1_000_000 for each in found.values())
    [problem] = [each for each in router.seen()["problems"] if each["kind"] == "orphan-process"]
    assert f"Compose project {lost} " in problem["message"]
    assert f"{lost}-web-1 for " in router.run("status").out

    listed = router.run("reap")
    assert (listed.code, f"{lost}-deaf-1" in listed.out) == (0, True)
    assert services(engine, gone) == {"web", "deaf"}
    said = router.run("reap", "--yes")
    assert said.code == 0, said.err
    assert f"removed the container {lost}-web-1" in said.err
    assert f"removed the volume {lost}_data" in said.err
    assert f"left {shared}: its name does not say whose it is" in said.err
    assert not [each for each in containers(engine) if each["Labels"].get(PROJECT) == lost]
    assert f"{lost}_default" not in networks(engine)
    kept = {f"{projects[router.repository]}_data", f"{projects[stays]}_data", shared}
    assert volumes(engine) & {f"{lost}_data", *kept} == kept
    assert services(engine, router.repository) == services(engine, stays) == {"web", "deaf"}
    wait_until(lambda: left(router) == {}, what="nothing left over")


def test_a_project_that_another_worktree_runs_in_is_shown_and_left(engine: Engine, running: Router) -> None:
    router, name = running, fresh("fixed")
    gone = router.add(fresh("gone"))
    stack(router, router.repository, name=name, services=("web",))
    stack(router, gone, name=name, services=("more",))
    for path in (router.repository, gone):
        engines.compose(router, path, "up", "--detach")
    router.routed(gone)
    router.git("worktree", "remove", "--force", gone)
    found = wait_until(lambda: left(router), what="a container left over")
    assert {each: told["role"] for each, told in found.items()} == {
        f"{name}-more-1": f"its project also runs in {router.repository}"
    }
    assert not [each for each in router.seen()["problems"] if each["kind"] == "orphan-process"]
    said = router.run("reap", "--yes", "--json")
    assert (said.code, json.loads(said.out)["containers"]) == (0, [])
    assert (services(engine, gone), services(engine, router.repository)) == ({"more"}, {"web"})

    # main's own is down, and all that it keeps is its volume: that of the project that both were
    engines.compose(router, router.repository, "rm", "--stop", "--force", "web")
    said = router.run("reap")
    assert "its project is not the worktree's own: stays" in said.out
    router.run("reap", "--yes")
    assert services(engine, gone) == {"more"}
    assert f"{name}_data" in volumes(engine)


def test_a_worktree_that_git_still_lists_keeps_its_stack_and_no_volume_goes_by_a_directorys_name(
    engine: Engine, running: Router
) -> None:
    router = running
    gone = router.add(fresh("gone"))
    stack(router, gone, services=("web",))
    engines.compose(router, gone, "up", "--detach")
    [project] = (box["Labels"][PROJECT] for box in containers(engine) if box["Labels"].get(WHERE) == str(gone))
    router.routed(gone)
    shutil.rmtree(gone)
    found = wait_until(lambda: left(router), what="a container left over")
    assert [each["role"] for each in found.values()] == ["git does not say that its worktree is gone"]
    router.run("reap", "--yes")
    assert services(engine, gone) == {"web"}

    router.git("worktree", "prune", "--expire=now")
    said = router.run("reap", "--yes")
    assert (said.code, f"removed the container {project}-web-1" in said.err) == (0, True), said.err
    assert f"left {project}_data: another directory's project may be called so too" in said.err
    assert services(engine, gone) == set()
    assert f"{project}_data" in volumes(engine)

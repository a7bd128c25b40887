"""A state directory of an earlier version, with its worktrees: every name and port in it stays what it was."""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from router.cli.app import app
from tests.recorded import layout

RECORDED = Path(__file__).parent / "recorded"
VERSIONS = sorted(path.parent.name for path in RECORDED.glob("*/memory.json"))
Json = dict[str, Any]


class Replay:
    """The recorded repositories, made again, with the state directory as the earlier version left it."""

    def __init__(self, version: str, directory: Path) -> None:
        self.directory = directory
        self._recorded = RECORDED / version

    def recorded(self, name: str) -> Json:
        """Return a recorded document, with the place of these repositories in it."""
        text = (self._recorded / name).read_text()
        return dict(json.loads(text.replace("{directory}", str(self.directory))))

    def make(self, *, memory: bool) -> None:
        """Make the repositories as they were created then, and put what was remembered into the state directory."""
        layout.make(self.directory, gone=False)
        layout.move(self.directory)
        remembered = self.recorded("memory.json")
        for worktree in remembered["worktrees"]:
            identity = worktree["id"]
            if identity["admin"]:
                written = Path(identity["common_dir"], "worktrees", identity["admin"], "commondir")
                os.utime(written, ns=(identity["created"], identity["created"]))
        state = self.directory / "state"
        state.mkdir(mode=0o700)
        (state / "memory.json").write_text(json.dumps(remembered if memory else {**remembered, "worktrees": []}))

    def say(self, *arguments: str, cwd: Path) -> Json:
        """Return the JSON that a command prints in a directory."""
        environ = {"ROUTER_STATE_DIR": str(self.directory / "state"), "ROUTER_PORT": str(layout.PORT)}
        with contextlib.chdir(cwd):
            result = CliRunner().invoke(app, arguments, env=environ)
        assert result.exit_code == 0, result.output
        return dict(json.loads(result.stdout))

    def worktrees(self) -> Json:
        """Return what `router status` says of each worktree, by its path."""
        status = self.say("status", "--json", cwd=self.directory / "shop")
        return {worktree["path"]: worktree for worktree in status["worktrees"]}


@pytest.fixture(params=VERSIONS)
def replay(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Replay]:
    def made(*, memory: bool = True) -> Replay:
        replay = Replay(request.param, tmp_path)
        replay.make(memory=memory)
        return replay

    return made


def lasting(worktree: Json) -> Json:
    """Return what a worktree's users rely on: its names, URLs and ports."""
    services = {name: (each["url"], each["port"]) for name, each in worktree["services"].items()}
    kept = ("name", "aliases", "repository", "branch", "url", "oauth_state")
    return {**{key: worktree[key] for key in kept}, "services": services}


def test_there_is_a_recording_of_the_first_version() -> None:
    assert "0.1.0" in VERSIONS


def test_every_name_and_port_stays(replay: Callable[..., Replay]) -> None:
    state = replay()
    before = {w["path"]: lasting(w) for w in state.recorded("status.json")["worktrees"]}
    assert len(before) == len(layout.checkouts(state.directory))
    assert {path: lasting(worktree) for path, worktree in state.worktrees().items()} == before


def test_every_value_of_the_environment_stays(replay: Callable[..., Replay]) -> None:
    state = replay()
    for path, before in state.recorded("env.json").items():
        now = state.say("env", "--format", "json", cwd=Path(path))
        registered = before["OAUTH_REDIRECT_URI"]  # in a repository that names callback paths it is one of these by now
        assert now["OAUTH_REDIRECT_URI"] in {registered, registered.replace("/auth/callback", "/signin-oidc")}
        now["OAUTH_REDIRECT_URI"] = registered
        assert {name: now.get(name, before[name]) for name in before} == before, path
        assert before.keys() - now.keys() <= {"WORKTREE_API_URL"}, path  # no repository has an API that was found


def test_names_and_ports_would_be_others_without_what_is_remembered(replay: Callable[..., Replay]) -> None:
    state = replay(memory=False)
    now, before = state.worktrees(), {w["path"]: lasting(w) for w in state.recorded("status.json")["worktrees"]}
    changed = {Path(path).name for path, worktree in now.items() if lasting(worktree) != before[path]}
    assert {"shop.fix-login-2", "shop.topic-41", "shop.found"} <= changed

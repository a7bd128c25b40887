"""`router mcp` as an agent uses it: the protocol's own client starts it in a worktree and calls its tools."""

import json
import os
import shlex
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

from router.tools.brief import LONGEST
from tests.e2e.routers import LIMIT, Router, fresh, wait_until
from tests.servers.shops import ANSWER, LISTEN

pytestmark = pytest.mark.e2e

TOOLS = {"status", "url", "whose", "env", "logs", "explain", "start", "stop"}
SERVER = f"print('password=hunter2')\n{LISTEN}{ANSWER}"
SAFE = "PYTHONSAFEPATH"
Call = Callable[..., Awaitable[tuple[bool, str]]]


@pytest.fixture
def trees(router: Router) -> tuple[Path, Path]:
    """Two worktrees whose `web` a line of router.toml starts, with a router that runs."""
    router.env[SAFE] = "1"  # the commands of the test itself; the server has to see to that
    paths = router.add(fresh("mine")), router.add(fresh("other"))
    for path in paths:
        (path / "web.py").write_text(SERVER)
        (path / "router").mkdir()  # a package of the worktree's own, which is not the router
        (path / "router/__init__.py").write_text("raise SystemExit('the worktree was imported')")
    line = f"{shlex.quote(sys.executable)} -S web.py"
    settings = f'[services.web]\nrun = {json.dumps(line)}\n[env]\nAPI_KEY = "sesame"\n'
    (router.repository / "router.toml").write_text(settings)
    assert router.run("allow").code == 0
    router.detach()
    return paths


def used(router: Router, cwd: Path, use: Callable[[Client, Call], Awaitable[None]]) -> None:
    """Start the server in a directory as an agent does, and use it."""

    async def talk() -> None:
        env = {name: value for name, value in router.env.items() if name != SAFE}
        command = ["-P", "-m", "router", "mcp"]
        parameters = StdioServerParameters(command=sys.executable, args=command, cwd=cwd, env=env)
        async with Client(parameters) as client:

            async def call(name: str, **arguments: str) -> tuple[bool, str]:
                answer = await client.call_tool(name, arguments)
                text = "".join(part.text for part in answer.content if part.type == "text")
                assert len(text) <= LONGEST + 40
                return not answer.is_error, text

            await use(client, call)

    anyio.run(talk)


def test_an_agent_starts_finds_and_stops_what_is_its_own(router: Router, trees: tuple[Path, Path]) -> None:
    mine, other = trees
    url = router.routed(mine)["url"]
    assert router.run("start", cwd=other).code == 0

    async def use(client: Client, call: Call) -> None:
        listed = (await client.list_tools()).tools
        assert {tool.name for tool in listed} == TOOLS
        assert {"name", "other"} & {key for tool in listed for key in tool.input_schema["properties"]} == set()
        started, said = await call("start")
        assert started
        assert said.startswith(url)
        assert await call("url") == (True, url)
        _, status = await call("status")
        assert status.splitlines()[0] == f"this worktree: {router.routed(mine)['name']}"
        assert (await call("explain", what=url))[0]
        told, whose = await call("whose", what=url)
        assert told
        assert str(mine) in whose
        _, env = await call("env")
        assert "API_KEY (set)" in env.splitlines()
        own = json.loads(router.run("env", "--format=json", cwd=mine).out)
        assert f"DATABASE_NAME={own['DATABASE_NAME']}" in env
        log = ""
        with anyio.fail_after(LIMIT):
            while "up" not in log:  # which is printed once it listens
                _, log = await call("logs")
        assert "hunter2" not in log
        assert (await call("stop"))[0]

    used(router, mine, use)
    wait_until(lambda: not router.web(mine)["up"])
    wait_until(lambda: router.web(other)["up"])
    assert router.run("stop", cwd=other).code == 0


def test_an_error_says_what_to_do(router: Router, trees: tuple[Path, Path]) -> None:
    async def use(client: Client, call: Call) -> None:
        good, said = await call("url", service="nobody")
        assert not good
        assert "has no service 'nobody'" in said
        assert "choose one of: web" in said
        for what in ("--json", "1"):
            good, said = await call("whose", what=what)
            assert not good
            assert "error: " in said

    used(router, trees[0], use)


def test_without_the_package_it_says_how_to_install_it(router: Router, tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("raise ModuleNotFoundError('gone', name='mcp')\n")
    env = {"PYTHONPATH": os.fspath(tmp_path)}
    said = router.run("mcp", env=env)
    assert (said.code, said.out) == (1, "")
    assert "worktree-router[mcp]" in said.err

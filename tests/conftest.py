"""Guards for every test: no real home, no git or router from outside, nobody but this machine, no leftovers."""

import contextlib
import ipaddress
import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, settings

from router.ports import NOT_DEV_PORTS

_REQUIRE_ALL = "ROUTER_TESTS_REQUIRE_ALL"
_TOKEN = secrets.token_hex(8)
_GIT = """[user]
	name = Test
	email = test@example.org
[init]
	defaultBranch = main
[protocol "file"]
	allow = always
[gc]
	auto = 0
"""


def _home() -> Path:
    """Make a home for this process. Before the package is imported, whose defaults depend on it."""
    home = Path(tempfile.mkdtemp(prefix="router-home-"))
    for name in list(os.environ):
        if name.startswith(("GIT_", "ROUTER_", "XDG_", "MISE_")) and name != _REQUIRE_ALL:
            del os.environ[name]
    (home / ".gitconfig").write_text(_GIT)
    os.environ |= {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "WORKTREE_ROUTER_TESTS": _TOKEN,
    }
    return home


_HOME = _home()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job: what is started here would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # started with nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _hold(ports: Iterable[int]) -> list[socket.socket]:
    """Keep ports from being handed out as free ones: no dev server is sought on them. Another process may have them."""
    held = []
    for port in ports:
        with contextlib.suppress(OSError):
            held.append(socket.socket())
            held[-1].bind(("", port))
    return held


_HELD = _hold(port for port in NOT_DEV_PORTS if port >= 32_768)

# A change is judged by the same examples each time; new ones are sought with --hypothesis-profile=long.
settings.register_profile("long", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=10_000)
settings.register_profile("router", settings.get_profile("long"), max_examples=100, derandomize=True)
settings.load_profile("router")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite-golden", action="store_true", help="rewrite tests/caddy/golden/ from what is rendered now"
    )


def pytest_unconfigure() -> None:
    for held in _HELD:
        held.close()
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _no_process_stays() -> Iterator[None]:
    """Fail where a test left a process behind, and end it."""
    yield
    seen = [process for process in psutil.process_iter() if _of_this_session(process)]
    _, left = psutil.wait_procs(seen, timeout=20)  # Erlang's helpers see the end of their server a moment later
    told = []
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended just now
            told.append(f"{process.pid} {' '.join(process.cmdline())}")
            process.kill()
    assert not told, f"left behind: {told}"


@pytest.fixture(autouse=True)
def _only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail every connection that leaves this machine; respx answers before a socket is opened."""
    monkeypatch.setattr(socket.socket, "connect", _guarded(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", _guarded(socket.socket.connect_ex))


def _guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        inet = self.family in (socket.AF_INET, socket.AF_INET6)
        assert not inet or _is_here(address[0]), f"a connection to {address} that no test describes"
        return connect(self, address)

    return guarded


def _is_here(host: str) -> bool:
    own = {address.address for addresses in psutil.net_if_addrs().values() for address in addresses}
    try:
        return ipaddress.ip_address(host).is_loopback or host in own
    except ValueError:
        return host == "localhost"


def _of_this_session(process: psutil.Process) -> bool:
    try:
        ours = process.environ().get("WORKTREE_ROUTER_TESTS") == _TOKEN
        return ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False

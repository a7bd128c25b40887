"""The router's block in a file of host names: what it says, and that all else stays."""

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import files, hosts
from router.blocks import END
from router.errors import BlockError, FileError, HostsError
from tests.fuzz import SLOW

SYSTEM = "127.0.0.1 localhost\n::1 localhost # loopback\n\n192.168.1.5\tnas\n"
HOSTS = ("api.feature-x.localhost", "feature-x.localhost")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of host names as a system has it."""
    path = tmp_path / "hosts"
    path.write_text(SYSTEM)
    return path


def status(*names: str, aliases: tuple[str, ...] = (), services: tuple[str, ...] = ("web",)) -> dict[str, object]:
    worktrees = [
        {"name": name, "aliases": list(aliases), "services": {each: {"seen": True} for each in services}}
        for name in names
    ]
    return {"worktrees": worktrees}


def test_a_service_that_is_not_there_yet_has_no_host() -> None:
    services = {"web": {"seen": True}, "api": {"seen": False}}
    document = {"worktrees": [{"name": "x", "aliases": [], "services": services}]}
    assert hosts.names(document) == ("x.localhost",)


def test_every_name_of_a_worktree_and_of_its_services_is_a_host() -> None:
    assert hosts.names(status("feature-x", aliases=("shop-x",), services=("web", "api"))) == (
        "api.feature-x.localhost",
        "api.shop-x.localhost",
        "feature-x--api.localhost",
        "feature-x.localhost",
        "shop-x--api.localhost",
        "shop-x.localhost",
    )


@pytest.mark.parametrize(
    "name", ["", "a b", "a\n1.2.3.4 bank.example", "a#", "A", "-a", "a-", "a_b", ".a", "a.", "é", "x" * 64, "a\x00b"]
)
def test_what_is_no_host_name_never_gets_in(name: str, file: Path) -> None:
    assert hosts.names(status(name, "fine")) == ("fine.localhost",)
    assert hosts.sync(file, (f"{name}.localhost", "bank.example", "localhost")) is False
    assert file.read_text() == SYSTEM


def test_the_block_has_each_host_on_both_addresses() -> None:
    begin, *lines, end = hosts.block(HOSTS).splitlines()
    assert "written by `router hosts sync`" in begin
    assert lines == [f"{address} {host}" for host in HOSTS for address in ("127.0.0.1", "::1")]
    assert end == END


def test_sync_writes_the_block_below_and_changes_nothing_twice(file: Path) -> None:
    assert hosts.sync(file, HOSTS)
    once = file.read_text(), file.stat().st_ino
    assert once[0] == SYSTEM + hosts.block(HOSTS)
    assert not hosts.sync(file, HOSTS)
    assert (file.read_text(), file.stat().st_ino) == once


def test_sync_keeps_the_file_as_it_was_beside_it(file: Path) -> None:
    hosts.sync(file, HOSTS)
    assert hosts.backup(file).read_text() == SYSTEM
    hosts.sync(file, HOSTS[:1])
    assert hosts.backup(file).read_text() == SYSTEM + hosts.block(HOSTS)
    assert {path.name for path in file.parent.iterdir()} == {file.name, hosts.backup(file).name}


def test_hosts_that_went_leave_the_block_and_the_last_takes_it_along(file: Path) -> None:
    hosts.sync(file, HOSTS)
    hosts.sync(file, HOSTS[:1])
    assert file.read_text() == SYSTEM + hosts.block(HOSTS[:1])
    assert hosts.sync(file, ())
    assert file.read_text() == SYSTEM


def test_clean_removes_the_block_once(file: Path) -> None:
    hosts.sync(file, HOSTS)
    assert hosts.clean(file)
    assert file.read_text() == SYSTEM
    assert not hosts.clean(file)


def test_the_mode_stays(file: Path) -> None:
    file.chmod(0o640)
    hosts.sync(file, HOSTS)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@SLOW
@given(before=st.binary(max_size=80), after=st.binary(max_size=40))
def test_everything_else_stays_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, before: bytes, after: bytes
) -> None:
    file = tmp_path_factory.mktemp("etc") / "hosts"
    file.write_bytes(before)
    hosts.sync(file, HOSTS)
    assert before in file.read_bytes()
    hosts.clean(file)
    assert file.read_bytes() == before
    hosts.sync(file, HOSTS)
    edited = file.read_bytes() + after
    file.write_bytes(edited)
    hosts.sync(file, HOSTS[:1])
    hosts.clean(file)
    assert file.read_bytes() in (before + after, after + before)  # the block stands in front of a torn last line


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    hosts.sync(tmp_path / "hosts", HOSTS)
    assert (tmp_path / "hosts").read_text() == hosts.block(HOSTS)


def test_a_torn_block_is_left_alone(file: Path) -> None:
    file.write_text(f"{SYSTEM}{END}\n")
    with pytest.raises(BlockError):
        hosts.sync(file, HOSTS)
    assert file.read_text() == f"{SYSTEM}{END}\n"


def test_a_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    with pytest.raises(HostsError, match="is a link"):
        hosts.sync(link, HOSTS)
    assert file.read_text() == SYSTEM


def test_what_may_not_be_written_is_an_error_without_a_trace(file: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root may write everywhere")
    file.parent.chmod(0o500)
    try:
        with pytest.raises(HostsError, match="cannot be changed"):
            hosts.sync(file, HOSTS)
    finally:
        file.parent.chmod(0o700)
    assert file.read_text() == SYSTEM


def test_a_refused_write_leaves_the_hint_to_the_command(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, content: str) -> None:
        raise FileError("cannot be written", hint="fix it") from PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files, "write", refused)
    with pytest.raises(HostsError, match="cannot be changed: Permission denied") as caught:
        hosts.sync(file, HOSTS)
    assert caught.value.hint == ""


def test_a_mount_that_cannot_be_replaced_is_written_into(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, whose /etc/hosts is a mount of its own: rename(2) says EBUSY there."""
    inode, replace = file.stat().st_ino, Path.replace

    def refusing(self: Path, target: Path) -> Path:
        if target == file:
            raise OSError(errno.EBUSY, "Device or resource busy")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refusing)
    assert hosts.sync(file, HOSTS)
    assert file.read_text() == SYSTEM + hosts.block(HOSTS)
    assert hosts.clean(file)
    assert (file.read_text(), file.stat().st_ino) == (SYSTEM, inode)
    assert {path.name for path in file.parent.iterdir()} == {file.name, hosts.backup(file).name}


def test_another_failure_is_none_to_write_into_it_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: str) -> None:
        raise FileError("no room", hint="make room") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(HostsError, match="no room"):
        hosts.sync(file, HOSTS)
    assert file.read_text() == SYSTEM


def test_under_sudo_the_state_directory_is_that_of_the_caller() -> None:
    home, caller = Path("/root"), "daemon"  # a user that every system has

    def resolved(directory: str, **environ: str) -> Path:
        return hosts.directory_of_caller(Path(directory), environ=environ, home=home)

    assert resolved("/root/.local/state/x", SUDO_USER=caller) == Path("~daemon").expanduser() / ".local/state/x"
    assert resolved("/root/.local/state/x") == Path("/root/.local/state/x")
    assert resolved("/root/.local/state/x", SUDO_USER="no such user") == Path("/root/.local/state/x")
    assert resolved("/srv/x", SUDO_USER=caller) == Path("/srv/x")
    assert resolved("/root/x", SUDO_USER=caller, ROUTER_STATE_DIR="/root/x") == Path("/root/x")

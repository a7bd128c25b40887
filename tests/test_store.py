"""The state directory: what is in it, whose it is, and who may change it."""

import json
import os
import socket
import stat
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import StoreError
from router.memory_text import SCHEMA
from router.model import WorktreeId
from router.naming import label
from router.remembered import GoneWorktree, Memory, RememberedService, RememberedWorktree
from router.store import RunningWatcher, Store, check_private
from tests.disks import fill, small_disk
from tests.fuzz import SLOW

OWNER = RunningWatcher(4711, "2026-11-21T10:00:00Z", "0.1.0", 8080, "embedded")
GIT_TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.binary().map(os.fsdecode)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store in a directory that is there and private."""
    store = Store(tmp_path / "state")
    store.prepare()
    return store


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# The directory


def test_everything_is_the_users_alone(store: Store) -> None:
    assert [mode(path) for path in (store.directory, store.site, store.logs)] == [0o700] * 3


def test_the_directory_may_be_prepared_again(store: Store) -> None:
    store.prepare()


def test_a_directory_that_others_can_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    Store(tmp_path / "state").prepare()
    assert mode(tmp_path / "state") == 0o700


def test_a_link_in_its_place_is_refused_and_nothing_made_behind_it(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "state").symlink_to("elsewhere")
    with pytest.raises(StoreError, match="not a directory of your own"):
        Store(tmp_path / "state").prepare()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_somebody_elses_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    os.chown(tmp_path / "state", 12345, 12345)
    with pytest.raises(StoreError, match="not a directory of your own"):
        check_private(tmp_path / "state")


def test_a_file_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StoreError, match="cannot be used: File exists"):
        Store(tmp_path / "state").prepare()


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used: Not a directory"):
        Store(tmp_path / "file" / "state").prepare()


def test_the_socket_is_in_the_directory_spaces_or_not(tmp_path: Path) -> None:
    assert Store(tmp_path / "my state").socket == tmp_path / "my state" / "caddy.sock"


def test_where_the_path_is_too_long_the_socket_has_a_short_one(tmp_path: Path) -> None:
    long = Store(tmp_path / ("ä" * 60))
    assert len(os.fsencode(long.socket)) < 104
    assert long.socket == Store(long.directory).socket
    assert long.socket != Store(tmp_path / ("ö" * 60)).socket
    long.prepare_socket()
    try:
        assert mode(long.socket.parent) == 0o700
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(long.socket))
        long.socket.unlink()
    finally:
        long.socket.parent.rmdir()


def test_a_link_planted_for_the_short_socket_is_refused(tmp_path: Path) -> None:
    long = Store(tmp_path / ("a" * 120))
    long.socket.parent.symlink_to(tmp_path)
    try:
        with pytest.raises(StoreError, match="not a directory of your own"):
            long.prepare_socket()
    finally:
        long.socket.parent.unlink()


# Files


def test_what_is_written_is_read(store: Store) -> None:
    store.write(store.caddyfile, "ä\udcff\n")
    assert store.read(store.caddyfile) == "ä\udcff\n"
    assert sorted(path.name for path in store.directory.iterdir()) == ["Caddyfile", "logs", "site"]


def test_a_file_that_is_not_there_has_no_text(store: Store) -> None:
    assert store.read(store.caddyfile) is None


def test_a_reader_of_the_old_file_is_not_disturbed(store: Store) -> None:
    store.write(store.caddyfile, "old")
    with store.caddyfile.open() as reader:
        store.write(store.caddyfile, "new")
        assert reader.read() == "old"


def test_the_same_text_is_not_written_again(store: Store) -> None:
    store.write(store.caddyfile, "text")
    before = store.caddyfile.stat().st_ino
    store.write_if_new(store.caddyfile, "text", mark="te")
    assert store.caddyfile.stat().st_ino == before
    store.write_if_new(store.caddyfile, "test", mark="te")
    assert store.read(store.caddyfile) == "test"


def test_a_file_without_the_mark_is_left_alone(store: Store) -> None:
    store.write(store.caddyfile, "somebody's own")
    store.write_if_new(store.caddyfile, "# made: x", mark="# made")
    assert store.read(store.caddyfile) == "somebody's own"


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing_beside_it(store: Store) -> None:
    store.caddyfile.mkdir()
    with pytest.raises(StoreError, match="cannot be written: Is a directory"):
        store.write(store.caddyfile, "text")
    assert sorted(path.name for path in store.directory.iterdir()) == ["Caddyfile", "logs", "site"]


def test_a_full_disk_keeps_what_was_remembered_and_is_said(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        store = Store(disk / "state")
        store.prepare()
        store.remember(Memory(("/r/.git",)))
        ballast = fill(disk)
        with pytest.raises(StoreError, match="cannot be written: No space left on device"):
            store.remember(Memory(tuple(f"/{number}/.git" for number in range(2000))))
        assert store.memory() == Memory(("/r/.git",))
        assert sorted(path.name for path in store.directory.iterdir()) == ["logs", "memory.json", "site"]
        ballast.unlink()
        store.remember(Memory(("/s/.git",)))
        assert store.memory() == Memory(("/s/.git",))


def test_missing_parents_are_the_users_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Store(tmp_path / "a" / "b" / "state").prepare()
        written = Store(tmp_path / "c" / "d" / "state")
        written.write(written.memory_file, "{}")
    finally:
        os.umask(before)
    for path in ("a", "a/b", "a/b/state", "a/b/state/site", "c", "c/d", "c/d/state"):
        assert mode(tmp_path / path) == 0o700, path
    assert mode(written.memory_file) == 0o600


@pytest.mark.parametrize("kind", ["fifo", "large"])
def test_what_is_no_memory_makes_nobody_wait(store: Store, kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(store.memory_file)
    else:
        with store.memory_file.open("wb") as file:
            file.truncate(1 << 40)
    assert store.remembered() is None
    with store.changing() as memory:
        store.remember(memory)
    assert store.remembered() == Memory()


# What is remembered

SERVICES = st.builds(
    RememberedService,
    port=st.integers(1024, 65535),
    source=st.sampled_from(["hash", "listener", "env:.env", "container:x-web-1"]),
    address=st.sampled_from(["127.0.0.1", "::1"]),
    tls=st.booleans(),
    program=st.none() | st.just("vite"),
    declared=st.none() | st.integers(1024, 65535),
    assigned=st.none() | st.integers(1024, 65535),
    rule=st.sampled_from(["hash", "index:8000", "free:5173"]),
    env_port=st.none() | st.integers(1024, 65535),
    found=st.booleans(),
    handed_out=st.none() | st.integers(1024, 65535),
)
WORKTREES = st.builds(
    RememberedWorktree,
    id=st.builds(WorktreeId, GIT_TEXT, GIT_TEXT, st.integers(0, 2**63)),
    label=GIT_TEXT.map(label),
    branch=st.none() | GIT_TEXT,
    wanted=GIT_TEXT.map(label),
    services=st.dictionaries(st.sampled_from(["web", "api", "docs"]), SERVICES, max_size=2),
    repository=GIT_TEXT,
    index=st.none() | st.integers(0, 999),
    project=st.just("") | GIT_TEXT.map(label),
    scope=st.just("") | GIT_TEXT.map(label),
    path=GIT_TEXT,
    aliases=st.lists(GIT_TEXT.map(label), max_size=2).map(tuple),
)
GONE = st.builds(
    GoneWorktree,
    id=st.builds(WorktreeId, GIT_TEXT, GIT_TEXT, st.integers(0, 2**63)),
    path=GIT_TEXT,
    repository=GIT_TEXT,
    branch=st.none() | GIT_TEXT,
    names=st.lists(GIT_TEXT.map(label), max_size=2).map(tuple),
    since=st.floats(0, 2**40),
)
MEMORIES = st.builds(
    Memory,
    st.lists(GIT_TEXT).map(tuple),
    st.lists(WORKTREES, max_size=3).map(tuple),
    st.lists(GONE, max_size=3).map(tuple),
)


@SLOW
@given(MEMORIES)
def test_what_is_remembered_comes_back_whatever_git_calls_it(
    tmp_path_factory: pytest.TempPathFactory, memory: Memory
) -> None:
    store = Store(tmp_path_factory.getbasetemp() / "state")
    store.prepare()
    store.remember(memory)
    assert store.memory() == memory


def test_at_first_nothing_is_remembered(store: Store) -> None:
    assert store.memory() == Memory()
    assert not store.memory_file.with_suffix(".json.old").exists()


KEPT = RememberedWorktree(WorktreeId("/r/.git", "x", 1), "x", "x", "x", {"web": RememberedService(3000, "hash")})
LEFT = GoneWorktree(WorktreeId("/r/.git", "y", 1), "/r.y", "r", "y", ("y",), 1.0)


def document(**rest: object) -> dict[str, object]:
    return {"schema": SCHEMA, **asdict(Memory(("/r/.git",), (KEPT,))), **rest}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"schema": 1}', b'{"schema": 2}',
        json.dumps(document(schema=3)).encode(),
        json.dumps(document(repositories=None)).encode(),
        json.dumps(document(worktrees=[{"label": "x"}])).encode(),
        json.dumps(document(worktrees=[{**asdict(KEPT), "label": "x }\n:80 {"}])).encode(),
        json.dumps(document(worktrees=[{**asdict(KEPT), "services": ["web"]}])).encode(),
        *(json.dumps(document(worktrees=[{**asdict(KEPT), "services": {"web": service}}])).encode()
          for service in ({"port": "3000", "source": "hash"}, {"port": 70_000, "source": "hash"}, {"port": 3000},
                          {"port": 3000, "source": "hash", "assigned": "3000"},
                          {"port": 3000, "source": "hash", "env_port": 70_000})),
        *(json.dumps(document(worktrees=[{**asdict(KEPT), key: "x; rm"}])).encode() for key in ("project", "scope")),
        *(json.dumps(document(worktrees=[{**asdict(KEPT), **wrong}])).encode()
          for wrong in ({"index": "1"}, {"repository": None}, {"aliases": ["x }"]}, {"aliases": "x"})),
        *(json.dumps(document(gone=[{**asdict(LEFT), **wrong}])).encode()
          for wrong in ({"names": ["y }\n:80 {"]}, {"since": "now"}, {"id": None})),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_set_aside_by_the_next_who_changes_it(store: Store, content: bytes) -> None:
    store.memory_file.write_bytes(content)
    assert store.memory() == Memory()
    assert store.memory_file.read_bytes() == content  # another version's may only be looked at
    with store.changing() as memory:
        assert memory == Memory()
    assert store.memory_file.with_suffix(".json.old").read_bytes() == content
    assert not store.memory_file.exists()


def test_a_directory_in_the_place_of_the_memory_is_set_aside(store: Store) -> None:
    store.memory_file.mkdir()
    with store.changing() as memory:
        assert memory == Memory()
        store.remember(Memory(("/r/.git",)))
    assert store.memory() == Memory(("/r/.git",))


def test_what_a_later_version_added_is_ignored(store: Store) -> None:
    later = document()
    later["worktrees"][0]["services"]["web"]["colour"] = "red"  # type: ignore[index]
    store.memory_file.write_text(json.dumps({**later, "colour": "blue"}))
    assert store.memory() == Memory(("/r/.git",), (KEPT,))


# Locks


def other(store: Store, code: str) -> subprocess.Popen[str]:
    """Run some lines in another process that has the same store and says `ready`."""
    modules = ("router.store", "router.model", "router.remembered")
    imports = "; ".join(f"from {module} import *" for module in modules)
    lines = f"import sys; from pathlib import Path; {imports}\n{code}"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{lines}", str(store.directory)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def test_one_watcher_owns_the_directory_until_it_ends(store: Store) -> None:
    assert store.running_watcher() is None
    taken = f"store = Store(Path(sys.argv[1])); lock = store.take_lock({OWNER!r})"
    owner = f"{taken}; print('ready', flush=True); sys.stdin.read()"
    with other(store, owner) as process:
        assert store.running_watcher() == OWNER
        assert store.take_lock(OWNER) is None
        process.kill()
    assert store.running_watcher() is None
    lock = store.take_lock(OWNER)
    assert lock is not None
    os.close(lock)


def test_no_watcher_begins_during_a_block_that_asks_for_it(store: Store) -> None:
    with other(store, f"lock = Store(Path(sys.argv[1])).take_lock({OWNER!r}); print('ready', flush=True)") as process:
        process.wait()
    with store.no_watcher_begins() as running, store.no_watcher_begins():
        assert running is None
        assert store.take_lock(OWNER) is None
    lock = store.take_lock(OWNER)
    assert lock is not None
    with store.no_watcher_begins() as running:
        assert running == OWNER
    os.close(lock)


def test_what_is_remembered_is_on_the_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    store.remember(Memory())
    assert len(synced) == 1


def test_a_repository_is_served_once_and_no_longer_when_asked(store: Store) -> None:
    assert store.start_serving([Path("/r/.git"), Path("/s/.git"), Path("/r/.git")])
    assert not store.start_serving([Path("/s/.git")])
    assert store.memory().repositories == ("/r/.git", "/s/.git")
    store.stop_serving("/r/.git")
    assert store.memory().repositories == ("/s/.git",)


def test_a_lock_whose_file_was_removed_is_no_longer_held(store: Store) -> None:
    lock = store.take_lock(OWNER)
    assert lock is not None
    assert store.holds(lock)
    (store.directory / "watcher.lock").unlink()
    assert not store.holds(lock)
    os.close(lock)


def test_an_owner_that_has_not_yet_written_its_name_is_none(store: Store) -> None:
    lock = store.take_lock(OWNER)
    assert lock is not None
    os.ftruncate(lock, 0)
    assert store.running_watcher() is None
    os.close(lock)


@pytest.mark.parametrize("name", ["watcher.lock", "memory.lock"])
def test_a_lock_that_cannot_be_opened_is_told(store: Store, name: str) -> None:
    (store.directory / name).mkdir()
    with pytest.raises(StoreError, match="cannot be written"), store.changing():
        store.take_lock(OWNER)


def test_changes_wait_for_each_other(store: Store) -> None:
    change = (
        "store = Store(Path(sys.argv[1])); print('ready', flush=True); sys.stdin.readline()\n"
        "for _ in range(50):\n"
        "    with store.changing() as memory: store.remember(Memory((*memory.repositories, 'x')))\n"
    )
    with other(store, change) as one, other(store, change) as two:
        for process in (one, two):
            process.communicate("go\n", timeout=120)
    assert len(store.memory().repositories) == 100

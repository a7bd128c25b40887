"""The kernel's tables and git's own files, as the readers take them when they are broken."""

import errno
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.model import Repository
from router.observe import sock_diag
from router.observe.listeners import Listeners
from router.observe.sockets_linux import Kernel
from router.observe.surveys import Surveys
from tests.fuzz import part
from tests.hangs import failing_calls
from tests.observe.shops import added, make

BODIES = st.lists(st.tuples(st.integers(0, 2**16 - 1), st.binary(max_size=20)), max_size=6)


def packed(parts: list[tuple[int, bytes]], head: str, width: int) -> bytes:
    return b"".join(
        struct.pack(head, width + len(body), kind).ljust(width, b"\0") + body + b"\0" * (-len(body) % 4)
        for kind, body in parts
    )


@given(BODIES, st.sampled_from([("=IH", 16), ("=HH", 4)]))
def test_messages_of_the_kernel_are_read_as_they_were_packed(
    parts: list[tuple[int, bytes]], form: tuple[str, int]
) -> None:
    assert list(sock_diag._parts(packed(parts, *form), *form)) == parts


@given(st.binary(max_size=80) | BODIES.map(lambda parts: packed(parts, "=HH", 4)[:-3]))
def test_broken_messages_of_the_kernel_end(data: bytes) -> None:
    for head, width in (("=IH", 16), ("=HH", 4)):
        assert len(list(islice(sock_diag._parts(data, head, width), 100))) < 100


NAMES = st.sampled_from(["fd", "cwd", "cmdline", "stat", "0", "3", "task"]) | st.text(
    "0123abc-", min_size=1, max_size=4
)
TARGETS = st.sampled_from(
    ["socket:[7]", "socket:[8]", "socket:[]", "pipe:[7]", "/nowhere (deleted)", "anon_inode:[eventpoll]"]
)
BOUND = st.dictionaries(
    st.sampled_from([7, 8, 9]),
    st.builds(
        sock_diag.Bound,
        st.sampled_from(["127.0.0.1", "0.0.0.0", "::1", "::"]),
        st.integers(1, 65535),
        st.booleans(),
        st.integers(0, 9),
    ),
)


@part(0.5)
@given(
    st.lists(
        st.dictionaries(
            st.integers(1, 2**40).map(str) | NAMES, st.dictionaries(NAMES, TARGETS, max_size=3), max_size=3
        ),
        min_size=2,
        max_size=2,
    ),
    st.lists(BOUND, min_size=2, max_size=2),
)
def test_a_table_of_processes_that_changes_and_lies_upsets_nobody(
    tmp_path_factory: pytest.TempPathFactory,
    tables: list[dict[str, dict[str, str]]],
    bound: list[dict[int, sock_diag.Bound]],
) -> None:
    looks = iter(bound)
    proc = tmp_path_factory.mktemp("proc")
    listeners = Listeners(Kernel(lambda: next(looks).items(), proc=str(proc)))
    for table, sockets_now in zip(tables, bound, strict=True):
        for pid, descriptors in table.items():
            folder = proc / pid / "fd"
            folder.mkdir(parents=True, exist_ok=True)
            for name, target in descriptors.items():
                (folder / name).unlink(missing_ok=True)
                (folder / name).symlink_to(target)
        found = listeners.scan([str(Path("/r"))])
        assert {each.port for each in found} <= {port for _, port, *_ in sockets_now.values()}


# Git's own files of one repository: whatever is in them, or whatever the disk says, another repository is looked at


@dataclass(frozen=True)
class Pair:
    """Two repositories, and what a look at both finds while nothing is wrong."""

    shop: Path
    blog: Path
    whole: tuple[Repository, ...]

    @property
    def commons(self) -> list[str]:
        return [f"{self.shop}/.git", f"{self.blog}/.git"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("pair").resolve()
    with pytest.MonkeyPatch.context() as patch:
        for who in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{who}_DATE", "2026-01-01T00:00:00Z")  # the same objects, so the same examples
        shop, blog = make(directory / "shop"), make(directory / "blog")
    for branch in ("a", "b"):
        added(shop, branch)
    added(blog, "x", "blog-x")
    shutil.rmtree(shop / ".git" / "hooks")
    for admin in (shop / ".git" / "worktrees").iterdir():  # not those of a `git worktree add` that is still at it
        for path in (admin, *admin.iterdir()):
            os.utime(path, (1_700_000_000, 1_700_000_000))
    with closing(Surveys(patience=20)) as surveys:
        commons = [f"{shop}/.git", f"{blog}/.git"]
        yield Pair(shop, blog, surveys.look(commons, whole=True).repositories)
    gits = [each for each in psutil.Process().children() if _is_git(each)]
    psutil.wait_procs(gits, timeout=20)  # one that met a file without end


def _is_git(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):  # it has just been waited for
        return process.name() == "git"
    return False


@contextmanager
def spoiled(path: Path, kind: str, content: bytes) -> Iterator[None]:
    """Put something else in a path's place until the block ends."""
    aside = path.parents[len(path.parts) - 1 - path.parts.index(".git")] / "aside"
    path.rename(aside)
    try:
        _put(path, kind, content)
        yield
    finally:
        waited_for = os.open(path, os.O_RDWR | os.O_NONBLOCK) if kind == "fifo" else -1
        if kind == "directory":
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        aside.rename(path)
        if waited_for >= 0:
            os.close(waited_for)  # a git that waits for it goes on


def _put(path: Path, kind: str, content: bytes) -> None:
    match kind:
        case "bytes":
            path.write_bytes(content)
        case "huge":
            path.touch()
            os.truncate(path, 1 << 40)
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "loop":
            path.symlink_to(path.name)
        case "zeros":
            path.symlink_to("/dev/zero")
        case "socket":
            with chdir(path.parent), socket.socket(socket.AF_UNIX) as server:
                server.bind(path.name)  # the whole path may be longer than an address


KINDS = st.sampled_from(["bytes", "bytes", "bytes", "huge", "fifo", "directory", "loop", "zeros", "socket", "nothing"])
CONTENTS = st.binary(max_size=60) | st.sampled_from(
    [b"\0\0\0", b"", b"\n", b"ref: refs/heads/..", b"ref: refs/heads/\xff", b"gitdir: /\0", b"/" + b"a" * 300, b"/\n",
     b"/.git\n", b"../../../../b/.git\n", b"[core]\n\tbare = true\n", b"initializing", b"ref: " + b"../" * 2000]
)  # fmt: skip
ENTRIES = st.integers(0, 10_000)


@part(1.0)
@given(ENTRIES, KINDS, CONTENTS)
def test_whatever_is_below_the_git_directory_of_a_repository_another_is_seen_whole(
    pair: Pair, entry: int, kind: str, content: bytes
) -> None:
    paths = sorted(path for path in (pair.shop / ".git").rglob("*") if "aside" not in path.name)
    path = paths[entry % len(paths)]
    with closing(Surveys(before=pair.whole)) as surveys, spoiled(path, kind, content):
        began = time.monotonic()
        shop, blog = surveys.look(pair.commons, whole=True).repositories
        assert time.monotonic() - began < 20  # what hangs does so for ever
        assert blog.worktrees == pair.whole[1].worktrees
        assert {problem.kind for problem in blog.problems} <= {"slow-repository"}  # of a machine that stood still
        assert not [problem for problem in shop.problems if "a bug in router" in problem.message]
        kept = {worktree.id.admin: worktree for worktree in shop.worktrees}
        for worktree in pair.whole[0].worktrees:  # what is wrong with one worktree is no other's problem
            if "worktrees" in path.parts[:-1] and worktree.id.admin not in path.parts:
                assert kept.get(worktree.id.admin) == worktree
    _recovered(pair)


def _recovered(pair: Pair) -> None:
    """Check that all is as it was, once what was wrong is put right."""
    with closing(Surveys(before=pair.whole, patience=20)) as surveys:
        assert surveys.look(pair.commons, whole=True).repositories == pair.whole


# Looks at both repositories while calls fail below each of some directories; prints what was not as it should be
DRIVER = """
import itertools, json, os, sys, time
from router.observe.surveys import Surveys

directories, commons = json.loads(sys.argv[1])
whole = Surveys(patience=20).look(commons, whole=True).repositories
reported, wrong, known = 0, [], [(w.id.admin, w.path, w.branch, w.present, w.made) for w in whole[0].worktrees]
for number, calls, below in itertools.product(json.loads(sys.argv[2]), json.loads(sys.argv[3]), directories):
    surveys, began = Surveys(before=whole, patience=20), time.monotonic()
    os.environ.update(FAIL_BELOW=below, FAIL_CALLS=calls, FAIL_ERRNO=str(number))
    found = surveys.look(commons, whole=True).repositories
    os.environ.update(FAIL_BELOW="")
    problems = [p.message for r in found for w in (r, *r.worktrees) for p in w.problems]
    reported += bool(problems)
    case, took = f"{os.strerror(number)} at {calls} below {below}", time.monotonic() - began
    if took > 10 or found[1:] != whole[1:]:
        wrong.append(f"{case}: the other repository is not seen whole, after {took:.1f} s")
    if [(w.id.admin, w.path, w.branch, w.present, w.made) for w in found[0].worktrees] != known:
        wrong.append(f"{case}: what was seen last does not stand: {found[0]}")
    if any("a bug in router" in message for message in problems):
        wrong.append(f"{case}: {problems}")
print(json.dumps([reported, wrong]))
"""
FAILURES = ["EIO", "EACCES", "EPERM", "ELOOP", "ESTALE", "ENOTCONN", "ETIMEDOUT", "EMFILE", "ENFILE", "ENOMEM"]
CALLS = ["open", "stat", "link", "list", "read", "open stat link list read"]


def test_whatever_error_the_disk_of_a_repository_gives_another_is_seen_whole_and_what_was_seen_last_stands(
    pair: Pair, tmp_path: Path
) -> None:
    common, admin = pair.commons[0], f"{pair.commons[0]}/worktrees/a"
    worktree = f"{pair.shop.parent}/a"
    directories = [common, f"{common}/worktrees", admin, f"{admin}/HEAD", f"{admin}/gitdir", worktree]
    numbers = [getattr(errno, name) for name in FAILURES]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *map(json.dumps, ([directories, pair.commons], numbers, CALLS))],
        env={**os.environ, "LD_PRELOAD": str(failing_calls(tmp_path))}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    reported, wrong = json.loads(done.stdout)
    assert not wrong
    assert reported > len(directories) * len(numbers) * len(CALLS) / 3  # where the call is one that a look makes

"""The kernel's and the file system's tables, as the readers take them when they are broken."""

import struct
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.observe import sock_diag
from router.observe.listeners import Listeners
from router.observe.sockets_linux import Kernel
from tests.fuzz import part

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

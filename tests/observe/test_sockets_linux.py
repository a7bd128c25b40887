"""The kernel's table of sockets, and the processes that hold them."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.model import Listener
from router.observe import sock_diag
from router.observe.listeners import Listeners
from router.observe.sock_diag import Bound, Closings
from router.observe.sockets_linux import TRIES, Kernel
from tests.hangs import hung_disk
from tests.needs import needs
from tests.observe.servers import LINUX, WAIT, at, bound, folder, only, served, started

pytestmark = LINUX
NOBODY = 65534
LONG = 20.0  # seconds: who waits for the hung disk waits for ever, and a passing test never for them


class TestOwnersThatCannotBeFound:
    SOCKETS: tuple[tuple[int, Bound], ...] = ((777, Bound("127.0.0.1", 4000, dual=False, uid=1000)),)

    def held(self, proc: Path, cwd: Path) -> None:
        """Let this process hold the socket, in a /proc of the test's own."""
        folder(proc / f"{os.getpid()}/fd")
        (proc / f"{os.getpid()}/fd/3").symlink_to("socket:[777]")
        (proc / f"{os.getpid()}/cwd").symlink_to(cwd)

    def test_the_socket_of_another_user_is_reported_without_an_owner(self, tmp_path: Path) -> None:
        found = Listeners(Kernel(lambda: self.SOCKETS, proc=str(tmp_path))).scan(["/"])
        assert found == (Listener(4000, "127.0.0.1", uid=1000),)

    def test_one_that_turns_up_late_is_found(self, tmp_path: Path) -> None:
        listeners = Listeners(Kernel(lambda: self.SOCKETS, proc=str(tmp_path)))
        for _ in range(TRIES - 1):
            assert listeners.scan([str(tmp_path)])[0].pid is None
        self.held(tmp_path, tmp_path)
        assert listeners.scan([str(tmp_path)])[0].worktree == str(tmp_path)

    def test_nobody_is_looked_for_for_ever(self, tmp_path: Path) -> None:
        listeners = Listeners(Kernel(lambda: self.SOCKETS, proc=str(tmp_path)))
        for _ in range(TRIES):
            listeners.scan([])
        self.held(tmp_path, tmp_path)
        assert listeners.scan([str(tmp_path)])[0].pid is None

    def test_a_process_that_left_after_it_was_seen_is_nobody(self, tmp_path: Path) -> None:
        gone = folder(tmp_path / "4194999/fd") / "3"  # above the highest pid
        gone.symlink_to("socket:[777]")
        assert Listeners(Kernel(lambda: self.SOCKETS, proc=str(tmp_path))).scan(["/"])[0].pid is None

    def test_an_inode_that_another_socket_has_by_now_is_that_sockets(self, tmp_path: Path) -> None:
        self.held(tmp_path, tmp_path)
        looks = iter((self.SOCKETS, ((777, Bound("127.0.0.1", 5000, dual=False)),)))
        listeners = Listeners(Kernel(lambda: next(looks), proc=str(tmp_path)))
        assert [listeners.scan([str(tmp_path)])[0].port for _ in range(2)] == [4000, 5000]

    def test_a_folder_that_is_called_deleted_is_none_that_was(self, tmp_path: Path) -> None:
        odd = folder(tmp_path / "x (deleted)")
        self.held(tmp_path, odd)
        listeners = Listeners(Kernel(lambda: self.SOCKETS, proc=str(tmp_path)))
        assert listeners.scan([str(odd)])[0].worktree == str(odd)


class TestManySockets:
    """One process that listens on thousands of ports."""

    MANY = 2800
    CODE = (
        "import resource, socket; most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)); "
        f"all = [socket.create_server(('127.0.0.1', 0)) for _ in range({MANY})]; print('port', 1, flush=True); {WAIT}"
    )

    def test_they_are_found_with_one_look_at_the_process(self, tmp_path: Path) -> None:
        listeners = Listeners()
        listeners.scan([str(tmp_path)])
        with started(tmp_path, sys.executable, "-S", "-c", self.CODE) as server:
            began = time.process_time()
            found = [each for each in listeners.scan([str(tmp_path)]) if each.pid == server.process.pid]
            assert time.process_time() - began < 2  # a look for each of them takes twenty
            assert {each.worktree for each in found} == {str(tmp_path)}
            assert len(found) == self.MANY
            began = time.process_time()
            assert len(listeners.scan([str(tmp_path)])) >= self.MANY
            assert time.process_time() - began < 0.5


class TestUsers:
    """Whose a socket is."""

    @needs(root=True)
    def test_the_user_who_created_a_socket_is_reported(self) -> None:
        os.seteuid(NOBODY)
        try:
            server = socket.create_server(("127.0.0.1", 0))
        finally:
            os.seteuid(0)
        with server, bound("127.0.0.1") as ours:
            found = Listeners().scan([])
            assert only(server.getsockname()[1], found).uid == NOBODY
            assert only(ours, found).uid == 0


class TestTrouble:
    """A kernel that does not answer, and disks that hang."""

    def test_where_the_kernel_does_not_answer_the_last_look_stands(self) -> None:
        answers = [[(1, Bound("127.0.0.1", 4000, dual=False))], OSError(24, "too many open files")]

        def listening() -> Iterator[tuple[int, Bound]]:
            answer = answers.pop(0)
            if isinstance(answer, OSError):
                raise answer
            yield from answer

        listeners = Listeners(Kernel(listening))
        before = listeners.scan([])
        assert [each.port for each in before] == [4000]
        assert listeners.scan([]) == before

    def test_a_server_that_works_on_a_hung_disk_keeps_nobody_waiting(self, tmp_path: Path) -> None:
        far, near = folder(tmp_path / "far" / "worktree"), folder(tmp_path / "near")
        (far / "script.py").write_text(f"import socket; {sock_code()}; {WAIT}")
        with started(far, sys.executable, "-S", "script.py") as distant, hung_disk(far.parent), served(near) as server:
            began = time.monotonic()
            real = {str(far): str(far), str(near): str(near)}
            found = Listeners().scan([str(far), str(near)], real=real)
            assert time.monotonic() - began < LONG
            assert only(server.port, found).worktree == str(near)
            assert only(distant.port, found).worktree == str(far)
            assert (only(distant.port, found).program or "").startswith("python")


def sock_code() -> str:
    """Return the code of a server that prints its port."""
    return "s = socket.create_server(('127.0.0.1', 0)); print('port', s.getsockname()[1], flush=True)"


class TestClosings:
    """The kernel's word of sockets that were closed."""

    @staticmethod
    def until(closings: Closings, port: int) -> set[int]:
        """Return what is reported until a port is among it, of other processes too."""
        ports, end = set[int](), time.monotonic() + LONG
        while port not in ports:
            assert time.monotonic() < end, ports
            ports |= closings.ports()
            time.sleep(0.001)
        return ports

    @classmethod
    def so_far(cls, closings: Closings) -> set[int]:
        """Return what is reported of all that was closed so far: until one that is closed now is among it."""
        with bound("127.0.0.1") as last:
            pass
        return cls.until(closings, last)

    @pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
    def test_a_socket_that_listened_is_reported_by_its_port(self, address: str) -> None:
        closings = Closings.open()
        with bound(address) as port:
            assert port not in closings.ports()
        self.until(closings, port)
        closings.close()

    def test_connections_are_not_reported(self) -> None:
        closings = Closings.open()
        with socket.create_server(("127.0.0.1", 0)) as server:
            with socket.create_connection(server.getsockname()) as client, server.accept()[0]:
                assert client.getpeername() == server.getsockname()
            assert server.getsockname()[1] not in self.so_far(closings)
        closings.close()

    def test_a_socket_is_closed_when_its_last_holder_has_closed_it(self) -> None:
        closings = Closings.open()
        with bound("127.0.0.1") as port:
            pass
        self.until(closings, port)
        first = socket.create_server(("127.0.0.1", port))
        second = first.dup()
        first.close()
        assert port not in self.so_far(closings)
        second.close()
        self.until(closings, port)
        closings.close()

    def test_the_table_says_who_listens(self) -> None:
        with bound("::", v6only=False) as port:
            [found] = [each for _, each in sock_diag.listening() if each.port == port]
        assert found == Bound("::", port, dual=True, uid=os.getuid())
        assert not at(port, Listeners().scan([]))

"""A router, its repository and a PostgreSQL server: worktrees that come and go by five means, and databases by hand."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from router.data.ledger import Ledger
from tests.data.servers import PostgresServer
from tests.e2e.routers import Router, wait_until
from tests.e2e.shops import SLOW

MEANS = ("remove", "prune", "remove in use", "hook", "killed hook")
"""How a worktree goes; the last two are made by Claude's hook, too."""
SIGNS = ("directory", "intent", "database")
"""What is there by the time a hook is killed."""


@dataclass(frozen=True)
class Tree:
    """A worktree: how it is to go, and the name that the router chooses for its database."""

    path: Path
    means: str
    name: str


class World:
    """What is there, and what was done by hand: `hand` are the oids of databases that the router must not touch."""

    def __init__(self, router: Router, server: PostgresServer, main: str, chance: random.Random) -> None:
        self.router, self.server, self.main = router, server, main
        self.hand = {main: self.oid(main)}
        self.counted: Counter[str] = Counter()
        self.chance = chance
        self._pruned: list[Path] = []
        self._sessions = ExitStack()

    # Making

    def tree(self, number: int) -> Tree:
        """Return what the worktree of that number will be."""
        means = MEANS[number % len(MEANS)]
        by_hook = "hook" in means
        branch = f"worktree-n{number}" if by_hook else f"n/{number}"
        place = self.router.repository / ".claude/worktrees" / f"n{number}"
        path = place if by_hook else self.router.directory / f"shop.n-{number}"
        return Tree(path, means, f"shop_{branch.replace('/', '_').replace('-', '_')}")

    def make(self, tree: Tree) -> None:
        """Make a worktree: by git, by the hook, or by a hook that is killed on its way."""
        if tree.means == "hook":
            said = self._hook("worktree-create", {"name": tree.path.name, "cwd": str(self.router.repository)})
            assert said.wait(SLOW) == 0, "the hook failed"
        elif tree.means == "killed hook":
            self._kill_hook(tree, self.chance.choice(SIGNS))
        else:
            branch = f"n/{tree.path.name.removeprefix('shop.n-')}"
            self.router.git("worktree", "add", "--quiet", "-b", branch, tree.path)
        self.counted[f"made, to go by {tree.means}"] += 1

    def _kill_hook(self, tree: Tree, sign: str) -> None:
        process = self._hook("worktree-create", {"name": tree.path.name, "cwd": str(self.router.repository)})
        signs: dict[str, Callable[[], bool]] = {
            "directory": tree.path.exists,
            "intent": lambda: any(each.path == str(tree.path) for each in self.ledger.records()),
            "database": lambda: any(each.startswith("wtr_") for each in self.server.databases()),
        }
        wait_until(lambda: signs[sign]() or process.poll() is not None, limit=SLOW, what=sign, pause=0.005)
        self.counted["hooks killed"] += process.poll() is None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _hook(self, which: str, payload: dict[str, str]) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "router", "hook", which], cwd=self.router.repository, env=self.router.env,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        assert process.stdin
        process.stdin.write(json.dumps(payload).encode())
        process.stdin.close()
        return process

    # Databases by hand

    def by_hand(self, name: str) -> None:
        """Make a database under a name that the router chooses, unless there is one."""
        if name not in self.server.databases():
            self.server.psql("postgres", f"CREATE DATABASE {name}")
            self.hand[name] = self.oid(name)
            self.counted["databases made by hand"] += 1

    def replace(self, name: str) -> None:
        """Rename the router's database, and put one made by hand in its place."""
        moved = f"{name}_moved"
        self.server.psql("postgres", f"ALTER DATABASE {name} RENAME TO {moved}")
        self.hand[moved] = self.oid(moved)
        self.by_hand(name)
        self.counted["databases replaced by hand"] += 1

    def oid(self, name: str) -> str:
        """Return a database's oid, empty where there is none."""
        return "".join(self.server.psql("postgres", f"SELECT oid FROM pg_database WHERE datname = '{name}'"))

    # What is there

    @property
    def ledger(self) -> Ledger:
        """What the router says that it made."""
        return Ledger(self.router.state)

    def settled(self, tree: Tree) -> bool:
        """Tell whether the watcher has made a worktree's database, or said why not."""
        resources = (self.router.at(tree.path) or {}).get("resources", [])
        return bool(resources) and all(each["state"] in ("ready", "failed") for each in resources)

    def is_ready(self, tree: Tree) -> bool:
        """Tell whether a worktree has its own database, by the name that was foretold."""
        resources = (self.router.at(tree.path) or {}).get("resources", [])
        assert all(each["target"] == tree.name for each in resources), (resources, tree.name)
        return bool(resources) and all(each["state"] == "ready" for each in resources)

    def test(self, tree: Tree) -> None:
        """Run a test in a worktree: it writes into its database and sees nobody else's rows."""
        url = '"${DATABASE_URL/+psycopg/}"'
        statement = f"INSERT INTO products VALUES ('{tree.name}'); SELECT string_agg(name, ' ') FROM products"
        script = f'{self.server.programs}/psql {url} -qAtX -c "{statement}"'
        said = self.router.run("run", "--", "bash", "-c", script, cwd=tree.path)
        self.counted["tests run"] += 1
        self.counted["tests green"] += (said.code, said.out.strip()) == (0, f"a {tree.name}")

    # Going

    def remove(self, tree: Tree) -> None:
        """Have a worktree go by its means."""
        git = self.router.git
        if tree.means == "prune":
            shutil.rmtree(tree.path)
            self._pruned.append(tree.path)
        elif tree.means == "hook":
            payload = {"cwd": str(tree.path), "worktree_path": str(tree.path)}
            assert self._hook("worktree-remove", payload).wait(SLOW) == 0, "the hook failed"
        elif tree.means == "killed hook":
            self._clear(tree.path)
        else:
            if tree.means == "remove in use" and tree.name in self.server.databases():
                self._sessions.enter_context(self.server.session(tree.name))
                self.counted["removed while a session was connected"] += 1
            git("worktree", "remove", "--force", tree.path)
        self.counted["removed"] += 1

    def _clear(self, path: Path) -> None:
        """Remove what a killed hook left, as somebody does who finds it."""
        with contextlib.suppress(AssertionError):  # git did not come to lock it, or to make it
            self.router.git("worktree", "unlock", path)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)
        self.router.git("worktree", "prune")

    def go_on(self) -> None:
        """Prune what was removed by hand; end the sessions, which have to have lived until now."""
        self._sessions.close()
        if self._pruned:
            self.router.git("worktree", "prune")
            self._pruned.clear()

    @contextmanager
    def without_watcher(self) -> Iterator[None]:
        """Kill the watcher, and start another one after the block."""
        os.kill(self.router.watcher_pid, signal.SIGKILL)
        self.counted["watchers killed"] += 1
        yield
        self.router.detach()

    # The end

    def leftovers(self) -> set[str]:
        """Return the databases that are there though neither a hand nor a main checkout's template is the reason."""
        templates = {each.name for each in self.ledger.records() if each.is_template}
        return self.server.databases() - self.hand.keys() - templates

    def foreign_drops(self) -> list[str]:
        """Return the databases made by hand that are not there any more as they were."""
        return sorted(name for name, oid in self.hand.items() if self.oid(name) != oid)

    def wait_for_the_end(self, patience: float) -> None:
        """Wait until nothing is left, or for so many seconds without anything going."""
        last, since = len(self.leftovers()), monotonic()
        while left := self.leftovers():
            if len(left) < last:
                last, since = len(left), monotonic()
            if monotonic() - since > patience:
                return
            sleep(0.2)

"""What the soak does to worktrees and their servers: each change, and the route table that must follow from it."""

import random
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import soak_servers
from benchmarks.soak_model import Change, Hosts, Pool, Process, Server, Tree
from tests.e2e.routers import Router

WORKTREES = 20
CALM = 3  # worktrees that nothing is done to: what is open to them must stay open
OWN = 5  # servers that are processes in their worktrees, at the most
FILES = {".env.local": "PORT={}\n", ".env": "WEB_PORT='{}'\n", ".mise.local.toml": "[env]\nPORT = {}\n"}
MARGIN = 10  # names in the pools beyond what is in use


@dataclass
class World:
    """The worktrees, the names and ports that are left, and what can be done: every choice is `rng`'s."""

    router: Router
    rng: random.Random
    servers: Process
    stopping: Callable[[str], None]
    trees: list[Tree] = field(default_factory=list)
    _serial: int = 0
    _instance: int = 0
    _busy: set[int] = field(default_factory=set)
    _left: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Make the worktrees and start most of their servers."""
        self._pool = Pool(self.router.directory, WORKTREES + MARGIN, self.rng)
        for _ in range(WORKTREES):
            self._add().do()
        for place, tree in enumerate(self.trees):
            if place < CALM or self.rng.random() < 0.7:
                self._start_declared(tree).do()

    def end(self) -> None:
        """End the servers that are processes of their own."""
        for tree in self.trees:
            if tree.server and tree.server.own:
                tree.server.own.__exit__()

    def calm(self) -> Tree:
        """Return a worktree that nothing is done to."""
        return self.rng.choice(self.trees[:CALM])

    def hosts(self) -> Hosts:
        """What every host is to answer."""
        return {host: answers for tree in self.trees for host, answers in tree.hosts().items()}

    def owners(self) -> dict[str, int]:
        """Whose every host is to be, by serial number."""
        return {host: tree.serial for tree in self.trees for host in tree.hosts()}

    def change(self, count: int) -> list[Change]:
        """Return so many changes, each of another worktree, to be made in this order; the model has them already."""
        self._busy = {tree.serial for tree in self.trees[:CALM]}
        changes = []
        for _ in range(count):
            if len(self.trees) < WORKTREES and self.rng.random() < 0.5:
                changes.append(self._add())
            else:
                tree = self.rng.choice([tree for tree in self.trees if tree.serial not in self._busy])
                hosts, names = {*tree.hosts()}, tree.names
                changes.append(self.rng.choice(list(self._possible(tree)))(tree))
                tree.lose(names)
                changes[-1].hosts |= hosts | {*tree.hosts()}
            self._busy.add(changes[-1].tree.serial)
        return changes

    def _possible(self, tree: Tree) -> Iterable[Callable[[Tree], Change]]:
        yield from (self._remove, self._move)
        if tree.server is None:
            yield from (self._start_declared, self._start_declared, self._start_found)
        else:
            yield from (self._stop, self._stop)
            if not tree.server.own:
                yield from (self._new_port, self._new_port)
        if tree.rebasing:
            yield from (self._end_rebase,) * 4
        elif tree.branch is None:
            yield from (self._switch,) * 3
        else:
            yield from (self._rename, self._switch, self._detach, self._begin_rebase, self._rebase)

    # Worktrees

    def _add(self) -> Change:
        branch, path = self._pool.branch(self.trees, held=self._held()), self._pool.place()
        self._serial += 1
        tree = Tree(self._serial, path, branch)
        self.trees.append(tree)
        new = ("-b", branch, path) if branch not in self._pool.made else (path, branch)
        self._pool.made.add(branch)
        return Change("add", tree, lambda: self._git("worktree", "add", *new))

    def _remove(self, tree: Tree) -> Change:
        server, early, by_hand = tree.server, self.rng.random() < 0.5, self.rng.random() < 0.3
        self.trees.remove(tree)
        tree.gone, tree.server = True, None
        self._left |= tree.former.keys()

        def do() -> None:
            if early:
                self._end(server)
            if by_hand:
                shutil.rmtree(tree.path)
            self._git("worktree", *(["prune"] if by_hand else ["remove", "--force", tree.path]))

        # git deletes the file that names the worktree's server before it forgets the worktree
        return Change("remove", tree, do, lambda: None if early else self._end(server), frozenset({"502"}))

    def _move(self, tree: Tree) -> Change:
        before, tree.path = tree.path, self._pool.place()
        # between its two steps git knows the old path alone, where there is nothing: no directory and no env file
        blinks = frozenset({"404", "502"})
        return Change("move", tree, lambda: self._git("worktree", "move", before, tree.path), blinks=blinks)

    # Branches

    def _rename(self, tree: Tree) -> Change:
        before, after = tree.branch, self._pool.branch(self.trees, held=self._held(tree), fresh=True)
        tree.branch = after
        self._pool.made = self._pool.made - {str(before)} | {after}
        return Change("rename", tree, lambda: self._git("branch", "-m", str(before), after))

    def _switch(self, tree: Tree) -> Change:
        branch = tree.branch = self._pool.branch(self.trees, held=self._held(tree))
        new = ["-c"] if branch not in self._pool.made else []
        self._pool.made.add(branch)
        return Change("switch", tree, lambda: self._git("switch", *new, branch, at=tree))

    def _detach(self, tree: Tree) -> Change:
        tree.branch = None
        return Change("detach", tree, lambda: self._git("switch", "--detach", at=tree))

    def _begin_rebase(self, tree: Tree) -> Change:
        tree.rebasing = True

        def do() -> None:
            self._git("commit", "--allow-empty", "--message=more", at=tree)
            self._git("-c", "sequence.editor=echo break >", "rebase", "--interactive", "HEAD~1", at=tree)

        return Change("begin rebase", tree, do)

    def _end_rebase(self, tree: Tree) -> Change:
        tree.rebasing = False
        how = self.rng.choice(["--continue", "--abort"])
        return Change("end rebase", tree, lambda: self._git("rebase", how, at=tree))

    def _rebase(self, tree: Tree) -> Change:
        def do() -> None:
            self._git("commit", "--allow-empty", "--message=more", at=tree)
            self._git("rebase", "--force-rebase", "HEAD~1", at=tree)

        return Change("rebase", tree, do)

    # Servers

    def _start_declared(self, tree: Tree) -> Change:
        port = self._pool.port()
        tree.server = Server(self._named(tree), port)
        old, tree.file, tree.port = tree.file, self.rng.choice(list(FILES)), port
        file, first = tree.file, self.rng.random() < 0.5

        def do() -> None:
            if first:
                self._declare(tree, file, port, old)
            self._listen(tree)
            if not first:
                self._declare(tree, file, port, old)

        return Change("start", tree, do)

    def _start_found(self, tree: Tree) -> Change:
        if sum(bool(each.server and each.server.own) for each in self.trees) >= OWN:
            return self._start_declared(tree)
        port, file, path = self._pool.port(), tree.file, tree.path
        tree.file = tree.port = None
        tree.server = Server(self._named(tree), port)

        def do() -> None:
            if file:
                (path / file).unlink()
            assert tree.server
            tree.server.own = Process("-I", soak_servers.__file__, cwd=path)
            self._listen(tree)

        return Change("start in the worktree", tree, do)

    def _stop(self, tree: Tree) -> Change:
        server, tree.server = tree.server, None
        return Change("stop", tree, lambda: self._end(server))

    def _new_port(self, tree: Tree) -> Change:
        before, port = tree.server, self._pool.port()
        tree.server = Server(self._named(tree), port)
        old, tree.file, tree.port = tree.file, self.rng.choice(list(FILES)), port
        file, inplace = tree.file, self.rng.random() < 0.5

        def do() -> None:
            self._listen(tree)
            self._declare(tree, file, port, old, inplace=inplace)

        # a file that is written in place is empty for a moment
        return Change("port", tree, do, lambda: self._end(before), frozenset({"502"} if inplace else ()))

    def _named(self, tree: Tree) -> str:
        self._instance += 1
        return f"w{tree.serial} {self._instance}"

    def _listen(self, tree: Tree) -> None:
        assert tree.server
        (tree.server.own or self.servers).order(serve=tree.server.port, name=tree.server.name)

    def _end(self, server: Server | None) -> None:
        """End a server without a word, as a kill does."""
        if server:
            self.stopping(server.name)
            if server.own:
                server.own.__exit__()
            else:
                self.servers.order(stop=server.port)

    def _declare(self, tree: Tree, file: str, port: int, old: str | None, *, inplace: bool = False) -> None:
        path, text = tree.path / file, FILES[file].format(port)
        if inplace:
            path.write_text(text)
        else:
            beside = self.router.directory / "env.new"
            beside.write_text(text)
            beside.replace(path)
        if old and old != file:
            (tree.path / old).unlink()

    def _held(self, by: Tree | None = None) -> set[str]:
        """Return the labels that a worktree would not get, as another one lost them a moment ago."""
        return self._left.union(*(tree.former for tree in self.trees if tree is not by))

    def _git(self, *arguments: str | Path, at: Tree | None = None) -> None:
        self.router.git("-c", "advice.detachedHead=false", *arguments, cwd=at.path if at else None)

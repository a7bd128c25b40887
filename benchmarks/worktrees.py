"""The router over a repository with as many worktrees as a benchmark wants."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.routers import Router, free_port


@contextmanager
def routed(count: int, *, ports: Mapping[str, int] | None = None, up: bool = True) -> Iterator[Router]:
    """Run the router over a repository with worktrees `there/0`, `there/1`, … besides its main checkout.

    `ports` says where the web servers of branches are, those of branches to come too, as a `router.toml` does: a
    benchmark's servers run before there is a worktree, and in no worktree.
    """
    with tempfile.TemporaryDirectory() as place, Router(Path(place)) as router:
        blocks = [f'[worktrees."{branch}"]\nports = {{ web = {port} }}\n' for branch, port in (ports or {}).items()]
        (router.repository / "router.toml").write_text("\n".join(blocks))
        for n in range(count):
            router.add(f"there/{n}")
        if up:
            router.detach()
        yield router


def free_ports(count: int) -> list[int]:
    """Return so many ports that nobody uses."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return sorted(found)


@contextmanager
def many(count: int, port: int) -> Iterator[tuple[Router, list[str], str]]:
    """Run the router over a repository with so many worktrees in all, one of which declares a port.

    Yields the router, the labels in the order of the alphabet, and the label of that one: it is in the middle,
    as whoever looks through a list finds it after half of it.
    """
    with tempfile.TemporaryDirectory() as place, Router(Path(place)) as router:
        trees = {f"many-{n}": administrative(router.repository, n) for n in range(count - 1)}
        trees[router.trunk] = router.repository
        labels = sorted(trees)
        chosen = labels[len(labels) // 2]
        router.declare(trees[chosen], port)
        router.detach()
        yield router, labels, chosen


def administrative(repository: Path, n: int) -> Path:
    """Make a worktree as `git worktree add` does, without a checkout, and return its path.

    A thousand of them take seconds that way.
    """
    git, place = repository / ".git", repository.parent / f"many{n}"
    admin, head = git / "worktrees" / place.name, (git / "HEAD").read_text().split()[1]
    for directory in (place, admin, git / "refs/heads/many"):
        directory.mkdir(parents=True, exist_ok=True)
    (git / f"refs/heads/many/{n}").write_text((git / head).read_text())
    (admin / "gitdir").write_text(f"{place}/.git\n")
    (admin / "commondir").write_text("../..\n")
    (admin / "HEAD").write_text(f"ref: refs/heads/many/{n}\n")
    (place / ".git").write_text(f"gitdir: {admin}\n")
    return place

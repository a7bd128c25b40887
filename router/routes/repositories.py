"""What a repository is called, and which numbered checkouts stand side by side."""

import re
from collections.abc import Iterable
from itertools import count

from router.model import Repository
from router.remembered import RememberedWorktree

_NUMBERED = re.compile(r"(.*[^/][-_])([0-9]{1,3})", re.DOTALL)


def repository_names(repositories: Iterable[Repository], kept: Iterable[RememberedWorktree] = ()) -> dict[str, str]:
    """Return the shown name of each repository by common directory; the later of two equal ones gets `-2`.

    A name once given stays, also while the repository that had it first is not looked at.
    """
    repositories = tuple(repositories)
    remembered = {known.id.common_dir: known.repository for known in kept if known.repository}
    looked_at = {repository.common_dir for repository in repositories}
    taken = {name for common_dir, name in remembered.items() if common_dir not in looked_at}
    names: dict[str, str] = {}
    for repository in sorted(repositories, key=lambda each: each.common_dir not in remembered):
        name = _name(repository, remembered.get(repository.common_dir, ""), taken)
        names[repository.common_dir] = name
        taken.add(name)
    return names


def _name(repository: Repository, known: str, taken: set[str]) -> str:
    if re.fullmatch(rf"{re.escape(repository.name)}(?:-[0-9]+)?", known) and known not in taken:
        return known
    numbered = (repository.name if n == 1 else f"{repository.name}-{n}" for n in count(1))
    return next(name for name in numbered if name not in taken)


def number(path: str) -> int | None:
    """Return the number at the end of a directory's name (`project-3`: 3), None where it has none of up to 3 digits."""
    found = _NUMBERED.fullmatch(path)
    return int(found[2]) if found else None


def row(path: str) -> str | None:
    """Return what numbered checkouts side by side have in common, None where a directory is not numbered."""
    found = _NUMBERED.fullmatch(path)
    return found[1] if found else None

"""What a `router.toml` says of its repository; commands keep it, as pydantic, which checks it, takes them long."""

import contextlib
import json
import os
import time
from pathlib import Path

from router import __version__, files, from_json
from router.errors import FileError
from router.model import Repository
from router.values import asdict, dataclass, replace

_DECIDE = (
    "amounts", "model", "naming", "paths", "ports", "repository_settings", "resource_settings", "service_settings",
    "setting_types", "sleep_settings", "toml_reader", "observe/said",
)  # fmt: skip
"""The modules by which a text comes to what it says."""
_LARGEST = 1 << 20  # bytes of what is kept of one text
_KEPT = 30 * 86400  # seconds that it stays


@dataclass(frozen=True, slots=True)
class Setup:
    """What `[setup]` gives a new worktree, as `router.repository_settings` has it: nothing, where nothing is said."""

    link: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    clone: tuple[str, ...] = ()
    sparse: tuple[str, ...] = ()
    fetch: bool = False
    run: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What a text says, by default nothing: a repository without a place, what its copies are called, its variables.

    `variables` are those that `[resources]` names, that of the database whose name is `DATABASE_NAME` first;
    `too_many` is what there is too much of, a sentence each.
    """

    repository: Repository = Repository("", "", "", ())
    copies: str | None = None
    variables: tuple[str, ...] = ()
    too_many: tuple[str, ...] = ()
    setup: Setup = Setup()

    def of(self, found: Repository) -> Repository:
        """Return a repository as the text has it."""
        return replace(self.repository, name=found.name, path=found.path, common_dir=found.common_dir)


def said(text: str, *, state: Path | None = None) -> Said:
    """Return what a text says. SettingsError where it says something wrong.

    It stays in the `state` directory for the next command; whoever goes on to run has none.
    """
    if not text.strip():
        return Said()
    place = state / "said" / f"{_key(text)}.json" if state else None
    if place and (found := _kept(place)):
        return found
    found = _checked(text)
    if place:
        _keep(place, found)
    return found


def _checked(text: str) -> Said:
    from router.repository_settings import read_repository_settings  # here: pydantic takes longer than most looks
    from router.resource_settings import by_rank

    settings = read_repository_settings(text)
    resources = by_rank(settings.resources)
    repository = replace(
        Said().repository,
        services=settings.specs(),
        callback_paths=settings.callback_paths,
        mask=settings.signin.mask,
        overrides=settings.overrides(),
        copies=settings.copies is not None,
        strip=settings.names.strip,
        env=settings.env,
        env_template=settings.env_template,
        shared=settings.shared,
        resources=tuple(name for name, _ in resources),
        served=tuple(name for name, each in resources if not each.variable),
        sleep=settings.sleep.rules(),
    )
    variables = tuple(each.variable for _, each in resources if each.variable)
    copies = settings.copies.glob if settings.copies else None
    return Said(repository, copies, variables, settings.too_many, Setup(**settings.setup.model_dump()))


def _key(text: str) -> str:
    """Return what tells a text, checked by these very modules, from every other."""
    import hashlib  # here: most commands start without it

    package = Path(__file__).parents[1]
    stamps: list[int] = []
    with contextlib.suppress(OSError):
        stamps += [(package / f"{each}.py").stat().st_mtime_ns for each in _DECIDE]
    return hashlib.sha256(json.dumps([__version__, stamps, text]).encode()).hexdigest()[:32]


def _kept(place: Path) -> Said | None:
    try:
        content = json.loads(files.read_bounded(place, limit=_LARGEST) or b"{}")
        return from_json.build(Said, content) if "repository" in content else None
    except (FileError, ValueError, TypeError, RecursionError):
        return None


def _keep(place: Path, found: Said) -> None:
    """Keep what a text says, where there is a state directory; what was kept for long enough goes."""
    if not place.parent.parent.is_dir():
        return
    with contextlib.suppress(FileError, OSError):
        files.make_private_directory(place.parent)
        files.replace(place, json.dumps(asdict(found)))
        for each in os.scandir(place.parent):
            if each.stat().st_mtime < time.time() - _KEPT:
                Path(each.path).unlink()

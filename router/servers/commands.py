"""Which commands start the servers of a worktree: those of `router.toml`, as they were allowed, else learnt ones."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from router.env.current import CurrentWorktree
from router.launch.folders import in_folder
from router.observe.start_command import start_command
from router.repository_file import FILE
from router.resource_settings import words
from router.servers import learnt
from router.servers.command import StartCommand
from router.settings import Settings
from router.store import Store
from router.text import shown
from router.trust import records as allowed_records
from router.trust.statements import allowed, expect_allowed
from router.trust.wanted import Wanted, wanted


def commands(
    current: CurrentWorktree, settings: Settings, store: Store, *, service: str | None = None, visited: bool = False
) -> Mapping[str, StartCommand]:
    """Return the commands that start the services of a worktree, or one of them; none where nothing says one.

    What was learnt counts for services that `router.toml` has none for. A command that starts several services stands
    for the first of them. NotAllowedError where `router.toml` names any that were not allowed as they are now, or where
    a service is `visited` and that is not allowed; FileError or SettingsError where it cannot be read.
    """
    main = Path(current.repository.path)
    asked = wanted(main, hosts=settings.data_hosts)
    written = _written(asked, service)
    if written or visited:
        record = allowed_records.read(store, Path(current.repository.common_dir))
        expect_allowed(allowed(asked.statements, record), place=shown(str(main)))
    services = current.remembered.services if current.remembered else ()
    others = [name for name in services if name not in written and service in (None, name)]
    return _once({**written, **learnt.of(store, current.worktree.id, others)})


def _written(asked: Wanted, service: str | None) -> dict[str, StartCommand]:
    return {
        name: StartCommand(*in_folder(words(each.run)), FILE)
        for name, each in asked.settings.services.items()
        if each.run and service in (None, name)
    }


def _once(commands: Mapping[str, StartCommand]) -> dict[str, StartCommand]:
    found: dict[str, StartCommand] = {}
    for name, command in commands.items():
        if not any(command.is_same(other) for other in found.values()):
            found[name] = command
    return found


def hint(current: CurrentWorktree, service: str) -> str:
    """Return what to do where nothing says how a service of a worktree is started."""
    main = shown(current.repository.path)
    found = start_command(Path(current.worktree.path), installed=shutil.which)
    line = found.line if found and not found.folder else "npm run dev"
    return (
        f'write [services.{service}] with run = "{line}" into the {FILE} of {main} (`router init` proposes one), '
        "then run `router allow`"
    )

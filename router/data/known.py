"""How each resource of the ledger is now: its server is asked as the files of its main checkout say."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from router.data import making
from router.data.connection import Connection, read
from router.data.kind import Description
from router.data.kinds import kind
from router.data.ledger import Record
from router.data.making import Failure
from router.data.servers.address import address
from router.data.stock import values_of
from router.errors import RouterError
from router.model import Repository
from router.values import dataclass

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Known:
    """A record with how its server is reached and how its resource is now; a Failure where that cannot be told."""

    record: Record
    connection: Connection | Failure
    description: Description | Failure

    @property
    def trouble(self) -> Failure | None:
        """What keeps it from being dropped though nobody is connected, None where nothing does."""
        if isinstance(self.description, Failure):
            return self.description
        if self.description.state == "foreign" and self.record.oid:
            return Failure("foreign", self.description.detail, "it is left as it is")
        return None


def known(
    records: Iterable[Record],
    repositories: Iterable[Repository],
    *,
    hosts: Collection[str],
    state: Path,
    environ: Mapping[str, str] = _NOTHING,
) -> tuple[Known, ...]:
    """Return each record with how its resource is now.

    `hosts` are the other machines that may be asked, `state` has the addresses of the router's own servers. `environ`
    has the URLs of resources whose repository is not there any more: no file says them, and the router keeps none.
    """
    mains = {each.common_dir: Path(each.path) for each in repositories}
    values: dict[str, Mapping[str, str]] = {}
    found = []
    for record in records:
        common = record.worktree.common_dir
        main = mains.get(common, Path(common).parent)
        if common not in values:
            values[common] = values_of(main) if Path(common).is_dir() else environ
        found.append(_known(record, values[common], main, hosts, state))
    return tuple(found)


def _known(record: Record, values: Mapping[str, str], main: Path, hosts: Collection[str], state: Path) -> Known:
    if record.source and record.source not in values:
        failure = _without_url(record)
        return Known(record, failure, failure)
    try:
        url = values[record.source] if record.source else address(state, record.kind).url("")
        connection = read(url, kind=record.kind, directory=main)
    except RouterError as exc:
        failure = Failure("failed", f"{record.source}: {exc.message}", exc.hint)
        return Known(record, failure, failure)
    if not connection.on_this_machine() and connection.host not in hosts:
        failure = Failure("elsewhere", f"{record.source} leads to another machine by now", "see `data_hosts`")
        return Known(record, failure, failure)
    try:
        return Known(record, connection, kind(record.kind).describe(connection, record))
    except RouterError as exc:
        return Known(record, connection, making.failure(exc))


def _without_url(record: Record) -> Failure:
    source, common = record.source, record.worktree.common_dir
    if Path(common).is_dir():
        return Failure("failed", f"no env file of the main checkout has {source} any more", f"put {source} back")
    return Failure(
        "failed",
        f"its repository is not there, and nothing else has the URL of its server at {record.server}",
        f"give it in {source} of this command's environment",
    )

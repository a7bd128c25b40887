"""The services of Compose files that are built from the checkout, with the ports of the machine that are fixed."""

from collections.abc import Callable, Iterable, Iterator

from router.errors import FileError
from router.observe.projects.said import Service
from router.ports import NOT_DEV_PORTS, parse_port
from router.tools.compose.document import members, place
from router.tools.compose.ports import published
from router.tools.compose.stack import stacks


def services(names: Iterable[str], read: Callable[[str], str | None]) -> tuple[Service, ...]:
    """Return the services with `build` and the first plain port that each publishes.

    `names` are the Compose files of a checkout. A file that cannot be read says nothing here: `router init compose`
    reports it.
    """
    try:
        return tuple(_services(names, read))
    except FileError:
        return ()


def _services(names: Iterable[str], read: Callable[[str], str | None]) -> Iterator[Service]:
    for stack in stacks(names, read):
        for name, node in members(stack.top.get("services")).items():
            attributes = members(node)
            numbers = ((parse_port(each.published), each.node) for each in published(attributes))
            fixed = ((number, at) for number, at in numbers if number and number not in NOT_DEV_PORTS)
            if "build" in attributes and (first := next(fixed, None)):
                file, line = place(first[1])
                yield Service(name, "launch", file, line, first[0])

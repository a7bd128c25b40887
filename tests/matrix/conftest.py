"""Tests that install frameworks are run only where they are asked for: `pytest -m matrix`."""

from collections.abc import Iterator

import pytest

from tests.e2e.routers import Router


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    """A running router for all of them."""
    with Router(tmp_path_factory.mktemp("shared")) as router:
        router.up()
        yield router


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "matrix" not in config.option.markexpr:
        items[:] = [item for item in items if "matrix" not in item.keywords]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of what was tried, a line for each framework."""
    reports = terminalreporter.stats.get("passed", ())
    rows = [row for report in reports if report.when == "call" for name, row in report.user_properties if name == "row"]
    if rows:
        terminalreporter.write_line("\n".join(sorted(rows, key=len)))

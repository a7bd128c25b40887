"""The status document as people see it: the table, and the problems below it."""

import io
from typing import Any

import pytest
from rich.console import Console

from router.cli import table as shown_table
from router.model import Problem, Worktree, WorktreeId
from router.route_table import FormerName, RouteTable
from router.status import CaddyStatus, Frame, WatcherStatus
from router.status import document as build
from router.text import clock
from tests.fakes import route, service, table, worktree

X = route(
    "feature-x",
    service("web", 14315, source="mise:.mise.local.toml", pid=999, program="vite"),
    service("api", 13315, up=False),
    problems=(Problem("moved-port", "web moved", "do nothing", "web"),),
)
TABLE = table(X, route("main"), problems=(Problem("missing-directory", "gone", "prune"),))


def document(routes: RouteTable = TABLE) -> dict[str, Any]:
    watcher, caddy = WatcherStatus(running=True), CaddyStatus(running=True, mode="embedded", admin="unix//s")
    return build(routes, Frame(8080, (), watcher, caddy))


def shown(document: dict[str, Any], *, verbose: bool = True) -> str:
    """Return the table and its notes as a terminal of 200 columns shows them, without colours."""
    out = io.StringIO()
    Console(file=out, width=200, force_terminal=True, color_system=None).print(
        shown_table.renderable(document, verbose=verbose)
    )
    return out.getvalue()


def test_the_table_has_a_line_for_each_service_that_there_is() -> None:
    lines = shown(document()).splitlines()
    assert lines[0].split() == ["NAME", "URL", "BRANCH", "PORT", "SOURCE"]
    assert lines[1].split() == [
        "feature-x", "http://feature-x.localhost:8080", "feature-x", "14315", ".mise.local.toml",
        "up", "vite", "999",
    ]  # fmt: skip
    assert lines[2].split()[:2] == ["api", "http://api.feature-x.localhost:8080"]
    assert lines[3].split()[0] == "main"


def test_a_service_that_is_not_there_yet_has_no_line() -> None:
    found = document(table(route("x", service("web", 1), service("api", 2, up=False, seen=False))))
    assert "api" not in shown(found)


@pytest.mark.parametrize("label", ["other", "local", "http"])
def test_a_name_that_was_the_worktrees_until_lately_has_a_line_with_its_end(label: str) -> None:
    former = FormerName("before", 1.79e9), FormerName("kept")
    found = document(table(route(label, aliases=("before", "kept"), former=former)))
    lines = [line.split() for line in shown(found).splitlines() if "before" in line]
    assert lines == [["before", "http://before.localhost:8080", "name", "before", "until", clock(1.79e9)]]
    assert shown(document(table(route(label)))).count("localhost") == 1


def test_problems_stand_below_the_table_with_what_to_do() -> None:
    text = shown(document())
    assert "warning: gone [missing-directory]" in text
    assert "→ prune" in text
    assert "warning: feature-x: web moved [moved-port]" in text


@pytest.mark.parametrize("branch", ["[red]x[/red]", "[/]", "[link=http://x]y[/link]", ":bug:", "[bold"])
def test_a_branch_is_never_markup(branch: str) -> None:
    problem = Problem("bad-port", f"of {branch}", f"fix {branch}")
    hostile = document(table(route("x", worktree=worktree(branch), problems=(problem,))))
    assert branch in shown(hostile)
    result = shown_table.output(hostile)
    assert branch in result.text
    assert result.notes == (f"warning: x: of {branch} [bad-port]", f"  → fix {branch}")


def test_a_terminal_gets_no_control_characters() -> None:
    hostile = Worktree(WorktreeId("/r/.git", "x", 1), "/r/\x1b]0;title\x07", "\x1b[2J\udcff")
    problem = Problem("bad-port", "a\x1b[2Jb", "c\nd")
    result = document(table(route("x", worktree=hostile, problems=(problem,))))
    assert "\x1b" not in shown(result)
    assert shown_table.output(result).notes == ("warning: x: a%1B[2Jb [bad-port]", "  → c%0Ad")


def test_several_repositories_are_grouped() -> None:
    found = table(route("a", repository="shop"), route("b", repository="blog"), route("c", repository="shop"))
    lines = [line.split()[0] for line in shown(document(found)).splitlines()]
    assert lines[1:] == ["blog", "b", "shop", "a", "c"]


def test_what_is_up_comes_first() -> None:
    down = service("web", 9, up=False)
    found = document(table(route("a", down), route("b"), route("c", down, service("api", 8)), route("d", down)))
    names = [line.split()[0] for line in shown_table.output(found).text.splitlines()[1:]]
    assert names == ["b", "c", "api", "a", "d"]


@pytest.mark.parametrize("label", ["x", "feature-x", "a" * 63])
def test_a_terminal_of_80_columns_has_a_line_for_each_service(label: str) -> None:
    routes = route(label, service("web", 14315, pid=4_194_304, program="node"), service("api", 13315, up=False))
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    console.print(shown_table.renderable(document(table(routes))))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    if len(label) < 63:
        assert [line.split() for line in lines] == [
            ["NAME", "URL", "PORT"], [label, f"{label}.localhost:8080", "14315", "up", "node", "4194304"],
            ["api", f"api.{label}.localhost:8080", "13315", "down"],
        ]  # fmt: skip


def test_a_branch_that_is_called_otherwise_is_shown() -> None:
    found = document(table(route("feature-x", worktree=worktree("feature/x"))))
    assert shown(found, verbose=False).splitlines()[0].split() == ["NAME", "URL", "BRANCH", "PORT"]
    assert "feature/x" in shown(found, verbose=False)


def test_without_a_worktree_it_says_so() -> None:
    assert "no worktree is routed" in shown(document(table()))


def test_a_detached_worktree_is_named_as_such() -> None:
    assert "(detached)" in shown(document(table(route("x", worktree=worktree(None)))))


def test_machines_get_one_line_a_service_however_long() -> None:
    long = document(table(route("x", worktree=worktree("b" * 200))))
    assert len(shown_table.output(long).text.splitlines()) == 2


def test_where_a_port_comes_from_needs_no_manual() -> None:
    found = service("web", 5173, source="listener", program="vite")
    lines = shown(document(table(route("a", found), route("b", service("web", 9))))).splitlines()
    assert [line.split("  ")[4].strip() for line in map(_columns, lines[1:])] == ["vite (found)", "default"]


def _columns(line: str) -> str:
    """Return a line with two spaces between its cells, however wide the columns are."""
    return "  ".join(cell.strip() for cell in line.split("  ") if cell.strip())

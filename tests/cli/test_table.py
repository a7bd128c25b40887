"""The status document as people see it: the table, and the problems below it."""

import io
from typing import Any

import pytest
from rich.console import Console

from router.cli import table as shown_table
from router.model import Problem, RouteTable, Worktree, WorktreeId
from router.status import CaddyStatus, Frame, WatcherStatus
from router.status import document as build
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


def shown(document: dict[str, Any]) -> str:
    """Return the table and its notes as a terminal of 200 columns shows them, without colours."""
    out = io.StringIO()
    Console(file=out, width=200, force_terminal=True, color_system=None).print(shown_table.renderable(document))
    return out.getvalue()


def test_the_table_has_a_line_for_each_service_worth_one() -> None:
    lines = shown(document()).splitlines()
    assert lines[0].split() == ["NAME", "URL", "BRANCH", "PORT", "SOURCE"]
    assert lines[1].split() == [
        "feature-x", "http://feature-x.localhost:8080", "feature-x", "14315", "mise:.mise.local.toml",
        "up", "vite", "999",
    ]  # fmt: skip
    assert lines[2].split()[0] == "main"


def test_problems_stand_below_the_table_with_what_to_do() -> None:
    text = shown(document())
    assert "warning: gone [missing-directory]" in text
    assert "→ prune" in text
    assert "warning: feature-x: web moved [moved-port]" in text


@pytest.mark.parametrize("branch", ["[red]x[/red]", "[/]", "[link=http://x]y[/link]", ":bug:", "[bold"])
def test_a_branch_is_never_markup(branch: str, capsys: pytest.CaptureFixture[str]) -> None:
    problem = Problem("bad-port", f"of {branch}", f"mend {branch}")
    hostile = document(table(route("x", worktree=worktree(branch), problems=(problem,))))
    assert branch in shown(hostile)
    shown_table.print_status(hostile)
    out, err = capsys.readouterr()
    assert branch in out
    assert f"of {branch}" in err
    assert f"mend {branch}" in err


def test_a_terminal_gets_no_control_characters() -> None:
    hostile = Worktree(WorktreeId("/r/.git", "x", 1), "/r/\x1b]0;title\x07", "\x1b[2J\udcff")
    assert "\x1b" not in shown(document(table(route("x", worktree=hostile))))


def test_several_repositories_are_grouped() -> None:
    found = table(route("a", repository="shop"), route("b", repository="blog"), route("c", repository="shop"))
    lines = [line.split()[0] for line in shown(document(found)).splitlines()]
    assert lines[1:] == ["blog", "b", "shop", "a", "c"]


def test_without_a_worktree_it_says_so() -> None:
    assert "no worktree is routed" in shown(document(table()))


def test_a_detached_worktree_is_told() -> None:
    assert "(detached)" in shown(document(table(route("x", worktree=worktree(None)))))


def test_machines_get_one_line_a_service_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    long = document(table(route("x", worktree=worktree("b" * 200))))
    shown_table.print_status(long)
    assert len(capsys.readouterr().out.splitlines()) == 2

"""The status document and what people see of it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from router import __version__
from router.cli import table as shown_table
from router.errors import UnknownNameError
from router.model import ERROR_KINDS, Problem, RouteTable, Worktree, WorktreeId
from router.status import Frame, find, find_service, problems
from router.status import document as build
from router.watcher.changes import changes
from tests.fakes import repository, route, service, table, worktree

KINDS = json.loads((Path(__file__).parent / "contract" / "problems.json").read_text())["kinds"]
X = route(
    "feature-x",
    service("web", 14315, source="mise:.mise.local.toml", pid=999, program="vite"),
    service("api", 13315, up=False),
    aliases=("shop-feature-x",),
    problems=(Problem("moved-port", "web moved", "do nothing", "web"),),
)
TABLE = table(X, route("main"), problems=(Problem("missing-directory", "gone", "prune"),))


def document(found: RouteTable = TABLE, **rest: Any) -> dict[str, Any]:
    frame = {
        "port": 8080, "redirect_uris": ("http://localhost:8080/auth/callback",),
        "watcher": {"running": True, "pid": 4711, "since": "2026-11-21T10:00:00Z"}, "caddy": {"running": True}, **rest,
    }  # fmt: skip
    return build(found, Frame(**frame))


def shown(status: dict[str, Any]) -> str:
    """Return the table and its notes as a terminal of 200 columns shows them, without colours."""
    out = io.StringIO()
    Console(file=out, width=200, force_terminal=True, color_system=None).print(shown_table.renderable(status))
    return out.getvalue()


# The document


def test_the_document_has_the_shape_of_schema_1() -> None:
    status = document()
    assert set(status) >= {"schema", "version", "origin", "watcher", "caddy", "oauth", "worktrees", "problems"}
    assert (status["schema"], status["version"], status["origin"]) == (1, __version__, "http://localhost:8080")
    assert status["oauth"] == {"redirect_uris": ["http://localhost:8080/auth/callback"]}
    assert json.loads(json.dumps(status)) == status


def test_a_repositorys_callback_paths_are_to_be_registered_too() -> None:
    uris = document(table(callback_paths=("/auth/callback", "/signin-oidc")))["oauth"]["redirect_uris"]
    assert uris == ["http://localhost:8080/auth/callback", "http://localhost:8080/signin-oidc"]


def test_a_worktree_has_every_key_of_schema_1() -> None:
    found = document()["worktrees"][0]
    services = found.pop("services")
    assert found == {
        "name": "feature-x", "branch": "feature-x", "path": "/r.feature-x", "repository": "shop", "main": False,
        "detached": False, "url": "http://feature-x.localhost:8080", "aliases": ["shop-feature-x"],
        "oauth_state": "feature-x",
        "problems": [{"kind": "moved-port", "severity": "warning", "service": "web", "message": "web moved",
                      "hint": "do nothing"}],
    }  # fmt: skip
    assert services["web"] == {
        "url": "http://feature-x.localhost:8080", "port": 14315, "address": "127.0.0.1",
        "source": "mise:.mise.local.toml", "up": True, "pid": 999, "program": "vite",
    }  # fmt: skip
    assert services["api"] == {
        "url": "http://api.feature-x.localhost:8080", "port": 13315, "address": "127.0.0.1", "source": "hash",
        "up": False, "pid": None, "program": None,
    }  # fmt: skip


def test_on_port_80_no_url_has_a_port() -> None:
    assert ":80" not in json.dumps(document(port=80)["worktrees"][0]["url"])


def test_a_repository_without_worktrees_is_in_the_document() -> None:
    status = document(repositories=(repository(worktree("x")),))
    assert status["repositories"] == [{"path": "/r", "git_dir": "/r/.git"}]


def test_names_that_are_no_text_are_encoded() -> None:
    hostile = Worktree(WorktreeId("/r/.git", "x", 1), "/r/new\nline\udcff", "caf\udce9\x1b[31m")
    found = build(table(route("x", worktree=hostile)), Frame(8080, (), {}, {}))["worktrees"][0]
    assert found["path"] == "/r/new%0Aline%FF"
    assert found["branch"] == "caf%E9%1B[31m"
    json.dumps(found, ensure_ascii=False).encode()


def test_the_kinds_and_severities_are_those_of_the_contract() -> None:
    assert {each["kind"] for each in KINDS if each["severity"] == "error"} == ERROR_KINDS
    for each in KINDS:
        assert Problem(each["kind"], "", "").severity == each["severity"]


def test_every_problem_is_told_with_the_name_of_its_worktree() -> None:
    down = Problem("watcher-down", "no watcher runs", "run `router up`")
    found = problems(document(problems=(down,)))
    assert [(p["name"], p["kind"]) for p in found] == [
        (None, "watcher-down"), (None, "missing-directory"), ("feature-x", "moved-port"),
    ]  # fmt: skip


# Asking it


@pytest.mark.parametrize("name", ["feature-x", "shop-feature-x"])
def test_a_worktree_is_found_by_label_and_alias(name: str) -> None:
    assert find(document(), name)["name"] == "feature-x"


def test_a_worktree_is_found_by_its_branch() -> None:
    tree = worktree("feature/y")
    assert find(document(table(route("y", worktree=tree))), "feature/y")["name"] == "y"


def test_a_label_counts_before_somebody_elses_branch() -> None:
    found = document(table(route("a", worktree=worktree("b")), route("b", worktree=worktree("c"))))
    assert find(found, "b")["name"] == "b"


@pytest.mark.parametrize(("found", "hint"), [(TABLE, "feature-x, main"), (table(), "none")])
def test_an_unknown_name_is_told_with_those_there_are(found: RouteTable, hint: str) -> None:
    with pytest.raises(UnknownNameError, match="no worktree is called '%1B'") as caught:
        find(document(found), "\x1b")
    assert hint in caught.value.hint


def test_an_unknown_service_is_told_with_those_there_are() -> None:
    found = find(document(), "feature-x")
    assert find_service(found, "api")["port"] == 13315
    with pytest.raises(UnknownNameError, match="feature-x has no service 'docs'") as caught:
        find_service(found, "docs")
    assert "web, api" in caught.value.hint


# Changes


def test_each_change_of_a_route_is_a_line() -> None:
    before = table(route("a", service("web", 3000)), route("b", service("web", 4000)), route("same"))
    after = table(route("a", service("web", 3001)), route("c", service("web", 5000, address="::1")), route("same"))
    assert list(changes(before, after, 8080)) == [
        "~ http://a.localhost:8080 → 127.0.0.1:3001 (hash) (was 127.0.0.1:3000 (hash))",
        "- http://b.localhost:8080",
        "+ http://c.localhost:8080 → [::1]:5000 (hash)",
    ]


def test_a_service_that_nobody_declared_or_started_is_no_news() -> None:
    quiet = route("a", service("web", 3000), service("api", 4000, up=False))
    assert len(list(changes(table(), table(quiet), 8080))) == 1


# The table


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

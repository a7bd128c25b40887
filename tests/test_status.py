"""The status document, the same whether a watcher wrote it or a command, and how to ask it."""

import json
from pathlib import Path
from typing import Any

import pytest

from router import __version__
from router.errors import UnknownNameError
from router.model import ERROR_KINDS, Problem, RouteTable, Worktree, WorktreeId
from router.status import CaddyStatus, Frame, WatcherStatus, find, find_service, problems, source_text
from router.status import document as build
from tests.fakes import repository, route, service, table, worktree

HERE = Path(__file__).parent
SOURCES = json.loads((HERE / "port_sources.json").read_text())
KINDS = json.loads((HERE / "contract" / "problems.json").read_text())["kinds"]
X = route(
    "feature-x",
    service("web", 14315, source="mise:.mise.local.toml", pid=999, program="vite"),
    service("api", 13315, up=False, path="/api"),
    aliases=("shop-feature-x",),
    problems=(Problem("moved-port", "web moved", "do nothing", "web"),),
)
CADDY = CaddyStatus(running=True, mode="embedded", admin="unix//s")
TABLE = table(X, route("main"), problems=(Problem("missing-directory", "gone", "prune"),))


def document(found: RouteTable = TABLE, **rest: Any) -> dict[str, Any]:
    frame = {
        "port": 8080, "redirect_uris": ("http://localhost:8080/auth/callback",),
        "watcher": WatcherStatus(running=True, pid=4711, since="2026-11-21T10:00:00Z"),
        "caddy": CADDY, **rest,
    }  # fmt: skip
    return build(found, Frame(**frame))


# The document


def test_the_document_has_the_shape_of_schema_1() -> None:
    status = document()
    assert set(status) >= {"schema", "version", "origin", "watcher", "caddy", "oauth", "worktrees", "problems"}
    assert (status["schema"], status["version"], status["origin"]) == (1, __version__, "http://localhost:8080")
    assert status["oauth"] == {"redirect_uris": ["http://localhost:8080/auth/callback"]}
    assert json.loads(json.dumps(status)) == status


def test_the_part_about_caddy_has_the_same_keys_with_a_watcher_and_without() -> None:
    watched = CaddyStatus(True, "embedded", "unix//s", pid=4712, version="v2.11.7", in_sync=True, loads=12,
                          last_load_ms=9.1, adopted=False, restarts=0)  # fmt: skip
    found, preview = document(caddy=watched)["caddy"], document()["caddy"]
    assert found == {
        "running": True, "mode": "embedded", "admin": "unix//s", "pid": 4712, "version": "v2.11.7", "in_sync": True,
        "loads": 12, "last_load_ms": 9.1, "last_error": None, "adopted": False, "restarts": 0,
    }  # fmt: skip
    assert preview.keys() == found.keys()
    assert (preview["in_sync"], preview["loads"], preview["pid"]) == (None, None, None)
    assert document(watcher=WatcherStatus(running=False))["watcher"] == {"running": False, "pid": None, "since": None}


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
        "source": "mise:.mise.local.toml", "up": True, "pid": 999, "program": "vite", "path": None,
    }  # fmt: skip
    assert services["api"] == {
        "url": "http://api.feature-x.localhost:8080", "port": 13315, "address": "127.0.0.1", "source": "hash",
        "up": False, "pid": None, "program": None, "path": "/api",
    }  # fmt: skip


def test_on_port_80_no_url_has_a_port() -> None:
    assert ":80" not in json.dumps(document(port=80)["worktrees"][0]["url"])


def test_a_repository_without_worktrees_is_in_the_document() -> None:
    status = document(repositories=(repository(worktree("x")),))
    assert status["repositories"] == [{"path": "/r", "git_dir": "/r/.git"}]


def test_names_that_are_no_text_are_encoded() -> None:
    hostile = Worktree(WorktreeId("/r/.git", "x", 1), "/r/new\nline\udcff", "caf\udce9\x1b[31m")
    found = document(table(route("x", worktree=hostile)))["worktrees"][0]
    assert found["path"] == "/r/new%0Aline%FF"
    assert found["branch"] == "caf%E9%1B[31m"
    json.dumps(found, ensure_ascii=False).encode()


def test_the_kinds_and_severities_are_those_of_the_contract() -> None:
    assert {each["kind"] for each in KINDS if each["severity"] == "error"} == ERROR_KINDS
    for each in KINDS:
        assert Problem(each["kind"], "", "").severity == each["severity"]


def test_every_problem_has_the_name_of_its_worktree() -> None:
    down = Problem("watcher-down", "no watcher runs", "run `router up`")
    found = problems(document(problems=(down,)))
    assert [(p["name"], p["kind"]) for p in found] == [
        (None, "watcher-down"), (None, "missing-directory"), ("feature-x", "moved-port"),
    ]  # fmt: skip


@pytest.mark.parametrize("case", SOURCES, ids=lambda case: case["source"])
def test_where_a_port_comes_from_reads_without_a_manual(case: dict[str, Any]) -> None:
    assert source_text(case["source"], case["program"]) == case["text"]


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


@pytest.mark.parametrize(("found", "hint"), [(TABLE, "feature-x, main"), (table(), "no worktree is routed")])
def test_an_unknown_name_is_refused_with_the_names_there_are(found: RouteTable, hint: str) -> None:
    with pytest.raises(UnknownNameError, match="no worktree is called '%1B'") as caught:
        find(document(found), "\x1b")
    assert hint in caught.value.hint


def test_an_unknown_service_is_refused_with_the_services_there_are() -> None:
    found = find(document(), "feature-x")
    assert find_service(found, "api")["port"] == 13315
    with pytest.raises(UnknownNameError, match="feature-x has no service 'docs'") as caught:
        find_service(found, "docs")
    assert "web, api" in caught.value.hint

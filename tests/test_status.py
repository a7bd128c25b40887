"""The status document, the same whether a watcher wrote it or a command, and how to ask it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router import __version__
from router.document import find, find_service, problems
from router.errors import UnknownNameError
from router.model import ERROR_KINDS, Problem, Wake, Worktree, WorktreeId
from router.route_table import FormerName, RouteTable
from router.status import CaddyStatus, Frame, ServerState, WatcherStatus, source_text
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
                          last_load_ms=9.1, adopted=False, restarts=0, steered=True)  # fmt: skip
    found, preview = document(caddy=watched)["caddy"], document()["caddy"]
    assert found == {
        "running": True, "mode": "embedded", "admin": "unix//s", "pid": 4712, "version": "v2.11.7", "in_sync": True,
        "loads": 12, "last_load_ms": 9.1, "last_error": None, "adopted": False, "restarts": 0,
        "steered": True,
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
        "source": "mise:.mise.local.toml", "up": True, "state": "up", "since": None, "pid": 999, "program": "vite",
        "seen": True, "path": None,
    }  # fmt: skip
    assert services["api"] == {
        "url": "http://api.feature-x.localhost:8080", "port": 13315, "address": "127.0.0.1", "source": "hash",
        "up": False, "state": "down", "since": None, "pid": None, "program": None, "seen": True, "path": "/api",
    }  # fmt: skip


def test_a_started_server_gives_its_state_and_its_problem_where_nothing_listens() -> None:
    failed = Problem("start-failed", "api ended", "see its log", "api")
    servers = {worktree("x").id: (
        ServerState("web", "starting", "2026-11-21T10:00:00Z", Problem("start-failed", "silent", "", "web"), runs=True),
        ServerState("api", "failed", "2026-11-21T11:00:00Z", failed),
        ServerState("docs", "down", "2026-11-21T12:00:00Z"),
    )}  # fmt: skip
    down = (service("api", 2, up=False), service("docs", 3, up=False))
    found = document(table(route("x", service("web", 1), *down)), servers=servers)["worktrees"][0]
    told = {name: (each["state"], each["since"]) for name, each in found["services"].items()}
    assert told == {
        "web": ("up", "2026-11-21T10:00:00Z"),
        "api": ("failed", "2026-11-21T11:00:00Z"),
        "docs": ("down", "2026-11-21T12:00:00Z"),
    }
    assert [each["message"] for each in found["problems"]] == ["api ended"]


def test_what_others_started_has_no_time_of_a_server_that_failed_before() -> None:
    servers = {
        worktree("x").id: (
            ServerState("web", "failed", "2026-11-21T11:00:00Z", Problem("start-failed", "", "", "web")),
        )
    }
    found = document(table(route("x", service("web", 1))), servers=servers)["worktrees"][0]
    assert (found["services"]["web"]["state"], found["services"]["web"]["since"]) == ("up", None)
    assert found["problems"] == []


def test_a_service_says_that_a_visit_starts_it_or_one_that_needs_it() -> None:
    web = service("web", 1, wakes=Wake(needs=("api",)))
    [found] = document(table(route("x", web, service("api", 2), service("docs", 3))))["worktrees"]
    assert {name: each.get("wakes") for name, each in found["services"].items()} == {
        "web": True, "api": True, "docs": None}  # fmt: skip


def test_on_port_80_no_url_has_a_port() -> None:
    assert ":80" not in json.dumps(document(port=80)["worktrees"][0]["url"])


def test_a_repository_without_worktrees_is_in_the_document() -> None:
    status = document(repositories=(repository(worktree("x")),))
    assert status["repositories"] == [{"path": "/r", "git_dir": "/r/.git", "callback_paths": []}]


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


def test_names_that_were_the_worktrees_until_lately_stand_there_with_their_end() -> None:
    former = FormerName("before", 1.79e9), FormerName("kept")
    [tree] = document(table(route("a", aliases=("before", "kept"), former=former)))["worktrees"]
    assert tree["aliases"] == ["before", "kept"]
    assert tree["former"] == [{"name": "before", "until": "2026-09-21T14:13:20Z"}, {"name": "kept", "until": None}]
    assert all("former" not in tree for tree in document()["worktrees"])


def test_a_name_that_was_a_worktrees_until_lately_counts_after_somebody_elses_branch() -> None:
    before = route("a", worktree=worktree("a"), aliases=("b",), former=(FormerName("b", 1.79e9),))
    assert find(document(table(before)), "b")["name"] == "a"
    found = document(table(before, route("b-x2d", worktree=worktree("b"))))
    assert find(found, "b")["name"] == "b-x2d"
    stays = document(table(replace(before, former=(FormerName("b"),)), route("b-x2d", worktree=worktree("b"))))
    assert find(stays, "b")["name"] == "a"


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

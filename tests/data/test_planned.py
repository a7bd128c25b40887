"""What a worktree is to have: names, templates and variables, by `router.toml` and the main checkout's values."""

from pathlib import Path
from typing import Any

import pytest

from router.data.planned import Named, Planned, Unplanned, for_tests, planned
from router.data.servers.address import Address
from router.data.variables import variables
from router.model import WorktreeId
from router.remembered import RememberedWorktree
from router.resource_settings import Resource
from tests.fakes import worktree

URL = "postgres://ann:secret@localhost:5433/shop"


def named(name: str, project: str, scope: str, *, main: bool = False) -> Named:
    tree = worktree("main" if main else name, path="/r" if main else f"/r.{name}", main=main)
    return Named(tree, RememberedWorktree(tree.id, name, name, name, {}, project=project, scope=scope))


MAIN, OWN = named("main", "shop", "", main=True), named("x", "shop-x", "x")


SERVERS = {"postgres": Address("postgres", 31001, "pw"), "redis": Address("redis", 31002, "pw")}


def of(
    values: dict[str, str], versions: dict[str, str] | None = None, *, own: Named = OWN, **resources: Any
) -> list[Planned | Unplanned]:
    settings = {name: Resource.model_validate(each) for name, each in resources.items()}
    return list(planned(settings, values, main=MAIN, own=own, versions=versions or {}, servers=SERVERS))


def one(values: dict[str, str], versions: dict[str, str] | None = None, **resource: Any) -> Planned:
    (found,) = of(values, versions, db=resource)
    assert isinstance(found, Planned)
    return found


def test_a_database_is_called_after_the_worktree_and_copied_from_a_template() -> None:
    found = one({"DATABASE_URL": URL}, **{"from": "DATABASE_URL"})
    assert (found.wanted.name, found.wanted.kind, found.wanted.source) == ("shop_x", "postgres", "DATABASE_URL")
    assert found.wanted.template.startswith("shop_template_")
    assert variables([found]) == {
        "DATABASE_URL": "postgres://ann:secret@localhost:5433/shop_x",
        "DATABASE_NAME": "shop_x",
        "PGDATABASE": "shop_x",
        "DB_DATABASE": "shop_x",
    }


def test_another_template_stands_for_other_files() -> None:
    values = {"DATABASE_URL": URL}
    plain, first, second = (
        one(values, {"db": each}, **{"from": "DATABASE_URL"}).wanted.template for each in ("", "1", "2")
    )
    assert len({plain, first, second}) == 3


def test_an_empty_one_has_no_template() -> None:
    assert one({"DATABASE_URL": URL}, **{"from": "DATABASE_URL", "copy": "empty"}).wanted.template == ""


def test_what_is_for_tests_is_told() -> None:
    found = one({"DATABASE_URL": URL}, **{"from": "DATABASE_URL", "test": True})
    assert variables([found])["TEST_DATABASE_URL"].endswith("/shop_x_test")
    assert for_tests(found).wanted.name == "shop_x_test"
    assert variables([found], name="shop_x_test")["DATABASE_URL"].endswith("/shop_x_test")


def test_the_general_variables_are_those_of_the_one_called_db_else_the_first() -> None:
    values = {"A": URL, "B": URL.replace("shop", "logs"), "Q": "amqp://localhost/%2F", "R": "redis://:p@localhost/0"}
    found = of(values, logs={"from": "B"}, db={"from": "A"}, queue={"from": "Q"}, cache={"from": "R"})
    told = variables(found)
    assert (told["DATABASE_NAME"], told["A"], told["B"]) == ("shop_x", URL + "_x", URL.replace("/shop", "/shop_x_logs"))
    assert (told["RABBITMQ_VHOST"], told["AMQP_URL"], told["Q"]) == (
        "/x",
        "amqp://localhost/%2Fx",
        "amqp://localhost/%2Fx",
    )
    assert told["REDIS_URL"] == told["R"] == "redis://x:p@localhost/0"


@pytest.mark.parametrize(("url", "name"), [
    ("sqlite:///db/dev.sqlite3", "/r.x/db/dev.sqlite3"),
    ("sqlite:////var/lib/shop.db", "/var/lib/shop.shop-x.db"),
])  # fmt: skip
def test_a_file_is_at_the_same_place_in_the_worktree_else_beside_main_s(url: str, name: str) -> None:
    assert one({"DATABASE_URL": url}, **{"from": "DATABASE_URL"}).wanted.name == name


def test_names_are_short_enough_for_what_frameworks_add() -> None:
    settings = {name: Resource.model_validate({"from": "A"}) for name in ("db", "a" * 32)}
    own = named("y", "shop-" + "y" * 44, "y" * 44)
    found = [
        each for each in planned(settings, {"A": URL}, main=MAIN, own=own, versions={}) if isinstance(each, Planned)
    ]
    assert [len(each.wanted.name) for each in found] == [49, 50]


def test_what_leads_nowhere_is_said_and_stops_no_other() -> None:
    found = of({"A": URL, "C": "what"}, a={"from": "A"}, b={"from": "B"}, c={"from": "C"})
    assert [type(each) for each in found] == [Planned, Unplanned, Unplanned]
    assert "B is not set in the main checkout's own env files" in str(found[1])
    assert "what" not in str(found[2])


def test_ids_are_the_worktree_s_and_main_s() -> None:
    wanted = one({"DATABASE_URL": URL}, **{"from": "DATABASE_URL"}).wanted
    assert (wanted.worktree, wanted.main, Path(wanted.path)) == (OWN.tree.id, MAIN.tree.id, Path("/r.x"))
    assert isinstance(wanted.worktree, WorktreeId)


# On servers of the router's own


def served(own: Named = OWN, **resources: Any) -> list[Planned]:
    found = [each for each in of({}, own=own, **resources) if isinstance(each, Planned)]
    assert len(found) == len(resources)
    return found


def test_without_a_variable_it_is_on_a_server_of_the_routers_own() -> None:
    (db,) = served(db={"kind": "postgres"})
    assert (db.connection.database, db.wanted.name, db.wanted.source) == ("shop", "shop_x", "")
    assert variables([db]) == {
        "DATABASE_URL": "postgresql://postgres:pw@127.0.0.1:31001/shop_x",
        "DATABASE_NAME": "shop_x",
        "PGDATABASE": "shop_x",
        "DB_DATABASE": "shop_x",
    }


def test_main_has_one_there_too_of_which_the_others_are_copies() -> None:
    (own,), (mains,) = served(db={"kind": "postgres"}), served(MAIN, db={"kind": "postgres"})
    assert own.original == mains.wanted
    assert (mains.wanted.name, mains.wanted.is_original, mains.original) == ("shop", True, None)
    assert not own.wanted.is_original
    assert not for_tests(mains).wanted.is_original, "main's tests have a copy of it"
    assert variables([mains])["DATABASE_URL"] == "postgresql://postgres:pw@127.0.0.1:31001/shop"


def test_an_empty_one_needs_nothing_of_mains() -> None:
    (db,) = served(db={"kind": "postgres", "copy": "empty"})
    assert (db.wanted.template, db.original) == ("", None)


def test_keys_of_a_server_that_all_repositories_share_begin_with_the_project() -> None:
    (cache,), (mains,) = served(cache={"kind": "redis"}), served(MAIN, cache={"kind": "redis"})
    assert variables([cache]) == {"REDIS_URL": "redis://shop-x:pw@127.0.0.1:31002/0", "REDIS_KEY_PREFIX": "shop-x:"}
    assert variables([mains]) == {"REDIS_URL": "redis://shop:pw@127.0.0.1:31002/0", "REDIS_KEY_PREFIX": "shop:"}


def test_each_of_several_has_a_variable_of_its_own() -> None:
    resources = {"logs": {"kind": "postgres"}, "db": {"kind": "postgres"}, "web-cache": {"kind": "redis"}}
    told = variables(served(**resources, jobs={"kind": "redis"}))
    assert told["DATABASE_URL"].endswith("/shop_x")
    assert told["LOGS_DATABASE_URL"].endswith("/shop_x_logs")
    assert told["REDIS_URL"].startswith("redis://shop-x:")
    assert told["JOBS_REDIS_URL"].startswith("redis://shop-x-jobs:")


def test_where_an_env_file_names_a_server_the_router_runs_none() -> None:
    (db,) = of({"DATABASE_URL": URL}, db={"kind": "postgres"})
    assert isinstance(db, Unplanned)
    assert "DATABASE_URL is set in the main checkout's own env files" in db.failure.message
    assert 'write from = "DATABASE_URL"' in db.failure.hint
    mine, served_one = of({"DATABASE_URL": URL}, db={"from": "DATABASE_URL"}, logs={"kind": "postgres"})
    assert isinstance(mine, Planned)
    assert isinstance(served_one, Planned)
    assert (mine.variable, served_one.variable) == ("DATABASE_URL", "LOGS_DATABASE_URL")

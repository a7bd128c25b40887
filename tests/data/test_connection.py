"""URLs of databases, queues and caches: what they say, and the same with another database in them."""

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.data.connection import read
from router.errors import ConnectionUrlError

HERE = Path("/srv/shop")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://ann:s3@localhost:5433/shop", ("postgres", "localhost", 5433, "ann", "s3", "shop")),
        ("postgresql://localhost/shop", ("postgres", "localhost", 5432, "", "", "shop")),
        ("postgresql+psycopg2://ann@127.0.0.1/shop", ("postgres", "127.0.0.1", 5432, "ann", "", "shop")),
        ("postgresql+asyncpg://ann:@[::1]:5440/shop", ("postgres", "::1", 5440, "ann", "", "shop")),
        ("postgis://ann:p%40ss%2Fw@db.test/shop%20x", ("postgres", "db.test", 5432, "ann", "p@ss/w", "shop x")),
        ("POSTGRES://ann:a@b@localhost/shop", ("postgres", "localhost", 5432, "ann", "a@b", "shop")),
        ("postgres://ann:a:b@localhost/shop", ("postgres", "localhost", 5432, "ann", "a:b", "shop")),
        ("postgres:///shop", ("postgres", "", 5432, "", "", "shop")),
        ("postgres://ann@", ("postgres", "", 5432, "ann", "", "ann")),
        ("postgresql:///shop?host=/var/run/postgresql", ("postgres", "/var/run/postgresql", 5432, "", "", "shop")),
        ("postgresql:///shop?host=%2Ftmp&port=5433", ("postgres", "/tmp", 5433, "", "", "shop")),
        ("postgresql://%2Fvar%2Frun/shop", ("postgres", "/var/run", 5432, "", "", "shop")),
        ("postgresql://ann@/shop?host=db1:5433", ("postgres", "db1", 5433, "ann", "", "shop")),
        ("postgres://localhost/shop?hostaddr=10.0.0.5", ("postgres", "10.0.0.5", 5432, "", "", "shop")),
        ("postgres://localhost/x?dbname=shop", ("postgres", "localhost", 5432, "", "", "shop")),
        ("postgres://localhost/shop?schema=public", ("postgres", "localhost", 5432, "", "", "shop")),
        ("jdbc:postgresql://localhost/shop?user=ann&password=s3", ("postgres", "localhost", 5432, "ann", "s3", "shop")),
        ("mysql://root:s3@127.0.0.1:3307/shop", ("mysql", "127.0.0.1", 3307, "root", "s3", "shop")),
        ("mysql2://root@localhost/shop", ("mysql", "localhost", 3306, "root", "", "shop")),
        ("mysql+pymysql://root@localhost/shop", ("mysql", "localhost", 3306, "root", "", "shop")),
        ("mariadb://root@localhost", ("mysql", "localhost", 3306, "root", "", "")),
        (
            "mysql://root@localhost/shop?socket=/run/mysqld.sock",
            ("mysql", "/run/mysqld.sock", 3306, "root", "", "shop"),
        ),
        ("mysql://u@h/shop?unix_socket=%2Frun%2Fm.sock", ("mysql", "/run/m.sock", 3306, "u", "", "shop")),
        ("redis://localhost", ("redis", "localhost", 6379, "", "", "0")),
        ("redis://:s3@localhost:6380/2", ("redis", "localhost", 6380, "", "s3", "2")),
        ("rediss://ann:s3@localhost/0?db=3", ("redis", "localhost", 6379, "ann", "s3", "3")),
        ("valkey://localhost/1", ("redis", "localhost", 6379, "", "", "1")),
        ("unix:///run/redis.sock?db=2", ("redis", "/run/redis.sock", 6379, "", "", "2")),
        ("unix://ann:s3@/run/redis.sock", ("redis", "/run/redis.sock", 6379, "ann", "s3", "0")),
        ("amqp://guest:guest@localhost", ("amqp", "localhost", 5672, "guest", "guest", "/")),
        ("amqp://guest:guest@localhost/", ("amqp", "localhost", 5672, "guest", "guest", "/")),
        ("amqp://localhost//", ("amqp", "localhost", 5672, "", "", "/")),
        ("amqp://localhost/%2F", ("amqp", "localhost", 5672, "", "", "/")),
        ("amqps://localhost/%2fshop?heartbeat=30", ("amqp", "localhost", 5671, "", "", "/shop")),
        ("sqlite:///dev.db", ("sqlite", "", 0, "", "", "/srv/shop/dev.db")),
        ("sqlite:////var/lib/dev.db", ("sqlite", "", 0, "", "", "/var/lib/dev.db")),
        ("sqlite+aiosqlite:///./data/dev.db", ("sqlite", "", 0, "", "", "/srv/shop/data/dev.db")),
        ("sqlite://data.db?mode=rwc", ("sqlite", "", 0, "", "", "/srv/shop/data.db")),
        ("sqlite:data.db", ("sqlite", "", 0, "", "", "/srv/shop/data.db")),
        ("sqlite3:db/development.sqlite3", ("sqlite", "", 0, "", "", "/srv/shop/db/development.sqlite3")),
        ("sqlite3:/var/dev.db", ("sqlite", "", 0, "", "", "/var/dev.db")),
        ("sqlite3:///var/dev.db", ("sqlite", "", 0, "", "", "/var/dev.db")),
        ("file:./dev.db?connection_limit=1", ("sqlite", "", 0, "", "", "/srv/shop/dev.db")),
        ("file:///var/my%20dev.db", ("sqlite", "", 0, "", "", "/var/my dev.db")),
    ],
)
def test_a_url_says_how_its_database_is_reached(url: str, expected: tuple[object, ...]) -> None:
    found = read(url, directory=HERE)
    assert (found.kind, found.host, found.port, found.user, found.password, found.database) == expected
    assert found.url == url


@pytest.mark.parametrize(
    ("url", "name", "expected"),
    [
        ("postgres://a:p%40s@localhost:5433/shop?sslmode=disable#x", "shop_x",
         "postgres://a:p%40s@localhost:5433/shop_x?sslmode=disable#x"),
        ("postgres://a:b@c@localhost/shop", "shop_x", "postgres://a:b@c@localhost/shop_x"),
        ("postgres://localhost", "shop_x", "postgres://localhost/shop_x"),
        ("postgres://localhost?sslmode=disable", "shop_x", "postgres://localhost/shop_x?sslmode=disable"),
        ("postgres://localhost/old?a=1&dbname=shop&b=2", "shop_x", "postgres://localhost/old?a=1&dbname=shop_x&b=2"),
        ("postgresql:///shop?host=/var/run/postgresql", "shop_x", "postgresql:///shop_x?host=/var/run/postgresql"),
        ("mysql+pymysql://a@[::1]/shop?charset=utf8", "shop_x", "mysql+pymysql://a@[::1]/shop_x?charset=utf8"),
        ("postgres://localhost/shop", "shöp x/?", "postgres://localhost/sh%C3%B6p%20x%2F%3F"),
        ("amqp://guest:guest@localhost:5672", "/feature-x", "amqp://guest:guest@localhost:5672/%2Ffeature-x"),
        ("amqp://guest:guest@localhost:5672/", "/feature-x", "amqp://guest:guest@localhost:5672/%2Ffeature-x"),
        ("amqp://localhost/%2F?heartbeat=1", "/feature-x", "amqp://localhost/%2Ffeature-x?heartbeat=1"),
        ("amqp://localhost/%2f", "/feature-x", "amqp://localhost/%2ffeature-x"),
        ("amqp://localhost//", "/feature-x", "amqp://localhost//feature-x"),
        ("amqp://localhost//shop", "feature-x", "amqp://localhost/feature-x"),
        ("redis://:s3@localhost:6380/2", "5", "redis://:s3@localhost:6380/5"),
        ("redis://localhost", "5", "redis://localhost/5"),
        ("redis://localhost/1?db=2&x=y", "5", "redis://localhost/1?db=5&x=y"),
        ("unix:///run/redis.sock", "5", "unix:///run/redis.sock?db=5"),
        ("unix:///run/redis.sock?db=2", "5", "unix:///run/redis.sock?db=5"),
        ("unix:///run/redis.sock?x=y", "5", "unix:///run/redis.sock?x=y&db=5"),
        ("sqlite:///dev.db", "/w/x/dev.db", "sqlite:////w/x/dev.db"),
        ("sqlite:////srv/dev.db?mode=rwc", "/w/x y#1/dev.db", "sqlite:////w/x y%231/dev.db?mode=rwc"),
        ("sqlite:////srv/dev.db", "dev.db", "sqlite:///dev.db"),
        ("sqlite3:db/dev.db", "/w/x/dev.db", "sqlite3:/w/x/dev.db"),
        ("file:///srv/dev.db", "/w/x/dev.db", "file:///w/x/dev.db"),
        ("file:///srv/dev.db", "dev.db", "file:dev.db"),
        ("file:./dev.db?connection_limit=1", "./x.db", "file:./x.db?connection_limit=1"),
    ],
)  # fmt: skip
def test_the_same_url_has_another_database_in_it(url: str, name: str, expected: str) -> None:
    assert read(url, directory=HERE).with_database(name) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", "redis://x:p%40@localhost"),
        ("redis://:s3@localhost:6380/2?a=b", "redis://x:p%40@localhost:6380/2?a=b"),
        ("redis://ann:a@b@[::1]/2", "redis://x:p%40@[::1]/2"),
        ("unix:///run/redis.sock?db=2", "unix://x:p%40@/run/redis.sock?db=2"),
    ],
)
def test_the_same_url_has_another_user_in_it(url: str, expected: str) -> None:
    assert read(url, directory=HERE).with_user("x", "p@") == expected


@given(
    st.sampled_from(["postgres", "postgresql+psycopg", "mysql", "amqp"]),
    st.text(min_size=1, max_size=20).filter(str.isprintable),
    st.text(min_size=1, max_size=30).filter(str.isprintable),
    st.sampled_from(["", "?", "?a=%2F&b"]),
)
def test_whatever_name_is_written_is_read_again(scheme: str, password: str, name: str, query: str) -> None:
    first = read(f"{scheme}://ann:{quote(password, safe='')}@localhost:1234/shop{query}", directory=HERE)
    again = read(first.with_database(name), directory=HERE)
    assert again.database == name
    assert again.after == query
    assert (again.user, again.password, again.host, again.port) == ("ann", password, "localhost", 1234)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("postgres://localhost/x", True),
        ("postgres://LocalHost./x", True),
        ("postgres://db.localhost/x", True),
        ("postgres://127.8.0.1/x", True),
        ("postgres://[::1]/x", True),
        ("postgres://[::ffff:127.0.0.1]/x", True),
        ("postgres://0.0.0.0/x", True),
        ("postgres:///x", True),
        ("postgres:///x?host=/tmp", True),
        ("mysql://h.example/x?socket=/run/x.sock", True),
        ("unix:///run/redis.sock", True),
        ("sqlite:///x", True),
        ("postgres://db/x", False),
        ("postgres://10.0.0.5/x", False),
        ("postgres://[fd00::1]/x", False),
        ("postgres://[::ffff:10.0.0.5]/x", False),
        ("postgres://localhost.example.com/x", False),
        ("postgres://localhost/x?host=db.example.com", False),
        ("postgres://localhost/x?hostaddr=10.0.0.5", False),
        ("postgres://localhost@db.example.com/x", False),
    ],
)
def test_what_is_reached_without_leaving_the_machine_is_on_it(url: str, here: bool) -> None:
    assert read(url, directory=HERE).on_this_machine() is here


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("mongodb://ann:s3cret@localhost/shop", None, "mongodb: is the scheme of no known kind"),
        ("https://s3cret.example/", None, "https: is the scheme of no known kind"),
        ("redis+sentinel://:s3cret@localhost/0", None, "redis+sentinel: is the scheme of no known kind"),
        ("s3cret", None, "the value is no URL"),
        ("host=localhost password=s3cret", None, "the value is no URL"),
        ("", None, "the value is no URL"),
        ("postgres:s3cret", None, "has no host that can be read"),
        ("postgres://ann:s3cret@localhost:x/shop", None, "has a port that is none"),
        ("postgres://ann:s3cret@localhost:70000/shop", None, "has a port that is none"),
        ("postgres://ann:s3/cret@localhost/shop", None, "has a port that is none|in its password"),
        ("postgres://ann:12/s3cret@localhost/shop", None, "in its password"),
        ("postgres://ann:s3cret@one,two/shop", None, "several hosts"),
        ("postgres://ann:s3cret@localhost/shop%00x", None, "has a NUL in it"),
        ("postgres://ann:s3cret@localhost/shop\nx", None, "control character"),
        ("postgres://ann:s3cret@localhost/" + "x" * 9000, None, "too long"),
        ("postgres://ann:s3cret@localhost/shop", "mysql", "is of the kind postgres, not mysql"),
        ("sqlite://", None, "in memory"),
        ("sqlite:///:memory:", None, "in memory"),
        ("file::memory:?cache=shared", None, "in memory"),
        ("file:x?mode=memory", None, "in memory"),
    ],
)
def test_what_is_no_url_of_a_database_is_named_without_its_password(url: str, kind: str | None, said: str) -> None:
    with pytest.raises(ConnectionUrlError, match=said.replace("+", r"\+")) as caught:
        read(url, kind=kind, directory=HERE)
    assert caught.value.hint
    assert "s3" not in f"{caught.value} {caught.value.hint}"


def test_neither_the_password_nor_the_url_is_shown() -> None:
    assert "s3cret" not in repr(read("postgres://ann:s3cret@localhost/shop", directory=HERE))


def test_the_kind_decides_what_a_scheme_leaves_open() -> None:
    assert read("ecto://ann@localhost/shop", kind="postgres", directory=HERE).port == 5432
    assert read("db/dev.sqlite3", kind="sqlite", directory=HERE).database == "/srv/shop/db/dev.sqlite3"
    assert read("/var/a%20b.db", kind="sqlite", directory=HERE).with_database("x.db") == "x.db"


def test_a_file_that_is_there_only_as_an_absolute_path_is_that_one(tmp_path: Path) -> None:
    (tmp_path / "dev.db").touch()
    found = read(f"sqlite://{tmp_path}/dev.db", directory=tmp_path)
    assert found.database == str(tmp_path / "dev.db")
    assert found.with_database("/w/dev.db") == "sqlite:////w/dev.db"


@given(
    st.sampled_from(["postgres", "mysql", "redis", "unix", "amqp", "sqlite", "file", "x"]),
    st.text(alphabet="/:@?&=#%[]+,.0dbhost\x00é", max_size=40),
    st.sampled_from([None, "postgres", "sqlite", "redis"]),
)
def test_any_text_is_read_or_refused(scheme: str, rest: str, kind: str | None) -> None:
    try:
        found = read(f"{scheme}:{rest}", kind=kind, directory=HERE)
    except ConnectionUrlError:
        return
    assert 0 <= found.port < 1 << 16
    assert found.with_database("shop_x").endswith(found.after)

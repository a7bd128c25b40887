"""Leaks: what is another worktree's, and what only looks like it."""

from dataclasses import replace

import pytest

from router.env.leaks import SHELL, Assignment, Leak, find_leaks, refuse, without_leaks
from router.env.values import Environment
from router.errors import LeakError


def environment(name: str, port: int, *, main: bool = False, repository: str = "shop", path: str = "") -> Environment:
    database = repository if main else f"{repository}_{name}"
    scope = "" if main else name
    values = {
        "FEATURE": name, "WORKTREE_BRANCH": name, "PORT": str(port), "BACKEND_PORT": str(port + 1),
        "DATABASE_NAME": database,
        "RABBITMQ_VHOST": f"/{scope}", "REDIS_KEY_PREFIX": f"{scope}:" if scope else "",
        "COMPOSE_PROJECT_NAME": database.replace("_", "-"), "OAUTH_REDIRECT_URI": "http://localhost:8080/auth/callback",
        "WORKTREE_URL": f"http://{name}.localhost:8080", "WORKTREE_API_URL": f"http://api.{name}.localhost:8080",
        "LOG": "debug", "DATABASE_URL": f"postgres://u:secret@localhost/{database}",
    }  # fmt: skip
    return Environment(
        path=path or f"/w/{repository}.{name}", name=name, repository=repository, main=main, index=0,
        ports={"web": port, "api": port + 1},
        urls={"web": f"http://{name}.localhost:8080", "api": f"http://api.{name}.localhost:8080"},
        database=database, vhost=f"/{scope}", prefix=f"{scope}:", project=values["COMPOSE_PROJECT_NAME"], values=values,
    )  # fmt: skip


MAIN = environment("main", 3000, main=True, path="/w/shop")
X = environment("x", 4000)
Y = environment("y", 5000)
NESTED = environment("nested", 6000, path="/w/shop/.worktrees/nested")
BLOG = environment("main", 7000, main=True, repository="blog", path="/w/blog")
OTHERS = (MAIN, Y, NESTED, BLOG)


def found(variable: str, value: str, *, own: Environment = X, others: tuple[Environment, ...] = OTHERS,
          tools: frozenset[str] = frozenset()) -> tuple[Leak, ...]:  # fmt: skip
    return find_leaks(own, others, [Assignment(variable, value, SHELL)], tools=tools)


@pytest.mark.parametrize(
    ("variable", "value", "owner", "what", "instead"),
    [
        ("DATABASE_NAME", "shop_y", "y", "database", "shop_x"),
        ("DATABASE_NAME", "shop", "main", "database", "shop_x"),
        ("PORT", "5000", "y", "port", "4000"),
        ("FRONTEND_PORT", "5000", "y", "port", "4000"),
        ("VITE_PORT", "5001", "y", "port", "4001"),
        ("REDIS_KEY_PREFIX", "y:", "y", "key prefix", "x:"),
        ("REDIS_KEY_PREFIX", "", "main", "key prefix", "x:"),
        ("RABBITMQ_VHOST", "/", "main", "vhost", "/x"),
        ("COMPOSE_PROJECT_NAME", "shop-y", "y", "Compose project", "shop-x"),
        ("FEATURE", "y", "y", "value", "x"),
        ("DATABASE_URL", "postgres://u:secret@localhost/shop_y", "y", "value", "postgres://u:secret@localhost/shop_x"),
        ("DB_URL", "postgresql+psycopg://a:b@db:5432/shop_y?ssl=1", "y", "database",
         "postgresql+psycopg://a:b@db:5432/shop_x?ssl=1"),
        ("DB_URL", "mysql://localhost/shop", "main", "database", "mysql://localhost/shop_x"),
        ("BROKER_URL", "amqp://guest@localhost/%2Fy", "y", "vhost", "amqp://guest@localhost/%2Fx"),
        ("API_URL", "http://localhost:5001/v1", "y", "port", "http://localhost:4001/v1"),
        ("APP_URL", "http://y.localhost:8080/a", "y", "host", "http://x.localhost:8080/a"),
        ("DATABASE_NAME", "blog", "main of blog", "database", "shop_x"),
    ],
)  # fmt: skip
def test_what_is_another_worktrees_is_found(
    variable: str, value: str, owner: str, what: str, instead: str | None
) -> None:
    [leak] = found(variable, value)
    assert (leak.owner, leak.what, leak.replacement) == (owner, what, instead)


@pytest.mark.parametrize("own", [MAIN, X, Y, NESTED, BLOG], ids=lambda e: f"{e.repository}-{e.name}")
def test_ones_own_environment_has_no_leaks(own: Environment) -> None:
    others = tuple(each for each in (MAIN, X, Y, NESTED, BLOG) if each is not own)
    assert find_leaks(own, others, [Assignment(name, value, SHELL) for name, value in own.values.items()]) == ()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LOG", "debug"),
        ("WORKTREE_BRANCH", "y"),
        ("OAUTH_REDIRECT_URI", "http://localhost:8080/auth/callback"),
        ("PORT", "4001"),
        ("PORT", "9999"),
        ("PORT", "soon"),
        ("PORT", "٣٠٠٠"),
        ("COUNT", "5000"),
        ("NAME", "shop_y"),
        ("HOMEPAGE_URL", "https://shop.example.org/shop_y"),
        ("DB_URL", "postgres://shop@localhost/other"),
        ("API_URL", "http://example.org:5000/"),
        ("API_URL", "http://localhost:99999/"),
        ("API_URL", "http://[::1/"),
        ("BROKER_URL", "amqp://localhost"),
        ("EMPTY", ""),
    ],
)
def test_what_only_looks_like_it_is_none(variable: str, value: str) -> None:
    assert found(variable, value) == ()


# Directories


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_a_directory_of_another_worktree_is_better_not_set(variable: str) -> None:
    [leak] = found(variable, "/w/shop.y/.venv")
    assert (leak.owner, leak.what, leak.replacement) == ("y", "directory", None)
    assert without_leaks({variable: "x", "A": "b"}, [leak]) == {"A": "b"}
    assert found(variable, "/w/shop.x/.venv") == found(variable, "/opt/venv") == found(variable, "/w/shop.yy") == ()


def test_entries_of_a_path_are_taken_out_and_the_others_stay_in_order() -> None:
    path = "/usr/bin:/w/shop.y/bin:/w/shop.x/bin:/w/shop/node_modules/.bin:/bin"
    both = found("PATH", path)
    assert [(leak.owner, leak.what) for leak in both] == [
        ("y", "directory /w/shop.y/bin"),
        ("main", "directory /w/shop/node_modules/.bin"),
    ]
    assert without_leaks({"PATH": path}, both) == {"PATH": "/usr/bin:/w/shop.x/bin:/bin"}


def test_a_directory_belongs_to_the_deepest_worktree_around_it() -> None:
    inside = "/w/shop/.worktrees/nested/.venv"
    assert found("VIRTUAL_ENV", inside, own=NESTED, others=(MAIN, X)) == ()
    assert [leak.owner for leak in found("VIRTUAL_ENV", inside, own=MAIN, others=(NESTED, X))] == ["nested"]
    assert [leak.owner for leak in found("VIRTUAL_ENV", "/w/shop/.venv", own=NESTED, others=(MAIN,))] == ["main"]


def test_the_routers_own_directory_may_be_another_repositorys_and_not_a_siblings() -> None:
    assert found("PATH", "/w/blog/.venv/bin", tools=frozenset({"/w/blog/.venv/bin"})) == ()
    assert len(found("PATH", "/w/shop.y/.venv/bin", tools=frozenset({"/w/shop.y/.venv/bin"}))) == 1


# Reports


def test_a_leak_names_variable_value_owner_and_file_but_no_password() -> None:
    [leak] = find_leaks(X, OTHERS, [Assignment("DATABASE_URL", "postgres://u:secret@localhost/shop_y", ".env")])
    assert str(leak) == (
        "DATABASE_URL=postgres://u:…@localhost/shop_y in .env is the value of y; here it is postgres://u:…@localhost/shop_x"
    )


def test_control_characters_are_escaped() -> None:
    [leak] = found("VIRTUAL_ENV", "/w/shop.y/\x1b[31m\n")
    assert str(leak).isprintable()


def test_leaks_are_an_error_and_none_are_none() -> None:
    refuse(())
    with pytest.raises(LeakError, match="1 value here belongs to another worktree") as caught:
        refuse(found("PORT", "5000"))
    assert caught.value.exit_code == 1
    assert caught.value.hint.startswith('run `eval "$(router env)"` here, or let `router run --fix')
    in_a_file = find_leaks(X, OTHERS, [Assignment("PORT", "5000", ".env"), Assignment("PORT", "5000", SHELL)])
    with pytest.raises(LeakError, match="2 values here belong to another worktree") as caught:
        refuse(in_a_file)
    assert caught.value.hint.startswith("write the file again with `router env --write`")


def test_a_variable_that_only_the_other_has_is_better_not_set() -> None:
    other = replace(Y, values={**Y.values, "ONLY_HERE": "y's"})
    [leak] = found("ONLY_HERE", "y's", others=(other,))
    assert leak.replacement is None


def test_leaked_values_are_replaced() -> None:
    environ = {"PORT": "5000", "HOME": "/root"}
    assert without_leaks(environ, found("PORT", "5000")) == {"PORT": "4000", "HOME": "/root"}

"""The values of a worktree's environment, and what router.toml adds to them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.env import templates
from router.env.values import Environment, base_environment, with_templates
from router.errors import TemplateValueError
from router.model import Repository, ServiceSpec
from router.ports import hash_port, service_port
from router.remembered import Memory
from router.repository_settings import variable_name
from router.routes.plan import plan
from router.shared_names import database_name
from tests.fakes import declared, observed, repository, worktree

CALLBACK = "http://localhost:8080/auth/callback"


def of(seen: Repository, label: str = "feature-x", *, port: int = 8080) -> Environment:
    """Return the environment of one of a repository's worktrees."""
    planned = plan(observed(seen), Memory())
    [route] = [route for route in planned.table.routes if route.name == label]
    [remembered] = [each for each in planned.memory.worktrees if each.label == label]
    return base_environment(seen, route.worktree, remembered, port=port, redirect_uri=CALLBACK)


SHOP = repository(worktree("main"), worktree("feature/x"))


@pytest.mark.parametrize("name", ["db", "mail", "router", "git"])
def test_a_service_that_files_alone_name_has_a_port_and_no_variable(name: str) -> None:
    found = of(repository(replace(worktree("feature/x"), services=(ServiceSpec(name),))))
    assert found.ports[name] == service_port(name, "feature/x")
    assert f"{name.upper()}_PORT" not in found.values


def test_a_worktree_has_its_names_ports_and_urls() -> None:
    web, api = service_port("web", "feature/x"), service_port("api", "feature/x")
    assert dict(of(SHOP).values) == {
        "FEATURE": "feature-x",
        "WORKTREE_NAME": "feature-x",
        "WORKTREE_BRANCH": "feature/x",
        "WORKTREE_URL": "http://feature-x.localhost:8080",
        "FRONTEND_PORT": str(web),
        "BACKEND_PORT": str(api),
        "PORT": str(web),
        "OAUTH_REDIRECT_URI": CALLBACK,
        "OAUTH_STATE": "feature-x",
        "DATABASE_NAME": "shop_feature_x",
        "RABBITMQ_VHOST": "/feature-x",
        "REDIS_KEY_PREFIX": "feature-x:",
        "COMPOSE_PROJECT_NAME": "shop-feature-x",
    }


API_URL = "http://api.feature-x.localhost:8080"


def test_the_url_of_the_api_is_there_once_one_worktree_of_the_repository_declares_or_had_one() -> None:
    declaring = repository(worktree("main", declared(8000, service="api")), worktree("feature/x"))
    configured = repository(worktree("main"), worktree("feature/x"), services=(ServiceSpec("web"), ServiceSpec("api")))
    for each in (declaring, configured):
        assert of(each).values["WORKTREE_API_URL"] == API_URL
    assert "WORKTREE_API_URL" not in of(SHOP).values
    assert of(SHOP).values["BACKEND_PORT"] == str(service_port("api", "feature/x"))


def test_a_template_may_name_the_url_of_an_api_that_is_not_there_yet() -> None:
    values = with_templates(of(SHOP), {"VITE_API": "{{ WORKTREE_API_URL }}/v1"}, branch="feature/x").values
    assert values["VITE_API"] == f"{API_URL}/v1"
    assert "WORKTREE_API_URL" not in values


@given(st.text(alphabet="a}%#$\r\n\x85\u2028é ", max_size=20))
def test_what_has_no_expression_is_what_jinja_makes_of_it(text: str) -> None:
    values = with_templates(of(SHOP), {"TEXT": text}, branch=None).values
    assert values["TEXT"] == templates.filled(text, {})


def test_the_main_checkout_has_the_plain_names() -> None:
    values = of(SHOP, "main").values
    names = ("DATABASE_NAME", "RABBITMQ_VHOST", "REDIS_KEY_PREFIX", "COMPOSE_PROJECT_NAME")
    assert [values[name] for name in names] == ["shop", "/", "", "shop"]


def test_a_declared_port_counts() -> None:
    values = of(repository(worktree("feature/x", declared(4000)))).values
    assert (values["PORT"], values["FRONTEND_PORT"]) == ("4000", "4000")


def test_on_port_80_urls_have_none() -> None:
    assert of(SHOP, port=80).values["WORKTREE_URL"] == "http://feature-x.localhost"


def test_every_service_has_its_port_variable() -> None:
    services = (
        ServiceSpec("web", ("MY_PORT",)), ServiceSpec("api"), ServiceSpec("docs", ("DOCS_PORT", "D_PORT")),
        ServiceSpec("mail-box"),
    )  # fmt: skip
    values = of(repository(worktree("feature/x"), services=services)).values
    assert {name: value for name, value in values.items() if name.endswith("PORT")} == {
        "FRONTEND_PORT": str(service_port("web", "feature/x")),
        "BACKEND_PORT": str(service_port("api", "feature/x")),
        "PORT": str(service_port("web", "feature/x")),
        "MY_PORT": str(service_port("web", "feature/x")),
        "API_PORT": str(service_port("api", "feature/x")),
        "DOCS_PORT": str(service_port("docs", "feature/x")),
        "MAIL_BOX_PORT": str(service_port("mail-box", "feature/x")),
    }


def test_a_detached_worktree_has_no_branch() -> None:
    assert of(repository(worktree(None, path="/w/try")), "try").values["WORKTREE_BRANCH"] == ""


def test_a_branch_that_is_no_text_is_escaped() -> None:
    values = of(repository(worktree("a\udcffb")), "ab").values
    assert values["WORKTREE_BRANCH"] == "a%FFb"


@pytest.mark.parametrize(
    ("project", "name"), [("shop-feature-x", "shop_feature_x"), ("shop", "shop"), ("2024-app", "_2024_app")]
)
def test_a_database_is_called_like_the_project(project: str, name: str) -> None:
    assert database_name(project) == name


# Templates


def filled(**templates: str) -> dict[str, str]:
    own = of(SHOP)
    every = with_templates(own, templates, branch="feature/x").values
    return {name: every[name] for name in templates}


def test_templates_know_the_values_the_number_and_the_services() -> None:
    assert filled(
        DATABASE_URL="postgres://demo:demo@localhost:5432/{{ DATABASE_NAME }}",
        API_PORT="{{ 8000 + index }}",
        DB_PORT="{{ hash_port('db-' ~ name) }}",
        API="{{ service('api').url }}",
        WHAT="{{ repository }} {{ branch | sanitize_db }} {{ 'main' if main else 'linked' }}",
    ) == {
        "DATABASE_URL": "postgres://demo:demo@localhost:5432/shop_feature_x",
        "API_PORT": "8001",
        "DB_PORT": str(hash_port("db-feature-x")),
        "API": "http://api.feature-x.localhost:8080",
        "WHAT": "shop feature_x_x2d linked",
    }


def test_a_template_may_use_those_before_it_and_change_a_value() -> None:
    assert filled(DATABASE_NAME="test_{{ DATABASE_NAME }}", URL="db/{{ DATABASE_NAME }}") == {
        "DATABASE_NAME": "test_shop_feature_x", "URL": "db/test_shop_feature_x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [("\n{{ DATABASE_NAM }}", "URL: 'DATABASE_NAM' is undefined"), ("\n{{ service('x') }}", "there is no service 'x'")],
)
def test_an_error_says_variable_line_and_what_there_is(text: str, message: str) -> None:
    with pytest.raises(TemplateValueError) as caught:
        filled(URL=text)
    assert message in caught.value.message
    assert caught.value.line == 2
    assert "DATABASE_NAME" in caught.value.hint


@pytest.mark.parametrize("name", ["DATABASE_URL", "_x1", "NODE_ENV", "PATHS", "APP_HOME"])
def test_a_plain_variable_may_be_set(name: str) -> None:
    assert variable_name(name) == name


@pytest.mark.parametrize(
    "name", ["PATH", "path", "LD_PRELOAD", "BASH_ENV", "NODE_OPTIONS", "PYTHONPATH", "GIT_SSH_COMMAND", "ROUTER_PORT",
             "DYLD_INSERT_LIBRARIES", "ZDOTDIR", "PROMPT_COMMAND", "HOME", "npm_config_script_shell", "A B", "", "1A",
             "Ä", "A-B"],
)  # fmt: skip
def test_a_variable_that_tells_programs_what_to_run_may_not(name: str) -> None:
    with pytest.raises(ValueError, match=r"variable"):
        variable_name(name)

"""The machine's settings and what a repository may say in its router.toml."""

from pathlib import Path

import pytest

from router.errors import SettingsError
from router.model import Override
from router.repository_settings import read_repository_settings
from router.settings import Settings, config_file, load
from router.toml_reader import read_toml


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's settings file, in a home of this test's own; not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    config_file().parent.mkdir(parents=True)
    return config_file()


def refused(**flags: object) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(**flags)
    return caught.value


# The machine's


def test_the_defaults_are_those_of_the_design() -> None:
    settings = load()
    assert (settings.port, settings.caddy, settings.callback_target) == (8080, "embedded", "host")
    assert settings.callback_paths == ("/auth/callback",)
    assert settings.redirect_uris == ("http://localhost:8080/auth/callback",)
    assert settings.reserved == {8080, 2019}


def test_a_flag_counts_before_a_variable_before_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("port = 8001")
    assert load().port == 8001
    monkeypatch.setenv("ROUTER_PORT", "8002")
    assert load().port == 8002
    assert load(port=8003).port == 8003


def test_a_flag_without_a_value_counts_as_absent() -> None:
    assert load(port=None, caddy=None) == load()


def test_on_port_80_the_origin_has_no_port() -> None:
    assert load(port=80).redirect_uris == ("http://localhost/auth/callback",)


def test_callback_paths_are_a_json_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_CALLBACK_PATHS", '["/auth/callback", "/api/auth/callback/*"]')
    assert load().callback_paths == ("/auth/callback", "/api/auth/callback/*")


def test_callback_paths_that_are_no_json_are_reported_with_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_CALLBACK_PATHS", "/auth/callback")
    error = refused()
    assert "callback_paths" in error.message
    assert 'ROUTER_CALLBACK_PATHS=["/auth/callback"]' in error.hint


def test_there_is_one_callback_path_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_CALLBACK_PATHS", "[]")
    assert "at least 1" in refused().message


@pytest.mark.parametrize("path", ["auth", "/auth/../x", "/.router/relay", "/a b", "/*/x", "/a?b", "/{x}", ""])
def test_a_path_that_is_none_is_reported(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_CALLBACK_PATHS", f'["{path}"]')
    assert "callback_paths" in refused().message


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "0"), ("PORT", "65536"), ("PORT", "http"), ("CADDY", "nginx"), ("CALLBACK_TARGET", "path")],
)
def test_a_bad_value_is_reported_with_its_name_and_every_place_to_set_it(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ROUTER_{name}", value)
    error = refused()
    assert f"the setting {name.lower()} cannot be '{value}': " in error.message
    for place in (f"--{name.lower().replace('_', '-')}", f"ROUTER_{name}", str(config_file())):
        assert place in error.hint
    assert error.exit_code == 1


def test_a_bad_flag_is_reported(config: Path) -> None:
    assert "the setting port cannot be 70000" in refused(port=70000).message


def test_an_unknown_setting_in_the_file_is_reported(config: Path) -> None:
    config.write_text("prot = 8001")
    assert "prot" in refused().message


def test_a_file_that_is_not_toml_is_reported_with_its_line(config: Path) -> None:
    config.write_text("a = 1\nport = = 3")
    error = refused()
    assert str(config) in error.message
    assert "line 2" in error.message


def test_a_directory_in_the_place_of_the_file_is_no_bug(config: Path) -> None:
    config.mkdir()
    assert load().port == 8080


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_PORT", "")
    monkeypatch.setenv("ROUTER_STATE_DIR", "")
    assert load() == Settings()


def test_the_state_directory_is_the_same_from_everywhere(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROUTER_STATE_DIR", "my state")
    assert load().state_dir == tmp_path / "my state"
    monkeypatch.delenv("ROUTER_STATE_DIR")
    config.write_text('state_dir = "~/state"')
    assert load().state_dir == tmp_path / "state"


def test_a_home_that_nobody_has_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_STATE_DIR", "~nobody-has-this-name/state")
    assert "no such home" in refused().message


def test_a_dotenv_file_sets_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("ROUTER_PORT=9999")
    assert load().port == 8080


# A repository's


def test_an_empty_router_toml_leaves_web_and_api() -> None:
    specs = read_repository_settings("").specs()
    assert [(s.name, s.env[0]) for s in specs] == [
        ("web", "FRONTEND_PORT"),
        ("api", "BACKEND_PORT"),
    ]


def test_services_are_added_and_changed() -> None:
    specs = read_repository_settings(
        '[services.docs]\nenv = ["DOCS_PORT"]\n[services.api]\npath = "/api/v1.0"\nstrip = true\n[services.web]\nenv=[]'
    ).specs()
    found = {spec.name: spec for spec in specs}
    assert list(found) == ["web", "api", "docs"]
    assert found["docs"].env == ("DOCS_PORT",)
    assert found["api"].env == ("BACKEND_PORT", "API_PORT", "SERVER_PORT")
    assert (found["api"].path, found["api"].strip_path) == ("/api/v1.0", True)
    assert found["web"].env == ()


def test_worktrees_may_have_names_and_ports_and_be_hidden() -> None:
    text = '[worktrees."feature/x"]\nname = "shop"\nports = { web = 4000 }\n[worktrees.y]\nhide = true\n'
    assert read_repository_settings(text).overrides() == {
        "feature/x": Override("shop", False, {"web": 4000}),
        "y": Override(None, True, {}),
    }


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("services = 3", "services: "),
        ("[services.docs]\nenv = 3", "services.docs.env: "),
        ('[services.docs]\nenv = ["A B"]', "services.docs.env.0: "),
        ('[services."a b"]', "services.a b"),
        ("[services.Docs]", "services.Docs"),
        ("[services.a--b]", "services.a--b"),
        ('[services.docs]\npath = "api"', "services.docs.path: "),
        ('[services.docs]\npath = "/api/"', "services.docs.path: "),
        ('[services.docs]\npath = "/"', "services.docs.path: "),
        ('[services.docs]\npath = "/a/../b"', "services.docs.path: "),
        ('[services.docs]\npath = "/.router/relay"', "services.docs.path: "),
        ('[services.docs]\npath = "/{env.HOME}"', "services.docs.path: "),
        ("[services.docs]\ncolour = 1", "services.docs.colour: "),
        ('callback_paths = "/a"', "callback_paths: "),
        ('callback_paths = ["a"]', "callback_paths.0: "),
        ("[worktrees.x]\nname = 3", "worktrees.x.name: "),
        ('[worktrees.x]\nname = ""', "worktrees.x.name: "),
        ("[worktrees.x]\nhide = 3", "worktrees.x.hide: "),
        ("[worktrees.x.ports]\nweb = 80", "worktrees.x.ports.web: "),
        ('[worktrees.x.ports]\nweb = "3000"', "worktrees.x.ports.web: "),
        ("[worktrees.x.ports]\nweb = true", "worktrees.x.ports.web: "),
        ("colour = 1", "colour: "),
        ("a = = 1", "not TOML: "),
        ("a = " + "[" * 9000, "not TOML: it is nested too deeply"),
    ],
)
def test_a_wrong_value_is_reported_with_its_field(text: str, field: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_repository_settings(text)
    assert caught.value.message.startswith(field)


def test_every_wrong_field_is_reported() -> None:
    with pytest.raises(SettingsError, match=r"services: .*; worktrees: "):
        read_repository_settings("services = 3\nworktrees = 4")


def test_a_key_of_ten_thousand_parts_is_refused_before_it_is_read() -> None:
    with pytest.raises(ValueError, match="more than 100 dots"):
        read_toml(".".join("a" * 10_000) + " = 1")


def test_a_comment_may_be_a_line_of_dots() -> None:
    assert read_toml(f"# {'.' * 200}\nport = 3000") == {"port": 3000}


# Ports by strategy, and the environment


def test_a_service_has_a_strategy_and_a_base() -> None:
    text = '[services.web]\nports = "index"\n[services.api]\nports = "free"\nbase = 9000\n[services.docs]\nbase = 1024'
    specs = {spec.name: (spec.ports, spec.base, spec.rule) for spec in read_repository_settings(text).specs()}
    assert specs == {
        "web": ("index", 5173, "index:5173"), "api": ("free", 9000, "free:9000"), "docs": ("hash", None, "hash"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[services.docs]\nports = "index"', 'services: docs with ports = "index" needs a base'),
        ('[services.web]\nports = "random"', "services.web.ports"),
        ('[services.web]\nports = "free"\nbase = 80', "services.web.base"),
        ('[env]\nPATH = "/tmp"', "env.PATH"),
        ('[env]\n"A B" = "x"', "env.A B"),
        ("[env]\nX = [1]", "env.X"),
        ("[env]\nX = true", "env.X"),
        (f'[env]\nX = "{"x" * 5000}"', "env.X"),
        ('env_template = "../x"', "env_template"),
        ("env = 3", "env"),
    ],
)
def test_an_environment_that_cannot_be_is_reported_with_its_place(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_repository_settings(text)
    assert message in caught.value.message


def test_the_environment_is_templates_in_their_order() -> None:
    settings = read_repository_settings('env_template = ".env.tpl"\n[env]\nB = "{{ name }}"\nA = 3')
    assert list(settings.env.items()) == [("B", "{{ name }}"), ("A", "3")]
    assert (settings.env_template, read_repository_settings("").env_template) == (".env.tpl", ".env.agent.template")

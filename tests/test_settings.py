"""The settings of this machine: where they come from, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from router import settings_model
from router.errors import SettingsError
from router.places import config_file
from router.settings import Settings, load


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


def test_only_the_file_names_the_hosts_of_data(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('data_hosts = ["db.internal", "10.0.0.7"]')
    monkeypatch.setenv("ROUTER_DATA_HOSTS", '["evil.example"]')
    assert load().data_hosts == ("db.internal", "10.0.0.7")
    monkeypatch.setenv("ROUTER_DATA_HOSTS", "no JSON")
    assert load().data_hosts == ("db.internal", "10.0.0.7")
    config.write_text('data_hosts = ["https://db.internal/"]')
    assert refused().hint == f"set it in {config}"


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
    assert f"ROUTER_{name} or in {config_file()}" in error.hint
    assert (f"--{name.lower()}, " in error.hint) == (name in {"PORT", "CADDY"})  # the only options of that name
    assert error.exit_code == 1


def test_a_long_or_hostile_value_is_shortened_and_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_UPSTREAM_HOST", "\x1b[31m" + "x" * 5000)
    message = refused().message
    assert message.isprintable()
    assert len(message) < 400


def test_a_bad_flag_is_reported(config: Path) -> None:
    assert "the setting port cannot be 70000" in refused(port=70000).message


@pytest.mark.parametrize("address", ["127.0.0.1:2019", "[::1]:2019", "caddy:2019", "unix//run/caddy/admin.sock"])
def test_an_admin_address_is_a_host_and_port_or_a_socket(address: str) -> None:
    assert load(admin=address).admin == address


@pytest.mark.parametrize("address", ["2019", "http://127.0.0.1:2019", "unix/run/x", "127.0.0.1:", "[::1]", "a b:1"])
def test_any_other_admin_address_is_reported(address: str) -> None:
    assert "an admin address is like 127.0.0.1:2019" in refused(admin=address).message


@pytest.mark.parametrize(
    ("caddy", "host", "upstream", "contained"),
    [
        ("embedded", None, "127.0.0.1", False),
        ("external", None, "host.docker.internal", True),
        ("compose", None, "host.docker.internal", True),
        ("external", "127.0.0.1", "127.0.0.1", False),
        ("external", "localhost", "localhost", False),
        ("external", "192.168.1.5", "192.168.1.5", True),
        ("embedded", "192.168.1.5", "192.168.1.5", False),
    ],
)
def test_a_caddy_elsewhere_reaches_this_machine_by_another_name(
    caddy: str, host: str | None, upstream: str, contained: bool
) -> None:
    settings = load(caddy=caddy, upstream_host=host)
    assert (settings.upstream, settings.contained) == (upstream, contained)


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


@pytest.mark.parametrize(
    ("value", "size"),
    [("52428800", 52428800), ("50MB", 50_000_000), ("50 mb", 50_000_000), ("64MiB", 64 << 20), ("1kB", 1000),
     ("1GiB", 1 << 30), ("2TB", 2 * 10**12), ("7B", 7)],
)  # fmt: skip
def test_a_size_is_bytes_or_has_a_unit(value: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_REAP_MEMORY", value)
    assert load().reap_memory == size


def test_a_size_in_the_file_may_be_a_number_or_a_text(config: Path) -> None:
    config.write_text('reap = "auto"\nreap_memory = 1000')
    assert (load().reap, load().reap_memory) == ("auto", 1000)
    config.write_text('reap_memory = "2MB"')
    assert (load().reap, load().reap_memory) == ("off", 2_000_000)


@pytest.mark.parametrize("value", ["x", "-1", "0", "1e6", "1.5MB", "50MBit", "MB", "9" * 30, "٣MB"])
def test_a_size_that_is_none_is_reported(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_REAP_MEMORY", value)
    assert "the setting reap_memory cannot be " in refused().message


@pytest.mark.parametrize("value", [True, 1.5, []])
def test_a_size_of_another_type_is_reported(value: object) -> None:
    assert "the setting reap_memory cannot be " in refused(reap_memory=value).message


def test_processes_are_only_reaped_where_the_machine_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load().reap, load().reap_memory) == ("off", 50_000_000)
    monkeypatch.setenv("ROUTER_REAP", "auto")
    assert load().reap == "auto"
    monkeypatch.setenv("ROUTER_REAP", "yes")
    assert "'off' or 'auto'" in refused().message


def test_what_router_run_expects_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_EXPECT", "feature-x")
    monkeypatch.setenv("ROUTER_RESOLVE", "*:8080:127.0.0.1")
    assert load() == Settings()


@pytest.mark.parametrize("paths", [[f"/a{n}" for n in range(51)], ["/" + "a" * 1024]])
def test_callback_paths_are_bounded(paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTER_CALLBACK_PATHS", json.dumps(paths))
    assert "at most" in refused().message


USUAL = [
    {}, {"port": "8123"}, {"port": "1", "caddy": "external"}, {"caddy": "compose", "reap": "auto"},
    {"callback_target": "port", "reap": "off"}, {"state_dir": "/s"}, {"state_dir": "s/../t"}, {"state_dir": "~/s"},
    {"port": ""}, {"data_hosts": "no JSON"},
]  # fmt: skip
UNUSUAL = [
    {"port": "08080"}, {"port": " 80"}, {"port": "+80"}, {"access_log": "yes"}, {"admin": "127.0.0.1:2019"},
    {"callback_paths": '["/x"]'}, {"reap_memory": "50MB"}, {"upstream_host": "host"},
    {"editor_url": "cursor://file"},
]  # fmt: skip


@pytest.mark.parametrize("variables", [*USUAL, *UNUSUAL], ids=str)
def test_what_is_written_as_usual_is_read_as_pydantic_reads_it(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"ROUTER_{name.upper()}", value)
    assert load() == Settings(**settings_model.read({}))
    assert load(port=9000) == Settings(**settings_model.read({"port": 9000}))


@pytest.mark.parametrize("variables", USUAL, ids=str)
def test_what_is_written_as_usual_is_read_without_pydantic(variables: dict[str, str]) -> None:
    environ = {**os.environ, **{f"ROUTER_{name.upper()}": value for name, value in variables.items()}}
    code = "import sys; from router.settings import load; load(port=1); sys.exit('pydantic' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], env=environ, check=True)


@pytest.mark.parametrize(("name", "value"), [
    ("port", "0"), ("port", "65536"), ("port", "٣"), ("caddy", "EMBEDDED"), ("reap", "yes"),
    ("callback_target", "Host"), ("editor_url", "javascript:alert(1)//"), ("editor_url", "code"),
])  # fmt: skip
def test_what_cannot_be_is_refused_as_before(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ROUTER_{name.upper()}", value)
    assert refused().message.startswith(f"the setting {name} cannot be ")

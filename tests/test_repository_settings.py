"""What a repository may say in its router.toml, and how much of it counts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from router.errors import FileError, SettingsError
from router.model import Override, SleepRules
from router.repository_settings import load_repository_settings, read_repository_settings
from router.toml_reader import read_toml


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


def woken(text: str) -> set[str]:
    return {spec.name for spec in read_repository_settings(text).specs() if spec.wakes}


def test_a_service_wakes_where_it_says_so_or_all_with_a_start_command_do() -> None:
    both = '[services.web]\nrun = "a"\n[services.api]\nrun = "b"\nneeds = ["web"]\n'
    assert woken(both) == set()
    assert woken(f"{both}wake = true\n") == {"api"}
    assert woken(f"{both}wake = false\n[sleep]\nwake = true\n") == {"web"}
    assert woken("[services.web]\nwake = true\n") == {"web"}
    assert woken("[services.web]\n[sleep]\nwake = true\n") == set()


def test_a_start_takes_a_minute_at_most_where_nothing_else_is_said() -> None:
    assert read_repository_settings("[services.web]\n").services["web"].start_timeout == 60
    text = '[services.web]\nstart_timeout = "2m"\n'
    assert read_repository_settings(text).services["web"].start_timeout == 120


def test_worktrees_may_have_names_and_ports_and_be_hidden() -> None:
    text = '[worktrees."feature/x"]\nname = "shop"\nports = { web = 4000 }\n[worktrees.y]\nhide = true\n'
    assert read_repository_settings(text).overrides() == {
        "feature/x": Override("shop", False, {"web": 4000}),
        "y": Override(None, True, {}),
    }


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", None),
        ("[sleep]\nadopted = true\nwake = true", None),
        ('[sleep]\nafter = "30m"', SleepRules(after=1800)),
        ('[sleep]\npressure = "15%"\ncontainers = true', SleepRules(pressure=0.15, containers=True)),
        ('[sleep]\nafter = 90\npressure = "7 %"\nadopted = true', SleepRules(90, 0.07, adopted=True)),
    ],
)
def test_worktrees_sleep_only_where_it_is_said_when(text: str, rules: SleepRules | None) -> None:
    assert read_repository_settings(text).sleep.rules() == rules


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("services = 3", "services: "),
        ("[services.docs]\nenv = 3", "services.docs.env: "),
        ('[services.docs]\nenv = ["A B"]', "services.docs.env.0: "),
        ('[services.web]\nrun = ""', "services.web.run: "),
        ('[services.web]\nrun = "cd web && npm run dev"', "services.web.run: "),
        ('[services.web]\nrun = ["npm"]', "services.web.run: "),
        ("[services.web]\nwake = 3", "services.web.wake: "),
        ('[services.web]\nstart_timeout = "0s"', "services.web.start_timeout: "),
        ('[services.web]\nstart_timeout = "1h"', "services.web.start_timeout: "),
        ('[services.web]\nneeds = ["api"]\n[services.api]\n', "services: web needs api, which is not another service"),
        ('[services.web]\nrun = "a"\nneeds = ["web"]', "services: web needs web, which is not another service"),
        ("[sleep]\nwake = 3", "sleep.wake: "),
        ('[services."a b"]', "services.a b"),
        ("[services.Docs]", "services.Docs"),
        ("[services.a--b]", "services.a--b"),
        ("sleep = 3", "sleep: "),
        ("[sleep]\nafter = true", "sleep.after: a duration is like"),
        ('[sleep]\nafter = "soon"', "sleep.after: a duration is like"),
        ('[sleep]\nafter = "0s"', "sleep.after: write at least 1s"),
        ("[sleep]\npressure = 15", "sleep.pressure: write the part of the memory"),
        ('[sleep]\npressure = "0%"', "sleep.pressure: write the part of the memory"),
        ('[sleep]\npressure = "101%"', "sleep.pressure: write the part of the memory"),
        ('[sleep]\nadopted = "yes"', "sleep.adopted: "),
        ("[sleep]\nnever = true", "sleep.never: there is no such key"),
        ("names = 3", "names: "),
        ('[names]\nstrip = "agent/"', "names.strip: "),
        ('[names]\nstrip = [""]', "names.strip.0: "),
        ("[names]\nprefix = 1", "names.prefix: "),
        ('[signin]\nmask = "no, never"', "signin.mask: "),
        ("[signin]\nmasks = false", "signin.masks: "),
        (f"[names]\nstrip = {['x'] * 51}", "names.strip: "),
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


# Bounds


def numbered(head: str, count: int, line: str = "") -> str:
    return "".join(f"{head.format(number)}\n{line}\n" for number in range(count))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (numbered("[services.s{}]", 3900), "services has 3900 entries, of which the first 100 count"),
        ("[env]\n" + numbered("V{} = 1", 201), "env has 201 entries, of which the first 200 count"),
        (numbered("[worktrees.w{}]", 501), "worktrees has 501 entries, of which the first 500 count"),
        (f"callback_paths = {[f'/c{n}' for n in range(51)]}", "callback_paths has 51 entries, of which the first 50"),
    ],
    ids=["services", "env", "worktrees", "callback_paths"],
)
def test_of_too_many_entries_the_first_count_and_it_is_reported(text: str, sentence: str) -> None:
    settings = read_repository_settings(f'env_template = ".env.tpl"\n{text}')
    [too_many] = settings.too_many
    assert too_many.startswith(sentence)
    assert settings.env_template == ".env.tpl"


def test_what_is_beyond_the_bound_does_not_count_even_where_it_is_wrong() -> None:
    settings = read_repository_settings(numbered("[services.s{}]", 100) + "[services.WRONG]\n")
    assert [spec.name for spec in settings.specs()] == ["web", "api", *(f"s{n}" for n in range(100))]
    assert settings.too_many


@pytest.mark.parametrize(
    "text",
    [
        numbered("[services.s{}]", 100),
        "[env]\n" + numbered("V{} = 1", 200),
        numbered("[worktrees.w{}]", 500),
        f"callback_paths = {[f'/c{n}' for n in range(50)]}",
    ],
)
def test_up_to_the_bound_everything_counts(text: str) -> None:
    settings = read_repository_settings(text)
    assert settings.too_many == ()
    counts = len(settings.services), len(settings.env), len(settings.worktrees), len(settings.callback_paths)
    assert sorted(counts) in ([0, 0, 0, 100], [0, 0, 0, 200], [0, 0, 0, 500], [0, 0, 0, 50])


def test_nobody_sets_what_there_is_too_much_of() -> None:
    for name in ("too_many", "_too_many"):
        with pytest.raises(SettingsError, match=name):
            read_repository_settings(f'{name} = ["x"]')


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (f"[services.a]\nenv = {[f'V{n}' for n in range(21)]}", "services.a.env: .* at most 20"),
        (f'[services.a]\nenv = ["{"V" * 257}"]', "services.a.env.0: .* at most 256"),
        (f'[services.a]\npath = "/{"a" * 1024}"', "services.a.path: .* at most 1024"),
        (f'callback_paths = ["/{"a" * 1024}"]', "callback_paths.0: .* at most 1024"),
        (f'[worktrees.x]\nname = "{"a" * 257}"', "worktrees.x.name: .* at most 256"),
        ("[worktrees.x.ports]\n" + numbered("s{} = 3000", 101), "worktrees.x.ports: .* at most 100"),
        (f"[setup]\nlink = {[f'd{n}' for n in range(501)]}", "setup.link: .* at most 500"),
        (f'[setup]\ncopy = ["{"a" * 1025}"]', "setup.copy.0: .* at most 1024"),
        (f'[copies]\nglob = "../{"a" * 254}"', "copies.glob: .* at most 256"),
        (f'[env]\n{"V" * 257} = "x"', "env.*: .* at most 256"),
        (f'[env]\nV = "{"x" * 4097}"', "env.V: .* at most 4096"),
    ],
    ids=lambda value: value[:0] if "\n" in value or "=" in value else value.partition(":")[0],
)
def test_a_value_that_is_too_long_is_reported_with_its_bound(text: str, field: str) -> None:
    with pytest.raises(SettingsError, match=field):
        read_repository_settings(text)


def test_of_many_errors_the_first_ten_are_reported() -> None:
    with pytest.raises(SettingsError) as caught:
        read_repository_settings(numbered("[worktrees.w{}]", 400, "hide = 3"))
    assert caught.value.message.count("worktrees.w") == 10
    assert caught.value.message.endswith("; and 390 more")


# The file


def test_a_main_checkout_without_a_router_toml_has_the_defaults(tmp_path: Path) -> None:
    assert load_repository_settings(tmp_path) == read_repository_settings("")


def test_a_router_toml_may_be_a_link_and_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "shared.toml").write_bytes(b'\xef\xbb\xbfenv_template = "x"')
    (tmp_path / "router.toml").symlink_to("shared.toml")
    assert load_repository_settings(tmp_path).env_template == "x"


def test_a_router_toml_that_is_not_utf_8_is_reported(tmp_path: Path) -> None:
    (tmp_path / "router.toml").write_bytes(b"# \xff\n")
    with pytest.raises(SettingsError, match="it is not UTF-8"):
        load_repository_settings(tmp_path)


@pytest.mark.parametrize("kind", ["fifo", "directory", "large"])
def test_what_is_no_router_toml_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "router.toml"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.write_text("#" * 65_537)
    with pytest.raises(FileError, match=r"router\.toml cannot be read: it is (not a regular file|larger than 64 KiB)"):
        load_repository_settings(tmp_path)


def test_reading_it_takes_no_more_than_pydantic() -> None:
    code = "import sys; from router import repository_settings; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"pydantic_settings", "asyncio"} & set(done.stdout.split()) == set()

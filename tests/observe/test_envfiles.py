"""Env and mise files as people, tools and agents write them."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.blocks import with_block
from router.model import DEFAULT_SERVICES, Problem, ServiceSpec
from router.observe.dotenv import bindings
from router.observe.envfiles import DOTENV, FILES, declarations, text, values, watched

WEB = (ServiceSpec("web", ("FRONTEND_PORT", "PORT")),)


def read(root: Path) -> list[tuple[str, str, int | None]]:
    """Return source, text and port of each declaration of web, strongest first."""
    found, _ = declarations(root, WEB)
    return [(d.source, d.text, d.port) for d in found]


def texts(root: Path) -> list[str]:
    return [value for _, value, _ in read(root)]


def wrong(root: Path) -> list[Problem]:
    return list(declarations(root, WEB)[1])


def test_without_files_nothing_is_declared(tmp_path: Path) -> None:
    assert declarations(tmp_path, WEB) == ((), ())


def test_each_file_has_its_place(tmp_path: Path) -> None:
    for number, name in enumerate(FILES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"PORT={3000 + number}" if name in DOTENV else f"[env]\nPORT = {3000 + number}")
    assert [(source.partition(":")[2], port) for source, _, port in read(tmp_path)] == [
        (name, 3000 + number) for number, name in enumerate(FILES)
    ]
    assert [source.partition(":")[0] for source, _, _ in read(tmp_path)] == [*["mise"] * 7, *["env"] * 4, *["mise"] * 7]


def test_a_stronger_file_counts_before_a_stronger_variable(tmp_path: Path) -> None:
    (tmp_path / ".env.local").write_text("PORT=3000")
    (tmp_path / ".env").write_text("FRONTEND_PORT=4000")
    assert texts(tmp_path) == ["3000", "4000"]


def test_within_a_file_the_stronger_variable_counts(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=3000\nFRONTEND_PORT=4000")
    assert texts(tmp_path) == ["4000", "3000"]


def test_each_service_has_its_own_variables(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_PORT=4000\nDATABASE_URL=postgres://secret")
    found, _ = declarations(tmp_path, DEFAULT_SERVICES)
    assert [(d.service, d.variable, d.text) for d in found] == [("api", "API_PORT", "4000")]


def test_files_of_directories_above_do_not_count(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=3000")
    (tmp_path / "nested").mkdir()
    assert read(tmp_path / "nested") == []


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("PORT=3000", "3000"),
        ("export PORT=3000", "3000"),
        ("  PORT = 3000  ", "3000"),
        ('PORT="3000"', "3000"),
        ("PORT='3000'", "3000"),
        ("PORT=3000 # the shop", "3000"),
        ("PORT=3000#no comment", "3000#no comment"),
        ("PORT=3000\r\nA=1\r\n", "3000"),
        ("\ufeffPORT=3000", "3000"),
        ("PORT=2000\nPORT=3000", "3000"),
        ("PORT=", ""),
        ("PORT=${OTHER}", ""),
        ("PORT=$(touch executed)", "$(touch executed)"),
        ("PORT=`touch executed`", "touch executed"),
        ("PORT=`3000`", "3000"),
    ],
)
def test_a_line_of_an_env_file_is_text(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / ".env").write_bytes(line.encode())
    assert texts(tmp_path) == [value]
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("line", ["PORT", "# PORT=3000", "#PORT=3000", "PORTS=3000", "port=3000", ""])
def test_other_lines_declare_nothing(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(line)
    assert declarations(tmp_path, WEB) == ((), ())


def test_a_bad_line_is_named_and_the_others_count(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n\nthis is = not 'a line\nPORT=3000\n")
    assert texts(tmp_path) == ["3000"]
    [problem] = wrong(tmp_path)
    assert problem.kind == "unreadable-file"
    assert f"{tmp_path}/.env: line 3" in problem.message
    assert "the rest counts" in problem.hint


def test_of_many_bad_lines_the_first_is_named_and_the_others_counted(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=3000\n" + "= no\n" * 10_000)
    [problem] = wrong(tmp_path)
    assert "line 2 (and 9999 more)" in problem.message


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("PORT = 3000", "3000"),
        ('PORT = "3000"', "3000"),
        ("PORT = { value = 3000, redact = true }", "3000"),
        ('[env.PORT]\nvalue = "3000"', "3000"),
        ("PORT = 3000.5", "3000.5"),
        ("PORT = [3000]", "[3000]"),
        ("PORT = true", "true"),
    ],
)
def test_a_value_of_a_mise_file_is_text(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / "mise.toml").write_text(line if line.startswith("[") else f"[env]\n{line}")
    assert texts(tmp_path) == [value]
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "content",
    [
        "[env]\nPORT = false",
        "[env]\nPORT = { required = true }",
        "[tools]\nPORT = 3000",
        "PORT = 3000",
        "",
    ],
)
def test_what_mise_would_not_export_declares_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "mise.toml").write_text(content)
    assert declarations(tmp_path, WEB) == ((), ())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('[env]\n_.source = "./env.sh"', "it takes its values from ./env.sh, which is not run"),
        ('[env]\n_.source = ["./env.sh", "./b.sh"]\nA = "{{ env.X }}"', "it takes its values from ./env.sh"),
        (
            '[env]\nPORT = "{{ env.X }}"\nFRONTEND_PORT = "{% if x %}1{% endif %}"',
            "PORT, FRONTEND_PORT would have to",
        ),
        ("""[env]\nPORT = "{{ exec(command='touch executed') }}\"""", "PORT would have to be computed"),
    ],
)
def test_what_would_have_to_be_run_is_said_once_and_not_run(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "mise.toml").write_text(content)
    (tmp_path / "env.sh").write_text(f"touch {tmp_path}/executed; export PORT=3000")
    [problem] = wrong(tmp_path)
    assert reason in problem.message.partition(": ")[2]
    assert read(tmp_path) == []
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("PORT = = 3", "line 1"),
        ("[env\n", "line 1"),
        ("env = 3", "[env] is not a table"),
        (f"[env]\nPORT = {'9' * 5000}", "4300"),
        ("[env]\nA = 1\nA = 2\nB = 3", "line 3"),
        (f"a = {'[' * 20_000}", "nested"),
        (f"a = {'{a=' * 10_000}", "nested"),
        ("a." * 20_000 + "a = 1", "dots"),
    ],
)
def test_a_mise_file_that_is_none_is_named(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "mise.toml").write_text(content)
    assert read(tmp_path) == []
    [problem] = wrong(tmp_path)
    assert str(tmp_path / "mise.toml") in problem.message
    assert reason in problem.message
    assert problem.message.isprintable()


def test_one_bad_file_leaves_the_others_alone(tmp_path: Path) -> None:
    (tmp_path / ".mise.local.toml").write_text("not toml")
    (tmp_path / ".env").write_text("PORT=3000")
    assert texts(tmp_path) == ["3000"]
    assert len(wrong(tmp_path)) == 1


@pytest.mark.parametrize("name", [".env", "mise.toml"])
def test_a_directory_in_its_place_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    [problem] = wrong(tmp_path)
    assert "not a regular file" in problem.message


@pytest.mark.parametrize("name", [".env", "mise.toml"])
def test_a_fifo_in_its_place_holds_nobody_up(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    [problem] = wrong(tmp_path)
    assert "not a regular file" in problem.message


@pytest.mark.parametrize("name", [".env", "mise.toml"])
def test_a_file_of_two_megabytes_is_no_env_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("# x\n" * 500_000)
    [problem] = wrong(tmp_path)
    assert "larger than 64 KiB" in problem.message


@pytest.mark.parametrize("name", [".env", "mise.toml"])
def test_a_file_in_another_encoding_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"# caf\xe9\nPORT=3000\n")
    [problem] = wrong(tmp_path)
    assert "not UTF-8" in problem.message


def test_a_link_that_leads_to_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(".env")
    assert len(wrong(tmp_path)) == 1


def test_a_link_that_leads_nowhere_is_no_file(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to("nowhere")
    assert wrong(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").touch(mode=0)
    [problem] = wrong(tmp_path)
    assert "Permission denied" in problem.message


def test_a_path_that_cannot_be_shown_is_encoded(tmp_path: Path) -> None:
    root = tmp_path / "new\nline\x1b[31m"
    (root / ".env").mkdir(parents=True)
    [problem] = wrong(root)
    assert "new%0Aline%1B[31m" in problem.message


@pytest.mark.parametrize(
    "line", ["a\n", "A='\n", 'A="', "A=\\'", "export ", "\n", 'A="\\', "a.b = 1\n", "[[a]]\n", "="]
)
@pytest.mark.parametrize("name", [".env", "mise.toml"])
def test_no_file_takes_the_pass_hostage(tmp_path: Path, name: str, line: str) -> None:
    (tmp_path / name).write_text(line * (60_000 // len(line)))
    started = time.process_time()
    declarations(tmp_path, WEB)
    assert time.process_time() - started < 5


@given(st.binary(max_size=200) | st.text(st.sampled_from("PORT=[]{}\"'\\\n .#$env_3")).map(str.encode))
def test_no_content_upsets_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    root = tmp_path_factory.getbasetemp()
    for name in (".env", "mise.toml"):
        (root / name).write_bytes(content)
    found, problems = declarations(root, WEB)
    assert all(d.port is None or 1024 <= d.port <= 65535 for d in found)
    assert all(p.message.isprintable() for p in problems)


def test_text_of_no_file_is_none(tmp_path: Path) -> None:
    assert text(tmp_path / "nothing") is None


# The router's own block


@pytest.mark.parametrize(("name", "mine", "block"), [
    (".env.local", "PORT=1024\n", "PORT=4001\n"),
    (".mise.local.toml", "[env]\nPORT = 1024\n", "BACKEND_PORT = \"4001\"\n"),
])  # fmt: skip
def test_what_the_router_wrote_declares_nothing(tmp_path: Path, name: str, mine: str, block: str) -> None:
    (tmp_path / name).write_text(with_block(mine, block, maker="router env --write"))
    assert [port for _, _, port in read(tmp_path)] == [1024]


def test_a_bad_line_behind_the_block_keeps_its_number(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(with_block("A=1\n", "PORT=4001\n", maker="x") + "bad line = x\n")
    assert "line 5 is not KEY=value" in wrong(tmp_path)[0].message


def test_a_torn_block_is_the_files_own(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(with_block("", "PORT=4001\n", maker="x").rpartition("# <<<")[0])
    assert [port for _, _, port in read(tmp_path)] == [4001]


def test_every_value_is_there_with_its_file_strongest_first_and_the_block_too(tmp_path: Path) -> None:
    (tmp_path / ".env.local").write_text(with_block("A=1\n", "B=2\n", maker="x"))
    (tmp_path / ".env").write_text("A=3\n")
    (tmp_path / "mise.toml").write_text("[env]\nC = 4\n")
    assert list(values(tmp_path)) == [
        ("A", "1", ".env.local"), ("B", "2", ".env.local"), ("A", "3", ".env"), ("C", "4", "mise.toml"),
    ]  # fmt: skip


def test_bindings_have_their_lines() -> None:
    assert bindings("# c\nexport A='x y'\n\nB=\nC\n") == [("A", "x y", 2), ("B", "", 4), ("C", "", 5)]


def test_a_line_that_binds_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 3"):
        bindings("A=1\n\nbad line = x\n")


def test_what_was_read_last_stands_where_the_system_fails_to_read_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=3000")
    (tmp_path / ".env.local").write_text("PORT=4000")
    before, _ = declarations(tmp_path, WEB)
    (tmp_path / ".env.local").unlink()
    (tmp_path / ".env.local").symlink_to(".env.local")  # ELOOP: as good as a disk that fails
    found, [problem] = declarations(tmp_path, WEB, before=before)
    assert found == before
    assert str(tmp_path / ".env.local") in problem.message
    assert "what it said before counts" in problem.hint
    assert [each.port for each in declarations(tmp_path, WEB)[0]] == [3000]


def test_a_file_that_is_in_many_worktrees_is_parsed_once(tmp_path: Path) -> None:
    text = "A=\n" * 20_000
    places = [tmp_path / str(number) for number in range(20)]
    for place in places:
        place.mkdir()
        (place / ".env").write_text(f"PORT=3000\n{text}")
    began = time.process_time()
    assert {declarations(place, WEB)[0][0].port for place in places} == {3000}
    assert time.process_time() - began < 3  # each takes some 0.3 s


def test_a_file_is_watched_where_its_directory_is_and_the_directory_where_it_may_come(tmp_path: Path) -> None:
    before = watched(tmp_path)
    assert {"mise.toml", ".env", ".config/", "mise/"} <= {*before}
    assert not {".config/mise/", ".config/mise/config.toml", "mise/config.toml"} & {*before}
    (tmp_path / ".config" / "mise").mkdir(parents=True)
    assert {".config/mise/", ".config/mise/config.toml", ".config/mise.toml"} <= {*watched(tmp_path)}


def test_what_the_routers_block_sets_otherwise_hides_a_weaker_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=3000")
    (tmp_path / ".env.local").write_text(with_block("", "PORT=4001\n", maker="router env --write"))
    assert read(tmp_path) == []
    (tmp_path / ".env.local").write_text(with_block("", "PORT=3000\n", maker="router env --write"))
    assert read(tmp_path) == [("env:.env", "3000", 3000)]

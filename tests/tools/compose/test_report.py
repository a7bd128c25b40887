"""What would collide between two stacks, as `router init compose` tells it, and what odd files do to it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import FileError
from router.repository_settings import RepositorySettings
from router.tools.compose.document import parsed
from router.tools.compose.interpolation import Variables
from router.tools.compose.report import found, report
from router.tools.compose.stack import load, stacks

STACK = """\
services:
  web:
    ports:
      - "127.0.0.1:8080:80"
      - "8081:81/udp"
  db:
    container_name: acme-db
    ports: ["${DB_PORT:-5432}:5432"]
"""


def told(root: Path, **files: str) -> tuple[str, tuple[str, ...]]:
    for name, text in files.items():
        (root / f"{name}.yaml").write_text(text)
    return report(root, root, [f"{name}.yaml" for name in files])


def test_it_says_what_to_write_where_and_what_into_router_toml(tmp_path: Path) -> None:
    assert told(tmp_path, compose=STACK) == (
        """\
compose.yaml:4: web: port 8080 of the machine
    - "127.0.0.1:${FRONTEND_PORT:-8080}:80"
compose.yaml:5: web: port 8081 of the machine
    - "${WEB_81_PORT:-8081}:81/udp"
compose.yaml:7: db: the container is always called acme-db
    leave container_name out: Compose calls it PROJECT-SERVICE-1
compose.yaml:8: db: port 5432 of the machine, as nothing sets DB_PORT for each worktree
router.toml, so that these have another value in each worktree:
    [env]
    WEB_81_PORT = "{{ hash_port('web-81-port-' ~ name) }}"
    DB_PORT = "{{ hash_port('db-port-' ~ name) }}"
""",
        (),
    )


def test_a_stack_without_collisions_is_said_to_have_none(tmp_path: Path) -> None:
    assert told(tmp_path, compose="services: {}\n") == ("", ("compose: nothing in compose.yaml would collide",))
    assert report(tmp_path, tmp_path, ()) == ("", ("compose: this checkout has no Compose file",))


def test_a_broken_file_is_named_and_stops_no_other(tmp_path: Path) -> None:
    text, notes = told(tmp_path, compose="a: [\n", other=STACK)
    assert text.startswith("other.yaml:4: ")
    assert notes[0].startswith("compose: compose.yaml: it is not one YAML document (line 2")


def test_a_stack_of_very_many_files_is_read_in_part(tmp_path: Path) -> None:
    many = {f"part{n}": "services: {}\n" for n in range(60)}
    included = "include: [" + ", ".join(f"{name}.yaml" for name in many) + "]\n"
    _, notes = told(tmp_path, compose=included, **many)
    assert "compose: part49.yaml was not looked at: a stack has at most 50 files here" in notes


@pytest.mark.parametrize("text", ["a: [", "a: 1\n---\nb: 1\n", "\t- x", "a: *gone\n", "[" * 1000])
def test_what_is_not_one_yaml_document_is_an_error(text: str) -> None:
    with pytest.raises(FileError, match="not one YAML document"):
        parsed(text, file="compose.yaml")


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", "services:\n", "services: []\n", "- a\n", "x: &a {<<: *a}\n", "include: {a: b}\n",
     "services: {a: {extends: []}, b: null, c: {extends: {}}}\n", "services:\n  ? [a]\n  : {container_name: x}\n"],
)  # fmt: skip
def test_odd_files_have_no_collisions(text: str) -> None:
    stack = load("compose.yaml", {"compose.yaml"}, lambda _: text)
    assert found(stack, Path("/nowhere"), RepositorySettings()) == ()


@given(st.text(alphabet="services:webports- \n&*a<[]{}\"'$0123456789\t!", max_size=80))
def test_no_text_upsets_it(text: str) -> None:
    for stack in stacks(["compose.yaml"], lambda _: f"services:\n  web:\n    ports:\n      - {text}"):
        assert all(each.line >= 1 for each in found(stack, Path("/nowhere"), RepositorySettings()))


@given(st.text(alphabet="${}AB:-?+x", max_size=40))
def test_no_reference_upsets_it(text: str) -> None:
    value = Variables(frozenset({"A"}), {"B": "b"}).value(text)
    assert "$" in text or value.text == text

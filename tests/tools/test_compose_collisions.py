"""What two worktrees' Compose stacks cannot both have, with its line and how it is written instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import FileError
from router.tools.compose_collisions import Collision, collisions

STACK = """\
name: shop
services:
  web:
    image: nginx
    container_name: shop-web
    ports:
      - "8080:80"
      - 127.0.0.1:8443:443/tcp
      - "80"
      - "${WEB_PORT:-8081}:81"
      - "[::1]:9000-9001:9000-9001"
  db:
    ports:
      - target: 5432
        published: 5432
      - {target: 1, published: "0"}
      - {target: 1, published: "${DB_PORT}"}
  probe:
    network_mode: host
volumes:
  data:
    external: true
  cache:
    name: shop-cache
  plain:
networks:
  front:
    name: shared
    external: true
  back:
    name: ${COMPOSE_PROJECT_NAME}_back
  inner:
    external: false
"""


def lines(text: str) -> list[int]:
    return [found.line for found in collisions(text)]


def test_what_collides_is_found_with_its_line_and_nothing_else() -> None:
    assert lines(STACK) == [1, 5, 7, 8, 11, 15, 19, 22, 24, 29]


def test_a_port_is_written_with_the_variable_that_router_env_gives() -> None:
    found = {c.line: c.instead for c in collisions(STACK)}
    assert found[7] == '- "${FRONTEND_PORT:-8080}:80"'
    assert found[8] == '- "127.0.0.1:${FRONTEND_PORT:-8443}:443/tcp"'
    assert found[11] == '- "[::1]:${FRONTEND_PORT:-9000-9001}:9000-9001"'
    assert found[15] == 'published: "${DB_PORT:-5432}"'


def test_a_project_s_name_is_left_to_the_environment() -> None:
    assert collisions("name: shop\n") == (
        Collision(1, "the project is always called shop",
                  "name: ${COMPOSE_PROJECT_NAME:-shop}   # or no name, and `router run -- docker compose …`"),
    )  # fmt: skip
    assert collisions("name: ${COMPOSE_PROJECT_NAME:-shop}\n") == ()


def test_what_an_alias_or_a_merge_brings_counts() -> None:
    text = "x-base: &base\n  container_name: one\nservices:\n  a:\n    <<: *base\n  b:\n    <<: [*base]\n"
    assert [c.what.partition(":")[0] for c in collisions(text)] == ["a", "b"]


def test_times_in_old_yaml_are_ports_here() -> None:
    found = collisions("services:\n  ssh:\n    ports:\n      - 22:22\n")
    assert [c.what for c in found] == ["ssh: port 22 of the machine"]


def test_a_dollar_that_stands_for_itself_is_no_variable() -> None:
    assert lines("services:\n  a:\n    container_name: a$$b\n") == [3]


@pytest.mark.parametrize("text", ["", "# nothing\n", "services:\n", "services: []\n", "- a\n", "x: &a {<<: *a}\n"])
def test_a_file_without_a_stack_has_none(text: str) -> None:
    assert collisions(text) == ()


@pytest.mark.parametrize("text", ["a: [", "a: 1\n---\nb: 1\n", "\t- x", "a: *gone\n", "[" * 1000])
def test_what_is_not_one_yaml_document_is_an_error(text: str) -> None:
    with pytest.raises(FileError, match="not one YAML document"):
        collisions(text)


def test_a_key_that_is_no_word_is_passed_over() -> None:
    assert collisions("services:\n  ? [a]\n  : {container_name: x}\n  1:\n    ports: ['1:1']\n") == (
        Collision(5, "1: port 1 of the machine", '- "${_1_PORT:-1}:1"'),
    )


@given(st.text(alphabet="services:webports- \n&*a<[]{}\"'$0123456789\t", max_size=80))
def test_no_text_upsets_it(text: str) -> None:
    try:
        found = collisions(f"services:\n  web:\n    ports:\n      - {text}")
    except FileError:
        return
    assert all(c.line >= 1 for c in found)

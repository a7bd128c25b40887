"""Templates: what they may say, and that nothing else gets through."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.env.templates import filled, substituted
from router.env.values import ServiceValue
from router.errors import TemplateValueError
from router.ports import hash_port

NAMES = {
    "DATABASE_NAME": "shop_feature_x", "name": "feature-x", "branch": "feature/x", "index": 3, "main": False,
    "hash_port": lambda text: hash_port(str(text)),
    "service": lambda name: ServiceValue(f"http://{name}.x.localhost:8080", f"{name}.x.localhost", 4000),
}  # fmt: skip


def wrong(text: str) -> TemplateValueError:
    with pytest.raises(TemplateValueError) as caught:
        filled(text, NAMES)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("postgres://demo@localhost/{{ DATABASE_NAME }}", "postgres://demo@localhost/shop_feature_x"),
        ("{{ 8000 + index }}", "8003"),
        ("{{ (index * 10 - 1) // 2 % 7 }}", "0"),
        ("{{ hash_port('db-' ~ name) }}", str(hash_port("db-feature-x"))),
        ("{{ ('db-' ~ name) | hash_port }}", str(hash_port("db-feature-x"))),
        ("{{ service('api').url }} {{ service('api').port }} {{ service('api').host }}",
         "http://api.x.localhost:8080 4000 api.x.localhost"),
        ("{{ service('api') }}", "http://api.x.localhost:8080"),
        ("{{ branch | sanitize }} {{ branch | sanitize_db }} {{ branch | hash }}", "feature-x feature_x_x2d x2d"),
        ("{{ branch | replace('/', '_') | upper }}", "FEATURE_X"),
        ("{{ nothing | default('else') }}{{ '4' | int + 1 }}", "else5"),
        ("{{ 'a' if main else 'b' }}{% if index > 2 %}c{% endif %}", "bc"),
        ("two\nlines\n", "two\nlines\n"),
        ("{# nothing #}{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ],
)  # fmt: skip
def test_a_template_is_filled_in(text: str, value: str) -> None:
    assert filled(text, NAMES) == value


def test_an_undefined_name_is_reported_with_its_line() -> None:
    error = wrong("one\n{{ name }}\n{{ DATABASE_NAM }}")
    assert (error.message, error.line) == ("'DATABASE_NAM' is undefined", 3)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("\n{{ name", 2, "unexpected end of template"),
        ("\n\n{{ 1 + name }}", 3, "takes numbers"),
        ("{{ 1 // 0 }}", 1, "by zero"),
        ("{{ 'x' | int }}", 1, "invalid literal"),
        ("{{ name | shout }}", 1, "no filter 'shout'"),
        ("{{ hash_port }}", 1, "hash_port is called"),
        ("{{ hash_port() }}", 1, "missing"),
    ],
)
def test_what_cannot_be_filled_in_is_reported_with_its_line(text: str, line: int, message: str) -> None:
    error = wrong(text)
    assert error.line == line
    assert message in error.message


@pytest.mark.parametrize(
    "text",
    [
        "{{ name.__class__ }}", "{{ name.__class__.__mro__[1].__subclasses__() }}", "{{ ''.join }}",
        "{{ name | attr('upper') }}",
        "{{ service('api').__class__ }}", "{{ service('api').url.upper() }}", "{{ hash_port.__globals__ }}",
        "{{ service.__globals__ }}", "{{ self }}", "{{ cycler }}", "{{ lipsum() }}", "{{ name[0] }}", "{{ name['x'] }}",
        "{{ 'x' * 10**9 }}", "{{ 'x' * 1000000000 }}", "{{ 9 ** 9 ** 9 }}", "{{ '%1000000000d' % 1 }}",
        "{{ range(9) }}",
        "{% for x in name %}{% endfor %}", "{% set x = name %}", "{% macro f() %}{{ f() }}{% endmacro %}",
        "{% include 'x' %}", "{% import 'x' as x %}", "{% extends 'x' %}", "{% filter upper %}x{% endfilter %}",
        "{{ [1] }}", "{{ {'a': 1} }}", "{{ (1, 2) }}", "{{ hash_port(*name) }}", "{{ hash_port(**name) }}",
        "{{ hash_port(text='x') }}", "{{ name() }}", "{{ caller() }}", "{{ name | map('upper') }}",
        "{{ 'a' is lower }}",
        "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}", "{{ " + "not " * 900 + "1 }}", "{{ " + "-" * 2000 + "1 }}",
        "{{ " + "1 + " * 900 + "1 }}", "{{ 'x' }}" * 600, "x" * 5000,
        "{{ name " + "| replace('e', 'eeeeeeeeeeeeeeee') " * 12 + "}}",
        "{{ 'x' | replace('', name) }}" * 30 + "{{ 1/0 }}",
    ],
)  # fmt: skip
def test_what_could_do_more_than_fill_in_is_refused_at_once(text: str) -> None:
    began = time.thread_time()
    wrong(text)
    assert time.thread_time() - began < 2  # of the processor: what is not refused takes minutes


@given(st.text(alphabet="{}%# ~|()'+*-/.,x1\n_ainmedf", max_size=60))
def test_any_template_gives_a_text_or_a_template_error(text: str) -> None:
    try:
        length = len(filled(text, NAMES))
    except TemplateValueError as exc:
        length = -exc.line
    assert length <= 4096


# $NAME

VALUES = {"NAME": "x", "NAME2": "y z", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$NAME", "x"), ("${NAME}2", "x2"), ("$NAME2-$EMPTY-", "y z--"), ("$$NAME", "$NAME"), ("$", "$"),
        ("$1 $(x)", "$1 $(x)"),
        ("${NAME", "${NAME"), ("${NAME:-d}", "${NAME:-d}"), ("a$NAME", "ax"),
    ],
)  # fmt: skip
def test_names_are_substituted_and_nothing_else(text: str, value: str) -> None:
    assert substituted(text, VALUES) == value


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError, match=re.escape("OTHER")):
        substituted("$OTHER", VALUES)

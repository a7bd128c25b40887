"""What Django accepts, compared with Django's own check of hosts."""

import pytest
from django.http.request import validate_host
from hypothesis import given
from hypothesis import strategies as st

from router.doctor.frameworks import django
from router.doctor.frameworks.django_values import Unknown
from router.doctor.frameworks.framework import ONE_LABEL, TWO_LABELS

PATTERNS = [
    "",
    ".",
    "*",
    "*.localhost",
    ".localhost",
    ".LOCALHOST",
    "localhost",
    ".test",
    ".a.localhost",
    "a.localhost",
]


@given(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3))
def test_a_list_is_judged_as_django_judges_it(hosts: list[str]) -> None:
    theirs = all(validate_host(host, hosts) for host in (*ONE_LABEL, *TWO_LABELS))
    assert django.accepts(tuple(hosts), debug=True) is theirs


@given(st.lists(st.sampled_from(PATTERNS), max_size=2))
def test_what_is_not_known_is_nobodys_loss(hosts: list[str]) -> None:
    theirs = bool(hosts) and all(validate_host(host, hosts) for host in (*ONE_LABEL, *TWO_LABELS))
    assert django.accepts((*hosts, Unknown("is computed")), debug=True) is (True if theirs else None)


@pytest.mark.parametrize(("debug", "accepted"), [(True, True), (False, False), (Unknown("is computed"), None)])
def test_an_empty_list_depends_on_debug(debug: object, accepted: bool | None) -> None:
    assert django.accepts((), debug) is accepted


@pytest.mark.parametrize(
    "settings",
    ["SECRET_KEY = 'x'\n", "ALLOWED_HOSTS = ['a']\n", "ALLOWED_HOSTS = ('a', 'b')\n", "ALLOWED_HOSTS = []\n"],
)
def test_the_line_runs_where_it_is_pasted_and_helps(settings: str) -> None:
    def lacking(text: str) -> str:
        [found] = django.frameworks({"manage.py": '("DJANGO_SETTINGS_MODULE", "shop")', "shop.py": text})
        return found.line

    names: dict[str, list[str]] = {}
    exec(settings + lacking(settings), names)  # noqa: S102 - what a developer would run
    assert validate_host("api.feature-x.localhost", names["ALLOWED_HOSTS"])
    assert lacking(f"{settings}{lacking(settings)}\n") == ""


def test_what_python_warns_of_in_settings_is_not_our_concern(recwarn: pytest.WarningsRecorder) -> None:
    files = {"manage.py": '("DJANGO_SETTINGS_MODULE", "shop")', "shop.py": "DEBUG = True\nX = '\\d'\n"}
    assert [found.unsure for found in django.frameworks(files)] == [""]
    assert not recwarn.list

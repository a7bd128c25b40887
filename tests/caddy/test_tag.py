"""The grammar of the tag, and that it is written down in one place."""

import re
from pathlib import Path

import pytest

from router.caddy import assets, tag
from router.naming import host_forms

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("state", "parts"),
    [
        ("WT1.main.a.b|c", ("main", "a.b|c")),
        ("WT1.main--api.a", ("main--api", "a")),
        ("WT1.main---api.a", ("main---api", "a")),
        ("main.nonce", None),
        ("WT1.main", None),
        ("WT1.main.", None),
        ("WT1.-main.a", None),
        ("WT1.main----api.a", None),
        ("WT1.Main.a", None),
        ("WT1.main.\n", None),
        ("xWT1.main.a", None),
    ],
)
def test_a_tag_is_a_host_and_the_apps_own_state(state: str, parts: tuple[str, str] | None) -> None:
    assert tag.split(state) == parts


@pytest.mark.parametrize("service", ["web", "api"])
def test_what_is_written_for_a_host_is_read_as_that_host(service: str) -> None:
    for form in host_forms(service):
        written = tag.written(form.tag_of("feature-x"))
        assert tag.split(f"{written}state") == (form.tag_of("feature-x"), "state")
        assert re.fullmatch(tag.ANY, written)


def test_no_template_and_no_page_has_the_grammar_itself() -> None:
    texts = {**assets.templates(), **{page.name: page.read_text() for page in assets.pages().iterdir()}}
    assert not [name for name, text in texts.items() if "WT1" in text]

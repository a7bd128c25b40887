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
        ("WT1.main.a.b|c", ("main", "", "a.b|c")),
        ("WT1.main--api.a", ("main--api", "", "a")),
        ("WT1.main---api.a", ("main---api", "", "a")),
        ("WT1.main,complete,oidc,.a.b", ("main", "/complete/oidc", "a.b")),
        ("WT1.main--api,complete,,.a,.b", ("main--api", "/complete/", "a,.b")),
        ("WT1.main,a.b~c-d,.e", ("main", "/a.b~c-d", "e")),
        ("WT1.main,,signed,out,.a.b", ("main", "/signed/out", "a.b", True)),
        ("WT1.main--api,,signed-out,,.a", ("main--api", "/signed-out/", "a", True)),
        ("WT1.main,,signed-out,.", ("main", "/signed-out", "", True)),
        ("WT1.main,,,.a", ("main", "/", "a", True)),
        ("WT1.main,,,.", ("main", "/", "", True)),
        ("WT1.main,,,,.a", None),
        ("WT1.main,,..,.a", None),
        ("WT1.main,complete,.", None),
        ("WT1.main,.a", None),
        ("WT1.main,,.a", None),
        ("WT1.main,..,a,.b", None),
        ("WT1.main,a,,b,.c", None),
        ("WT1.main,a.b", None),
        ("WT1.main,a b,.c", None),
        ("WT1.main/a/.b", None),
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
def test_a_tag_is_a_host_with_a_path_and_the_apps_own_state(
    state: str, parts: tuple[str, str, str, bool] | tuple[str, str, str] | None
) -> None:
    assert tag.split(state) == (parts and tag.Tagged(*parts))


@pytest.mark.parametrize("service", ["web", "api"])
@pytest.mark.parametrize(("path", "ends"), [
    ("", False), ("/complete", False), ("/complete/oidc.php/", False), ("/", True), ("/complete", True),
    ("/a/b/", True),
])  # fmt: skip
def test_what_is_written_for_a_host_is_read_as_that_host(service: str, path: str, *, ends: bool) -> None:
    for form in host_forms(service):
        written = tag.written(form.tag_of("feature-x"), path, ends=ends)
        assert tag.split(f"{written}state") == tag.Tagged(form.tag_of("feature-x"), path, "state", ends)
        for sent in (written, written.replace(",", "%2C"), written.replace(",", "%2c")):
            assert re.fullmatch(tag.ANY, sent)
            assert bool(re.fullmatch(tag.WITH_PATH, sent)) == bool(path)
            assert bool(re.fullmatch(tag.OUT_OF, sent)) == ends
            assert bool(re.fullmatch(tag.PATH_OF, sent)) == (bool(path) and not ends)


def test_no_template_and_no_page_has_the_grammar_itself() -> None:
    texts = {**assets.templates(), **{page.name: page.read_text() for page in assets.pages().iterdir()}}
    assert not [name for name, text in texts.items() if "WT1" in text]

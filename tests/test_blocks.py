"""A marked block in somebody else's text: everything around it stays, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.blocks import END, HTML, parts, with_block, without_block
from router.errors import BlockError

text = st.text(alphabet="ab#=\r\n\x0b\x85 é\udcff", max_size=60)


def test_a_text_without_a_block_gets_one_at_its_end() -> None:
    made = with_block("A=1", "PORT=1\n", maker="router env --write")
    assert made.startswith("A=1\n# >>> worktree-router >>> written by `router env --write`;")
    assert made.endswith(f"\nPORT=1\n{END}\n")


def test_a_block_is_replaced_where_it_stands() -> None:
    made = with_block("A=1\n", "PORT=1\n", maker="x") + "B=2"
    again = with_block(made, "PORT=2\n", maker="x")
    assert again == made.replace("PORT=1", "PORT=2")


@given(text, text)
def test_what_stands_around_a_block_stays(before: str, after: str) -> None:
    before += "\n"
    whole = with_block(before, "X=1\n", maker="m") + after
    assert parts(whole).block == "X=1\n"
    assert without_block(with_block(whole, "Y=2\n", maker="m")) == before + after


@pytest.mark.parametrize(
    "damaged",
    [
        END,
        "# >>> worktree-router >>> x\n",
        f"{END}\n# >>> worktree-router >>> x\n",
        f"{with_block('', '', maker='m')}{END}\n",
    ],
)
def test_damaged_marks_are_an_error(damaged: str) -> None:
    with pytest.raises(BlockError):
        with_block(damaged, "X=1\n", maker="m")


def test_in_markdown_the_marks_are_comments_of_html() -> None:
    text = "# Title\n\n# >>> worktree-router >>> a heading\n"
    made = with_block(text, "## Section\n", maker="router init agents", comment=HTML)
    begin, *rest = made.removeprefix(text).splitlines()
    assert begin.startswith("<!-- >>> worktree-router >>> written by `router init agents`; ")
    assert begin.endswith(" -->")
    assert rest == ["## Section", "<!-- <<< worktree-router <<< -->"]
    assert parts(made, HTML).block == "## Section\n"
    assert without_block(made, HTML) == text

"""Which directory a path lies in: the deepest one, and never a sibling whose name only begins alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.paths import deepest_root

PATHS = st.lists(st.sampled_from(["a", "b", "a.x", "ä", "\udcff", " "]), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/w/shop", "/w/shop"),
        ("/w/shop/src/deep", "/w/shop"),
        ("/w/shop/.worktrees/x", "/w/shop/.worktrees/x"),
        ("/w/shop/.worktrees/x/src", "/w/shop/.worktrees/x"),
        ("/w/shop/.worktrees", "/w/shop"),
        ("/w/shop.x", None),
        ("/w", None),
        ("/", None),
        ("", None),
    ],
)
def test_the_deepest_root_around_a_path_counts(path: str, root: str | None) -> None:
    assert deepest_root(path, {"/w/shop", "/w/shop/.worktrees/x"}) == root


def test_the_root_of_the_file_system_is_around_everything() -> None:
    assert deepest_root("/w/shop", {"/"}) == deepest_root("/", {"/"}) == "/"


@given(PATHS, st.sets(PATHS))
def test_it_is_what_comparing_every_root_finds(path: str, roots: set[str]) -> None:
    around = [root for root in roots if f"{path.rstrip('/')}/".startswith(f"{root.rstrip('/')}/")]
    assert deepest_root(path, roots) == max(around, key=len, default=None)

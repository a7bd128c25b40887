"""The copies of the contract are those that the founders share."""

from pathlib import Path

import pytest

COPIES = Path(__file__).parent / "contract"
SHARED = Path(__file__).parents[2] / "shared" / "contract"


@pytest.mark.skipif(not SHARED.is_dir(), reason="there is no ../shared/contract beside this checkout")
@pytest.mark.parametrize("name", sorted(path.name for path in COPIES.glob("*.json")))
def test_a_copy_is_what_it_is_a_copy_of(name: str) -> None:
    assert (COPIES / name).read_text() == (SHARED / name).read_text()


@pytest.mark.skipif(not SHARED.is_dir(), reason="there is no ../shared/contract beside this checkout")
def test_there_is_a_copy_of_everything() -> None:
    assert {path.name for path in COPIES.iterdir()} == {path.name for path in SHARED.iterdir()}

"""Worktrunk's filters, against the vectors of its own unit tests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.env.worktrunk_filters import sanitize, sanitize_db


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("main", "main_vfz"), ("feature/auth", "feature_auth_j34"), ("feature-auth", "feature_auth_j28"),
        ("feature_auth", "feature_auth_ipa"), ("UPPERCASE.Branch", "uppercase_branch_8ik"),
        ("123-bug-fix", "_123_bug_fix_l0n"), ("user", "user_ytn"), ("a--b__c", "a_b_c_keb"),
        ("trailing-", "trailing_5qf"), ("!!!", "_ywj"), ("ünïcode/分支", "_n_code_1nt"), ("", ""),
    ],
)  # fmt: skip
def test_sanitize_db_is_worktrunks(text: str, name: str) -> None:
    assert sanitize_db(text) == name


def test_a_long_name_is_cut_in_front_of_its_hash() -> None:
    name = sanitize_db("feature/" + 60 * "x")
    assert len(name) == 48
    assert name.endswith("_bxf")


@given(st.text())
def test_a_database_name_has_at_most_48_plain_characters(text: str) -> None:
    name = sanitize_db(text)
    assert len(name.encode()) <= 48
    assert all(c.isascii() and (c.isalnum() or c == "_") and c == c.lower() for c in name)


def test_sanitize_changes_nothing_but_slashes() -> None:
    assert sanitize(r"feature/X_y.z\w") == "feature-X_y.z-w"

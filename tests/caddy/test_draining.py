"""How long a configuration goes on once it is left."""

from pathlib import Path

import pytest

from router.caddy.caddyfile import draining
from router.caddy.draining import LONG, SHORT, drain

_FULL = "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (f"some avg10=3.12 avg60=90.00 avg300=90.00 total=1\n{_FULL}", SHORT),
        (f"some avg10=98.38 avg60=2.00 avg300=2.00 total=1\n{_FULL}", LONG),
        ("some", LONG),
        ("", LONG),
        ("another format\n", LONG),
    ],
)
def test_it_is_short_only_where_processors_are_free(tmp_path: Path, said: str, expected: int) -> None:
    (tmp_path / "cpu").write_text(said)
    assert drain(tmp_path / "cpu") == expected


def test_a_kernel_that_does_not_say_is_given_time(tmp_path: Path) -> None:
    assert drain(tmp_path / "absent") == LONG


def test_the_caddyfile_says_the_long_one_until_it_is_handed_over() -> None:
    text = "{\n\tauto_https off\n\tshutdown_delay 100ms\n\tgrace_period 500ms\n}\n"
    assert draining(text, SHORT) == text.replace("100ms", "25ms")
    assert draining(text, LONG) == text

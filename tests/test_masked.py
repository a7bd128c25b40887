"""What others print, without the passwords and tokens in it."""

import pytest

from router.masked import masked_line


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("listening on http://localhost:5173/", "listening on http://localhost:5173/"),
        ("Error: connect ECONNREFUSED 127.0.0.1:5432", "Error: connect ECONNREFUSED 127.0.0.1:5432"),
        ("postgres://shop:hunter2@localhost/x", "postgres://shop:…@localhost/x"),
        ("API_KEY=hunter2 is wrong", "API_KEY=… is wrong"),
        ('{"access_token": "hunter2", "a": 1}', '{"access_token": …, "a": 1}'),
        ("Authorization: Bearer hunter2hunter2", "Authorization: Bearer …"),
        ("pushed with ghp_hunter2hunter2hunter2", "pushed with …"),
        ("session eyJhunter2hunter2.eyJhunter2hunter2.hunter2", "session …"),
        ("a\x1b[31mb", "a%1B[31mb"),
        ("no token was sent", "no token was sent"),
    ],
)
def test_a_line_is_shown_without_what_looks_like_a_secret(line: str, shown: str) -> None:
    assert masked_line(line) == shown

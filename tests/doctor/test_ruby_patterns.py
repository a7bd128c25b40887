"""Which hosts an expression of Ruby accepts: what ActionPack 6.1.7 itself answered for each of these."""

import time

import pytest

from router.doctor.frameworks.ruby_patterns import ends

HOSTS = ("fx.localhost", "api.fx.localhost", "fix_auth.localhost", "a.b.fx.localhost")
SEEN = {
    r".*\.localhost": "1111",
    r"[a-z0-9-]+\.localhost": "1000",
    r"\.localhost": "0000",
    r"\A.*\.localhost\z": "0000",
    r"\A.*\.localhost": "1111",
    r".*\.localhost(:\d+)?": "1111",
    r".*\.localhost:8080": "1111",
    r".*\.localhost:3000": "0000",
    r"^.*\.localhost$": "0000",
    r"^.*\.localhost(:\d+)?$": "1111",
    r"localhost": "0000",
    r"[a-z0-9.-]+\.localhost(:\d+)?": "1101",
    r".*": "1111",
    r"(.+\.)?localhost": "1111",
    r".*\.test": "0000",
    r"a.localhost|.*\.localhost": "1111",
    r"([a-z0-9-]+\.)*localhost": "1101",
    r"(?:[\w-]+\.){2}localhost": "0100",
    r"[[:alnum:]]+\.localhost": "1000",
    r"\w+\.localhost": "1010",
    r"\h+\.localhost": "0000",
    r"[^.]+\.localhost": "1010",
    r"(?<sub>[a-z]+)\.localhost": "1000",
}


@pytest.mark.parametrize("expression", SEEN)
def test_an_expression_is_read_as_ruby_reads_it(expression: str) -> None:
    found = [(ends(expression, f"{host}:8080"), len(host)) for host in HOSTS]
    assert "".join(str(int(bool({end, end + 5} & (places or set())))) for places, end in found) == SEEN[expression]


def test_capitals_count_unless_they_are_not_to() -> None:
    assert ends(r".+\.LOCALHOST", "a.localhost") == frozenset()
    assert ends(r".+\.LOCALHOST", "a.localhost", ignore_case=True) == {11}


@pytest.mark.parametrize(
    "expression",
    [
        r"(?=a)a",
        r"(?!a)b",
        r"(?i:a)",
        r"(?>a)",
        r"(a)\1",
        r"\p{Alpha}",
        "#{name}",
        "(",
        "[",
        ")",
        "*",
        r"\b",
        "a" * 201,
    ],
)
def test_what_is_not_read_is_said(expression: str) -> None:
    assert ends(expression, "a.localhost") is None


@pytest.mark.parametrize(
    "expression", ["(" * 40 + "a" + "+)" * 40, "(.*)*" * 40, ".{1,99}" * 28, "((.+)+)+b" * 20, "(a|" * 60]
)
def test_no_expression_takes_long(expression: str) -> None:
    began = time.process_time()
    ends(expression, "api.fix-login-2.localhost:8080")
    assert time.process_time() - began < 1

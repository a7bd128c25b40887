"""Hash ports and what is a port."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.naming import siphash13
from router.ports import hash_port, parse_port, service_port

CONTRACT = json.loads((Path(__file__).parent / "contract" / "ports.json").read_text())
# From a Rust program that hashes with std's DefaultHasher
RUST = {"": 0x30406EA523C53DEF, "a": 0x719B50B9A4F0E9F3, "main": 0xC8C7A99BB88E156B, "ünïcode/分支": 0x4A8938A60CD1C24D}
_ORACLE = (
    "import json, sys; texts = json.load(sys.stdin); "
    "json.dump([hash(bytes.fromhex(t) + b'\\xff') & (2**64 - 1) for t in texts], sys.stdout)"
)


@pytest.mark.parametrize(("text", "port"), CONTRACT["hash_port"].items())
def test_hash_port_is_that_of_the_contract(text: str, port: int) -> None:
    assert hash_port(text) == port


@pytest.mark.parametrize(("text", "expected"), RUST.items())
def test_the_hash_is_rusts(text: str, expected: int) -> None:
    assert siphash13(text) == expected


def test_the_hash_is_that_of_cpython_with_a_zero_key() -> None:
    assert sys.hash_info.algorithm == "siphash13"
    texts = [*("x" * n for n in range(40)), "分支", "feature/x", "\udcff\udc80", *map(str, range(200))]
    encoded = json.dumps([text.encode("utf-8", "surrogateescape").hex() for text in texts])
    answer = subprocess.run(
        [sys.executable, "-c", _ORACLE], input=encoded, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )  # fmt: skip
    assert [siphash13(text) for text in texts] == json.loads(answer.stdout)


def test_the_collision_pair_collides() -> None:
    one, other = CONTRACT["collision_pair"]
    assert hash_port(one) == hash_port(other)


def test_each_service_hashes_its_own_prefix_and_the_raw_branch() -> None:
    assert service_port("web", "feature/x") == CONTRACT["hash_port"]["fe-feature/x"]
    assert service_port("api", "feature/x") == CONTRACT["hash_port"]["be-feature/x"]
    assert service_port("docs", "feature/x") == hash_port("docs-feature/x")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_hash_port_lies_from_10000_to_19999(text: str) -> None:
    assert 10_000 <= hash_port(text) <= 19_999


@pytest.mark.parametrize("text", ["1024", "3000", "65535", "03000"])
def test_digits_in_range_are_a_port(text: str) -> None:
    assert parse_port(text) == int(text)


@pytest.mark.parametrize(
    "text",
    ["", "0", "80", "1023", "65536", "99999", "-3000", "+3000", "3000.0", "3e3", " 3000", "3000\n", "\uff13000",
     "0x1000", "3000;", "${PORT}", "{{ env.PORT }}", "tcp://1:3000", "1" * 5000],
)  # fmt: skip
def test_anything_else_is_none(text: str) -> None:
    assert parse_port(text) is None

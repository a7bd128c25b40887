"""What a `router.toml` says, checked anew or kept by an earlier command: nobody can tell."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from router.errors import SettingsError
from router.model import Repository
from router.observe.said import Said, Setup, said

WHOLE = """
callback_paths = ["/oauth/done"]
env_template = ".env.template"
shared = ["STRIPE_KEY"]
[services.web]
env = ["PORT"]
run = "vite"
needs = ["api"]
wake = true
start_timeout = "20s"
[services.api]
run = "uvicorn api:app"
path = "/api"
strip = true
ports = "index"
base = 4000
[services.docs]
ports = "free"
base = 9000
[names]
strip = ["team/"]
[signin]
mask = false
[copies]
glob = "../shop-*"
[env]
API_URL = "{{ urls.api }}"
[setup]
link = ["node_modules"]
copy = [".env.test"]
clone = ["var"]
sparse = ["web"]
fetch = true
run = ["npm ci", "npm run db:migrate"]
[resources.main]
kind = "postgres"
from = "DATABASE_URL"
[sleep]
after = "30m"
pressure = "10%"
[worktrees."feature/x"]
name = "x"
hide = true
ports = { web = 4711 }
"""
TEXTS = ["", "\n", "[services.docs]\n", WHOLE, "[env]\n" + "".join(f'A{n} = "é"\n' for n in range(300))]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_kept_is_what_was_checked(tmp_path: Path, text: str) -> None:
    checked = said(text)
    assert [said(text, state=tmp_path) for _ in range(3)] == [checked] * 3
    assert len([*tmp_path.glob("said/*.json")]) == (1 if text.strip() else 0)


def test_nothing_is_said_of_a_repository_without_a_file() -> None:
    found = Repository("shop", "/shop", "/shop/.git", ())
    assert said("").of(found) == found
    assert said(WHOLE).of(found).sleep is not None
    assert said(WHOLE).setup == Setup(
        ("node_modules",), (".env.test",), ("var",), ("web",), fetch=True, run=("npm ci", "npm run db:migrate")
    )
    assert said(WHOLE).too_many == ()


def test_what_is_kept_is_read_without_pydantic(tmp_path: Path) -> None:
    said(WHOLE, state=tmp_path)
    code = (
        "import sys; from pathlib import Path; from router.observe.said import said;"
        "said(sys.argv[1], state=Path(sys.argv[2])); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, WHOLE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert {"pydantic", "tomllib"} & set(done.stdout.split()) == set()


def test_what_is_wrong_is_said_each_time_and_not_kept(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(SettingsError, match=r"services\.web\.nothing"):
            said("[services.web]\nnothing = 1\n", state=tmp_path)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"3", b"{}", b'{"repository": 3}', b'{"variables": [3]}', b"\xff"]
)
def test_what_is_spoiled_is_checked_again(tmp_path: Path, content: bytes) -> None:
    checked = said(WHOLE, state=tmp_path)
    [kept] = tmp_path.glob("said/*.json")
    kept.write_bytes(content)
    assert said(WHOLE, state=tmp_path) == checked


def test_it_is_private_and_goes_after_a_while(tmp_path: Path) -> None:
    said(WHOLE, state=tmp_path)
    [kept] = tmp_path.glob("said/*.json")
    assert (kept.parent.stat().st_mode & 0o777, kept.stat().st_mode & 0o777) == (0o700, 0o600)
    long_ago = time.time() - 40 * 86400
    os.utime(kept, (long_ago, long_ago))
    said("[services.docs]\n", state=tmp_path)
    assert not kept.exists()


def test_without_a_state_directory_nothing_is_made(tmp_path: Path) -> None:
    assert said(WHOLE, state=tmp_path / "none") != Said()
    assert not (tmp_path / "none").exists()

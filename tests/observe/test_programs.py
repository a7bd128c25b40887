"""The names of programs, without their arguments."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.observe.programs import program
from tests.observe.servers import folder


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["/usr/bin/caddy", "run"], "caddy"),
        (["uvicorn", "app:app"], "uvicorn"),
        (["/v/bin/python3.11", "/v/bin/uvicorn", "app:app"], "uvicorn"),
        (["/My Projects/v/bin/python", "-m", "http.server", "8000"], "http.server"),
        (["python3", "-X", "dev", "-um", "flask", "run"], "flask"),
        (["python3", "-m", "--token=abc"], "python3"),
        (["python3", "-c", "import secret", "manage.py"], "python3"),
        (["python3", "-W", "error", "manage.py", "runserver"], "manage.py"),
        (["node", "/p/node_modules/.bin/vite", "--port", "3"], "vite"),
        (["node", "/p/node_modules/.pnpm/vite@7/node_modules/vite/bin/vite.js"], "vite"),
        (["node", "/p/node_modules/@angular/cli/bin/ng.js"], "ng.js"),
        (["node", "--require", "dotenv/config", "server.js"], "server.js"),
        (["node", "--token", "s3cret"], "node"),
        (["node", "x" * 5000], "node"),
        (["bun", "run", "dev"], "bun"),
        (["next-server (v15.1.0)"], "next-server"),
        (["puma 6.4.0 (tcp://localhost:3000) [app]"], "puma"),
        (["nginx: master process /usr/sbin/nginx"], "nginx"),
        (["/bin/a\u202eb\x1b[31m<script>"], "ab31mscript"),
        (["x" * 100], "x" * 32),
        (["\u00fc"], None),
        ([""], None),
    ],
)
def test_program(tmp_path: Path, argv: list[str], expected: str | None) -> None:
    for name in (
        "manage.py", "server.js", "v/bin/uvicorn", "p/node_modules/.bin/vite", "p/node_modules/@angular/cli/bin/ng.js",
        "p/node_modules/.pnpm/vite@7/node_modules/vite/bin/vite.js",
    ):  # fmt: skip
        folder((tmp_path / name).parent)
        (tmp_path / name).touch()
    rooted = [f"{tmp_path}{a}" if a.startswith(("/v", "/p")) else a for a in argv]
    assert program(rooted, cwd=str(tmp_path)) == expected


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40), max_size=5))
def test_arguments_that_are_neither_files_nor_modules_are_never_shown(arguments: list[str]) -> None:
    shown = program(["node", *(f"--{a}" for a in arguments)], cwd="/nonexistent")
    assert shown == "node"

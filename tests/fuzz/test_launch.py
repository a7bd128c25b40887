"""Scripts and package.json files of any content: a command is run, as it is or with a port, and nothing fails."""

import json

from hypothesis import given
from hypothesis import strategies as st

from router.launch.command import Place, launched
from router.launch.shell_line import commands
from router.launch.tree import Tree

WORDS = st.sampled_from(
    ["npm", "run", "dev", "pnpm", "yarn", "workspace", "bun", "--", "-w", "--port", "vite", "&&", "&", ";", "$PORT",
     "-p", "cross-env", "A=b", "python", "-m", "flask", "manage.py", "runserver", "concurrently", "npm:*", "turbo",
     "honcho", "start", "'vite", "node", "--run", "-f", "cd", "..", "/", "run-p", "0", ""]
)  # fmt: skip
LINES = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=8).map(" ".join))
KEYS = st.sampled_from(["scripts", "dev", "name", "tasks", "workspaces"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | LINES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
)
PORTS = {"web": 14315, "api": 13315}


@given(LINES)
def test_any_line_is_taken_apart_or_left_alone(line: str) -> None:
    found = commands(line)
    assert found is None or found[-1].then == ""


@given(st.lists(WORDS | st.text(max_size=20), min_size=1, max_size=8), JSON, st.dictionaries(
    st.sampled_from(["dev", "start", "web", "api"]), LINES), st.text(max_size=200))  # fmt: skip
def test_any_command_in_any_package_is_run_with_what_was_typed_in_front(
    argv: list[str], content: object, scripts: dict[str, str], procfile: str
) -> None:
    for package in (json.dumps(content), json.dumps({"scripts": scripts}), procfile):
        texts = {"package.json": package, "web/package.json": package, "Procfile": procfile, "turbo.json": package}
        place = Place("/shop", "", Tree(texts.get, lambda: ("", "web"), texts.__contains__), PORTS)
        launch = launched(tuple(argv), place, environ={"PORT": "14315"})
        assert launch.procfile is not None or launch.argv[: len(argv)] == tuple(argv)

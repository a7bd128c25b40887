"""What a checkout's files say of its services: bounded, never through a link out of it, always valid names."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.launch.tree import Tree
from router.naming import is_label
from router.observe.projects import agents, claude, editors, procfile
from router.observe.projects.checkout import checkout
from router.observe.projects.project import project, read
from router.observe.start_command import start_command

_FILES = (
    "package.json", "pnpm-workspace.yaml", "mise.toml", "manage.py", "app.py", "Gemfile", *procfile.FILES, claude.FILE,
    editors.LAUNCH, editors.TASKS, *editors.CONTAINERS, *agents.FILES,
)  # fmt: skip
_PIECES = st.sampled_from([
    '{"configurations": [', '{"scripts": {"dev": ', '"vite --port 1"', '"port": 3000', '"name": "x y"', "}", "]", ",",
    "web: ", "node a.js", "\n", "[scripts]\n", "setup = ", "cp $CONDUCTOR_ROOT_PATH/.env .env", "//", "/*", '"', "\\",
    "[tasks.dev]\n", 'run = "', "packages:\n  - apps/*", '"forwardPorts": [3000]', "é", "\0",
])  # fmt: skip


def test_a_link_out_of_the_checkout_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/package.json").write_text('{"scripts": {"dev": "vite --port 5173"}}')
    shop = tmp_path / "shop"
    (shop / "apps").mkdir(parents=True)
    (shop / "apps/web").symlink_to(tmp_path / "other")
    (shop / "package.json").symlink_to(tmp_path / "other/package.json")
    assert project(shop).services == ()
    (shop / "package.json").unlink()
    (shop / "app.json").write_text('{"scripts": {"dev": "vite --port 5174"}}')
    (shop / "package.json").symlink_to("app.json")
    assert [each.port for each in project(shop).services] == [5174]


def test_a_huge_checkout_is_looked_at_within_bounds(tmp_path: Path) -> None:
    for number in range(300):
        folder = tmp_path / f"apps/a{number}"
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"scripts": {"dev": "vite"}}')
    (tmp_path / "package.json").write_text('{"workspaces": ["**", "*/*/*/*/*", "apps/**/**"]}')
    started = time.process_time()
    assert len(project(tmp_path).names) == 20
    assert time.process_time() - started < 2
    assert len(checkout(tmp_path).folders()) <= 201


def test_a_file_that_is_too_large_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: vite --port 5173\n" + "#" * (1 << 18))
    assert project(tmp_path).services == ()


@given(st.dictionaries(st.sampled_from(_FILES), st.lists(_PIECES, max_size=12).map("".join), max_size=4))
def test_whatever_the_files_hold_names_are_labels_and_ports_are_ports(files: dict[str, str]) -> None:
    found = read(Tree(files.get, lambda: ("",), files.__contains__))
    assert all(is_label(each.name) and each.line > 0 and each.command.isprintable() for each in found.services)
    assert all(each.port is None or 1024 <= each.port <= 65535 for each in found.services)
    assert not any(each.path.startswith(("/", "..")) for each in found.shared)


@pytest.mark.parametrize(("lock", "manager"), [("pnpm-lock.yaml", "pnpm"), ("bun.lockb", "bun"), ("yarn.lock", "yarn")])
def test_a_lock_file_counts_however_large_it_is(tmp_path: Path, lock: str, manager: str) -> None:
    (tmp_path / "package.json").write_text('{"scripts": {"dev": "vite"}}')
    (tmp_path / lock).write_text("#" * (1 << 20))
    assert [each.command for each in project(tmp_path).services] == [f"{manager} run dev"]
    found = start_command(tmp_path)
    assert found
    assert found.line == f"{manager} run dev"

"""Which files of a worktree are read, and which are not."""

import os
from pathlib import Path

from router.doctor.projects import projects


def write(path: Path, text: str = "{}") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def places(root: Path) -> list[str]:
    return [place for place, _ in projects(root)]


def test_the_root_the_directories_in_it_and_those_of_a_monorepo(tmp_path: Path) -> None:
    for place in (
        ".",
        "web",
        "api",
        "apps/shop",
        "packages/ui",
        "deep/inside",
        "node_modules/next",
        ".cache",
        "vendor/x",
    ):
        write(tmp_path / place / "package.json")
    assert places(tmp_path) == [".", "api", "web", "apps/shop", "deep/inside", "packages/ui"]


def test_what_the_markers_ask_for_is_read_too(tmp_path: Path) -> None:
    write(tmp_path / "web/package.json")
    write(tmp_path / "web/next.config.mjs", "allowed")
    write(tmp_path / "web/secret.txt", "secret")
    assert list(projects(tmp_path)) == [("web", {"package.json": "{}", "next.config.mjs": "allowed"})]


def test_a_workspace_may_install_into_its_root(tmp_path: Path) -> None:
    write(tmp_path / "web/package.json")
    write(tmp_path / "node_modules/next/package.json", "root's")
    [(_, files)] = projects(tmp_path)
    assert files["node_modules/next/package.json"] == "root's"
    write(tmp_path / "web/node_modules/next/package.json", "own")
    [(_, files)] = projects(tmp_path)
    assert files["node_modules/next/package.json"] == "own"


def test_what_is_no_small_file_counts_as_not_there(tmp_path: Path) -> None:
    write(tmp_path / "large/package.json", "x" * (1 << 18 | 1))
    (tmp_path / "directory/package.json").mkdir(parents=True)
    (tmp_path / "fifo").mkdir()
    os.mkfifo(tmp_path / "fifo/package.json")
    (tmp_path / "device").mkdir()
    (tmp_path / "device/package.json").symlink_to("/dev/zero")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/package.json").symlink_to("nowhere")
    assert places(tmp_path) == []


def test_links_to_directories_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/package.json")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/link").symlink_to(tmp_path / "elsewhere")
    assert places(tmp_path / "tree") == []


def test_a_tree_of_very_many_directories_is_cut(tmp_path: Path) -> None:
    for number in range(500):
        write(tmp_path / f"p{number:03}/package.json")
    assert len(places(tmp_path)) == 399  # with the root, which has no marker, 400 were looked into


def test_a_worktree_that_is_gone_has_none(tmp_path: Path) -> None:
    assert places(tmp_path / "gone") == []


def test_any_bytes_are_text(tmp_path: Path) -> None:
    (tmp_path / "Gemfile").write_bytes(b"\xff\xfe\x00gem")
    assert places(tmp_path) == ["."]

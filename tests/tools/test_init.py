"""`router init` on a real checkout: shown first, written when asked, nothing changed through a link."""

import os
import subprocess
from pathlib import Path

import pytest

from router.errors import FileError
from router.tools import init
from router.tools.init import Proposal
from tests.disks import fill, small_disk


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return repository(tmp_path.resolve() / "shop")


def repository(path: Path) -> Path:
    path.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=path, check=True)
    return path


def proposed(checkout: Path, *tools: str) -> Proposal:
    return init.propose(tools, cwd=checkout, port=8080)


def changed(proposal: Proposal) -> list[str]:
    return [change.path for change in proposal.changes]


def test_nothing_is_written_before_it_is_asked_for(shop: Path) -> None:
    proposal = proposed(shop, "direnv", "direnv")
    assert changed(proposal) == [".envrc", ".gitignore"]
    assert proposal.text.startswith("--- /dev/null\n+++ b/.envrc\n")
    assert proposal.summary(written=False) == "nothing is written yet; --write would write .envrc, .gitignore"
    assert [path.name for path in shop.iterdir()] == [".git"]
    init.write(proposal)
    assert proposal.summary(written=True) == "written: .envrc, .gitignore"
    assert 'eval "$(router env)"' in (shop / ".envrc").read_text()
    assert proposed(shop, "direnv").summary(written=True) == "nothing to change"


def test_a_missing_directory_is_created(shop: Path) -> None:
    init.write(proposed(shop, "claude"))
    assert (shop / ".claude" / "settings.json").is_file()


def test_what_router_toml_links_is_ignored_too(shop: Path) -> None:
    (shop / "router.toml").write_text('[setup]\nlink = ["node_modules"]\n')
    init.write(proposed(shop, "claude"))
    assert "/node_modules\n" in (shop / ".gitignore").read_text()


@pytest.mark.parametrize("kind", ["fifo", "wrong"])
def test_a_router_toml_that_cannot_be_used_stops_nothing(shop: Path, kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(shop / "router.toml")
    else:
        (shop / "router.toml").write_text("a = = 1")
    assert changed(proposed(shop, "claude")) == [".claude/settings.json", ".gitignore"]


def test_a_link_from_one_edited_file_to_another_is_followed(shop: Path) -> None:
    (shop / "AGENTS.md").write_text("# Agents\n")
    (shop / "CLAUDE.md").symlink_to("AGENTS.md")
    init.write(proposed(shop, "agents"))
    assert (shop / "CLAUDE.md").is_symlink()
    assert (shop / "AGENTS.md").read_text().startswith("# Agents\n\n<!-- >>> worktree-router >>>")


@pytest.mark.parametrize("link", [".envrc", ".gitignore"])
def test_nothing_is_changed_through_a_link(shop: Path, tmp_path: Path, link: str) -> None:
    (tmp_path / "elsewhere").write_text("mine\n")
    (shop / link).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileError, match=f"{link} cannot be read: it is a link"):
        proposed(shop, "direnv")
    assert (tmp_path / "elsewhere").read_text() == "mine\n"


def test_nothing_is_written_into_a_linked_directory(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    proposal = proposed(shop, "claude")
    (shop / ".claude").symlink_to(tmp_path / "elsewhere")
    for act in (lambda: proposed(shop, "claude"), lambda: init.write(proposal)):
        with pytest.raises(FileError, match=r"\.claude is a link"):
            act()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_in_the_place_of_a_directory_is_reported(shop: Path) -> None:
    proposal = proposed(shop, "claude")
    (shop / ".claude").write_text("")
    with pytest.raises(FileError, match=r"\.claude cannot be created: File exists"):
        init.write(proposal)


def test_compose_files_are_reported_and_never_changed(shop: Path) -> None:
    proposal = proposed(shop, "compose")
    assert (proposal.text, proposal.notes) == ("", ("compose: this checkout has no Compose file",))
    (shop / "compose.yml").write_text("services:\n  web:\n    ports: ['3000:3000']\n")
    (shop / "docker-compose.dev.yml").write_text("services: {}\n")
    (shop / "compose.bad.yml").write_text("a: [\n")
    proposal = proposed(shop, "compose")
    assert proposal.text.startswith("compose.yml:3: web: port 3000 of the machine\n    ")
    assert proposal.notes[0].startswith("compose: compose.bad.yml: it is not one YAML document (line 2")
    assert proposal.notes[1:] == ("compose: nothing in docker-compose.dev.yml would collide",)
    assert proposal.changes == ()


def test_a_file_that_is_too_large_is_reported(shop: Path) -> None:
    (shop / "compose.yml").write_text("#" * (1 << 20) + "\n")
    (shop / ".envrc").write_text("#" * (1 << 20) + "\n")
    assert proposed(shop, "compose").notes[0].endswith("compose.yml cannot be read: it is larger than 1 MiB")
    with pytest.raises(FileError, match=r"\.envrc cannot be read: it is larger than 1 MiB"):
        proposed(shop, "direnv")


def test_a_full_disk_leaves_every_file_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", size="1m") as disk:
        shop = repository(disk.resolve() / "shop")
        (shop / ".envrc").write_text("layout python\n")
        proposal = proposed(shop, "direnv")
        fill(disk)
        with pytest.raises(FileError, match=r"\.envrc cannot be written: No space left on device"):
            init.write(proposal)
        assert (shop / ".envrc").read_text() == "layout python\n"
        assert sorted(path.name for path in shop.iterdir()) == [".envrc", ".git"]

"""`router init` on a real checkout: shown first, written when asked, nothing changed through a link."""

import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import FileError
from router.repository_settings import load_repository_settings
from router.tools import init
from router.tools.init import Proposal
from router.tools.resources.uses import uses
from router.tools.skill import SKILL_FILE
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
    assert changed(proposed(shop, "claude")) == [".claude/settings.json", SKILL_FILE, ".gitignore"]


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


# Resources


def with_database(shop: Path, url: str = "postgres://me:hunter2@localhost:5432/shop_dev") -> Path:
    (shop / ".env").write_text(f"DATABASE_URL={url}\n")
    return shop


def test_resources_are_added_to_router_toml_and_everything_else_in_it_stays(shop: Path) -> None:
    mine = '# ours\n[services.docs]\nenv = ["DOCS_PORT"]  # its port\n'
    (shop / "router.toml").write_text(mine)
    proposal = proposed(with_database(shop), "resources")
    init.write(proposal)
    assert (shop / "router.toml").read_text() == (
        mine + '\n[resources.db]\nfrom = "DATABASE_URL"  # .env:1: postgres on localhost:5432, database shop_dev\n'
    )
    assert load_repository_settings(shop).resources["db"].variable == "DATABASE_URL"
    assert "hunter2" not in proposal.text
    again = proposed(shop, "resources")
    assert (again.changes, again.notes) == ((), ())


def test_files_of_the_project_are_read_and_ignored_ones_are_not(shop: Path) -> None:
    (shop / "web" / "prisma").mkdir(parents=True)
    (shop / "node_modules" / "x").mkdir(parents=True)
    schema = 'datasource db {\n  provider = "postgresql"\n  url = env("%s_URL")\n}\n'
    (shop / "web" / "prisma" / "schema.prisma").write_text(schema % "DATABASE")
    (shop / "node_modules" / "x" / "schema.prisma").write_text(schema % "OTHER_DATABASE")
    (shop / ".gitignore").write_text("node_modules/\n")
    assert '+kind = "postgres"  # web/prisma/schema.prisma:3' in proposed(shop, "resources").text
    assert "OTHER" not in proposed(shop, "resources").text


def test_a_router_toml_that_cannot_be_read_is_not_replaced(shop: Path) -> None:
    os.mkfifo(shop / "router.toml")
    with pytest.raises(FileError, match=r"router\.toml"):
        proposed(with_database(shop), "resources")


def test_where_nothing_is_named_it_says_so(shop: Path) -> None:
    proposal = proposed(shop, "resources")
    assert proposal.changes == ()
    assert proposal.notes == ("no database, queue or cache is named in the files of this checkout",)


def test_in_a_worktree_the_main_checkouts_files_are_read(shop: Path) -> None:
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "x"], cwd=shop, check=True)
    subprocess.run(["git", "worktree", "add", "-q", "-b", "x", "../x"], cwd=shop, check=True)
    with_database(shop)
    proposal = proposed(shop.parent / "x", "resources")
    assert 'from = "DATABASE_URL"' in proposal.text
    assert proposal.notes == (f"only the router.toml of {shop} counts: merge this one into it",)


@given(
    st.sampled_from(["config/database.yml", "settings.py", "schema.prisma", "appsettings.json"]),
    st.lists(st.sampled_from([
        "DATABASE", 'env("A_URL")', "ENV['DB_URL']", "{", "}", '"', "adapter: postgresql", "database: x", "\n", "\0",
        "url = ", '"ENGINE": "a.sqlite3"', "datasource db {", 'provider = "mysql"', "ConnectionStrings", ":", ",", "[",
        "]", 'default="postgres://a:hunter2@b/c"', "postgres://[/x", "dj_database_url.config(", ")",
    ])).map(" ".join),
)  # fmt: skip
def test_whatever_a_file_says_it_is_read(file: str, text: str) -> None:
    for use in uses(file, text):
        assert use.variable or use.kind
        assert use.place.startswith(f"{file}:")


def test_a_file_that_repeats_itself_takes_no_time() -> None:
    began = time.process_time()
    for file, piece in (
        ("schema.prisma", "datasource x { "),
        ("settings.py", "env(" * 400 + "\n"),
        ("a/settings.py", "env.db("),
    ):
        uses(file, piece * ((1 << 18) // len(piece)))
    assert time.process_time() - began < 20

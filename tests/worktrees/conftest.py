"""A shop for each test, with a submodule where it wants one."""

from pathlib import Path

import pytest

from router.settings import load
from router.store import Store
from tests.worktrees.shops import Shop, commit, git

_IGNORED = "node_modules\n.env*\n.mise.local.toml\n.venv/\n/.claude/worktrees/\n*.key\n"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    path = tmp_path.resolve() / "shop"
    path.mkdir()
    git(path, "init", "-q")
    store = Store(tmp_path / "state")
    store.prepare()
    shop = Shop(path, load(state_dir=tmp_path / "state"), store)
    shop.commit(**{".gitignore": _IGNORED, "page": "one\n"})
    return shop


@pytest.fixture
def with_submodule(shop: Shop, tmp_path: Path) -> Shop:
    git(tmp_path, "init", "-q", "lib")
    commit(tmp_path / "lib", {"lib.txt": "1"})
    git(shop.path, "submodule", "--quiet", "add", tmp_path / "lib", "lib")
    git(shop.path, "commit", "-q", "-m", "lib")
    return shop

"""What Caddy is given is part of the installation."""

from pathlib import Path

import pytest

from router.caddy import assets
from router.errors import RouterError


def test_the_templates_are_there_by_name() -> None:
    templates = assets.templates()
    assert "Caddyfile.j2" in templates
    assert all(templates.values())
    assert {name for name in templates if not name.endswith(".j2")} == {assets.INLINE}


def test_the_pages_are_there() -> None:
    assert (assets.pages() / "dashboard.html").is_file()


def test_a_wheel_has_them_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "router" / "assets" / "caddy"
    folder.mkdir(parents=True)
    (folder / "Caddyfile.j2").write_text("")
    monkeypatch.setattr(assets, "_PACKAGE", tmp_path / "router")
    assert assets.folder() == folder


def test_an_installation_without_them_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "_PACKAGE", tmp_path / "router")
    with pytest.raises(RouterError, match="templates"):
        assets.folder()

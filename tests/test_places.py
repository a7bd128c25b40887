"""Where the user's settings and state are: where platformdirs says, with or without it."""

import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from router import places


@pytest.mark.parametrize("home", ["/home/me", "/home/me/", "/", "relative", "", None])
@pytest.mark.parametrize("named", ["/elsewhere", "/else where//", "relative", "~/own", "", None])
def test_they_are_where_platformdirs_says(monkeypatch: pytest.MonkeyPatch, home: str | None, named: str | None) -> None:
    for variable, value in {"HOME": home, "XDG_CONFIG_HOME": named, "XDG_STATE_HOME": named}.items():
        if value is None:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, value)
    assert places.config_file() == Path(platformdirs.user_config_dir(places.APP, appauthor=False), "config.toml")
    assert places.state_directory() == Path(platformdirs.user_state_dir(places.APP, appauthor=False))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs says it")
def test_on_linux_platformdirs_is_not_imported() -> None:
    code = "import sys; from router import places; places.config_file(), places.state_directory(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "platformdirs" not in done.stdout.split()

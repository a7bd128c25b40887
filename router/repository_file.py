"""The file `router.toml` of a main checkout, as text: read on every look, and mostly not there."""

from pathlib import Path

from router import files
from router.errors import SettingsError

FILE = "router.toml"
LARGEST = 1 << 16  # bytes of the file


def text(main: Path) -> str:
    """Return its text, empty where there is none. FileError where it cannot be read, SettingsError where it is none."""
    content = files.read_bounded(main / FILE, limit=LARGEST) or b""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise SettingsError("it is not UTF-8") from exc

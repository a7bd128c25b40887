"""What mise's configuration files set in the environment, as far as that can be read without running anything."""

from collections.abc import Iterator
from typing import Any

from router.toml_reader import read_toml
from router.values import dataclass

_NESTED = ("mise/config", ".mise/config", ".config/mise", ".config/mise/mise", ".config/mise/config")
DIRECTORIES = (".config", ".config/mise", ".mise", "mise")
"""The directories of a project that may hold mise's files."""
LOCAL = (".mise.local.toml", "mise.local.toml", *(f"{name}.local.toml" for name in _NESTED))
"""The files of one checkout alone, the strongest first (mise's documentation, "Configuration")."""
PROJECT = (".mise.toml", "mise.toml", *(f"{name}.toml" for name in _NESTED))
"""The files that a project commits, the strongest first."""
SETTINGS = ".miserc.toml"
"""Names the environments whose files count too: `env = ["development"]`."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What one file exports, in its order: a variable and its value, or no name and a dotenv file to load there.

    `templates` are the variables whose values would have to be computed, `scripts` what would have to be run.
    """

    steps: tuple[tuple[str, str], ...] = ()
    templates: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()


def exported(content: str) -> Exported:
    """Return what the `[env]` table of a file exports, or its `[[env]]` tables. ValueError where it is not TOML."""
    env = read_toml(content).get("env", {})
    tables = env if isinstance(env, list) else [env]
    if not all(isinstance(table, dict) for table in tables):
        raise ValueError("[env] is not a table")
    entries = [entry for table in tables for entry in table.items()]
    directives = [value for key, value in entries if key == "_" and isinstance(value, dict)]
    return Exported(
        steps=tuple(step for key, value in entries for step in _steps(key, value)),
        templates=tuple(key for key, value in entries if key != "_" and _is_template(_text(value))),
        scripts=tuple(path for each in directives for path in _paths(each.get("source"))),
    )


def _steps(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if key != "_":
        text = _text(value)
        if text is not None and not _is_template(text):
            yield key, text
    elif isinstance(value, dict):
        yield from (("", path) for path in _paths(value.get("file")) if not _is_template(path))


def _is_template(text: str | None) -> bool:
    return text is not None and ("{{" in text or "{%" in text)


def environments(content: str) -> tuple[str, ...]:
    """Return the names that `.miserc.toml` has in `env`, the strongest first; those fit for a file's name."""
    try:
        named = read_toml(content).get("env", ())
    except ValueError:
        return ()
    names = named if isinstance(named, list) else [named]
    return tuple(name for name in reversed(names) if isinstance(name, str) and name.replace("-", "").isalnum())


def of_environment(name: str) -> tuple[str, ...]:
    """Return the files of an environment, the strongest first; all of them are stronger than those of none."""
    return tuple(_with(name, file) for file in (*LOCAL, *PROJECT))


def _with(environment: str, file: str) -> str:
    stem, local = (file.removesuffix(".local.toml"), ".local") if file in LOCAL else (file.removesuffix(".toml"), "")
    return f"{stem}.{environment}{local}.toml"


def _text(value: Any) -> str | None:
    """Return a value as mise exports it, None where it exports nothing."""
    if isinstance(value, dict):
        return _text(value.get("value", False))
    if isinstance(value, bool):
        return "true" if value else None
    return value if isinstance(value, str) else str(value)


def _paths(value: Any) -> tuple[str, ...]:
    """Return the paths of a directive: one, a list, or a table with `path`."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, dict):
        return _paths(value.get("path"))
    return tuple(path for each in value for path in _paths(each)) if isinstance(value, list) else ()

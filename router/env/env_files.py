"""A worktree's environment in its own files, `.env.local` and `.mise.local.toml`, where dev servers read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from router import files
from router.env import block, formats, worktree_env
from router.errors import FileError, RouterError, TemplateValueError
from router.observe import dotenv, git
from router.observe.listeners import Listeners
from router.settings import Settings
from router.store import Store
from router.text import shown

Form = Literal["dotenv", "mise"]
FILES: Mapping[Form, str] = {"dotenv": ".env.local", "mise": ".mise.local.toml"}
_LARGEST = 1 << 20  # bytes
_LARGEST_TEMPLATE = 1 << 16


def write(
    settings: Settings, store: Store, *, cwd: Path, form: Form = "dotenv", listeners: Listeners | None = None
) -> Path:
    """Write the environment of the worktree of `cwd` into its own file, as a block, and return the file.

    `.env.local` gets the values of the worktree's template file too. Raises what `worktree_env.resolve` raises, and
    FileError, BlockError or EnvironmentValueError where it cannot be written.
    """
    resolved = worktree_env.resolve(settings, store, cwd=cwd, listeners=listeners)
    root, values = Path(resolved.current.worktree.path), resolved.environment.values
    path = root / FILES[form]
    before = files.text(path, limit=_LARGEST) or ""
    if form == "dotenv":
        template = _template(root / resolved.current.repository.env_template, {**resolved.environment.unseen, **values})
        after = block.in_dotenv(before, formats.dotenv({**_for_dotenv(values), **template}))
    else:
        after = block.in_mise(before, values, name=path.name)
    if after != before:
        files.write(path, after)
    return path


def is_seen_by_git(path: Path) -> bool:
    """Tell whether git would list a file: it is not ignored, and may end up in a commit."""
    return not git.change(path.parent, "check-ignore", path.name, fine=(0, 1))


def _for_dotenv(values: Mapping[str, str]) -> dict[str, str]:
    """Return what a dotenv file can hold; a branch may have a name that it cannot, which must not stop the rest."""
    try:
        formats.dotenv({"WORKTREE_BRANCH": values["WORKTREE_BRANCH"]})
        return dict(values)
    except RouterError:
        return {name: value for name, value in values.items() if name != "WORKTREE_BRANCH"}


def _template(path: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a worktree's template file, filled in; none where it has no such file."""
    text = files.text(path, limit=_LARGEST_TEMPLATE)
    if text is None:
        return {}
    from router.env.templates import substituted  # here: Jinja, which commands start without

    try:
        bindings = dotenv.bindings(text)
    except ValueError as exc:
        raise FileError(f"{shown(str(path))}: {exc}", hint="fix it; it is read like a .env file") from exc
    filled: dict[str, str] = {}
    for name, content, line in bindings:
        try:
            filled[name] = substituted(content, {**values, **filled})
        except KeyError as exc:
            message = f"{shown(str(path))}, line {line}: {name}: {exc} is undefined"
            hint = "$$ is a plain $; `router env` lists the names"
            raise TemplateValueError(message, line=line, hint=hint) from exc
    return filled

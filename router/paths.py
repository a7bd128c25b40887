"""Paths as text: which of some directories one lies in, and which lie in a checkout."""

from collections.abc import Container


def deepest_root(path: str, roots: Container[str]) -> str | None:
    """Return the deepest of `roots` that is `path` or a directory above it, None where there is none.

    All are absolute, as `os.path.realpath` returns them: links resolved, no slash at the end. Costs one look-up for
    each part of the path, however many roots there are.
    """
    while path:
        if path in roots:
            return path
        path = path.rpartition("/")[0]
    return "/" if "/" in roots else None


def path_inside(path: str) -> str:
    """Return a path below the checkout in its plain form. ValueError says why it is none."""
    parts = path.rstrip("/").split("/")
    if not path.isprintable() or {"", ".", "..", ".git"} & set(parts):
        raise ValueError("a path is like node_modules or web/.venv: below the checkout, without `.` and `..`")
    return "/".join(parts)

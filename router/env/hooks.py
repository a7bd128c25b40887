"""What git sets for the hooks that it runs: it names the checkout that the hook is of, whatever is run there."""

from collections.abc import Mapping

_OF_HOOKS = frozenset({
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_CEILING_DIRECTORIES",
})  # fmt: skip


def without_hooks(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what git has set for a hook."""
    return {name: value for name, value in environ.items() if name not in _OF_HOOKS}

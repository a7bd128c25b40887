"""What two stacks cannot both have, and what every rule that finds it looks at."""

import posixpath

from router.repository_settings import variable_name
from router.tools.compose.document import Node, place, text_of
from router.tools.compose.interpolation import Value, Variables
from router.values import dataclass

PROJECT = "${COMPOSE_PROJECT_NAME}"


@dataclass(frozen=True, slots=True, order=True)
class Collision:
    """What two stacks cannot both have: where it is, what it is, and what to write instead.

    `instead` is for that place in the file, empty where the file can stay as it is; `env` are lines for `[env]` of
    `router.toml`, which give a variable another value in each worktree.
    """

    file: str
    line: int
    what: str
    instead: str = ""
    env: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule looks at: the stack's variables, and the stack's directory in the checkout."""

    variables: Variables
    project: str = ""

    def value(self, node: Node | None) -> Value | None:
        """Return what a scalar comes to, None where there is none."""
        text = text_of(node)
        return None if text is None else self.variables.value(text)

    def same(self, node: Node | None) -> Value | None:
        """Return a scalar's value where it is the same one in every worktree, None otherwise."""
        value = self.value(node)
        return value if value and not value.varies and (value.text or value.unset) else None


def found(node: Node, what: str, *, value: Value, instead: str, example: str = "{}-{{ name }}") -> Collision:
    """Return a collision at a node, whose value stands for `{}` in what it is.

    Where that comes from a variable that nothing sets for each worktree, the file can stay as it is: then the line
    that sets it is given, with `example` for its value, in which `{}` is what it comes to now.
    """
    file, line = place(node)
    if not value.unset:
        return Collision(file, line, what.replace("{}", value.text), instead)
    variable, now = value.unset[0]
    own = now or variable.lower().replace("_", "-")
    message = f"{what.replace('{}', value.text or f'what {variable} says')}, {unset(variable)}"
    if not can_be_set(variable):
        return Collision(file, line, message, renamed(variable))
    return Collision(file, line, message, "", (f'{variable} = "{example.replace("{}", own)}"',))


def unset(variable: str) -> str:
    """Return why a variable makes no difference."""
    return f"as nothing sets {variable} for each worktree"


def can_be_set(variable: str) -> bool:
    """Tell whether `[env]` of `router.toml` may set a variable."""
    try:
        variable_name(variable)
    except ValueError:
        return False
    return True


def renamed(variable: str) -> str:
    """Return what to do about a variable that it may not set."""
    return f"call the variable otherwise: router.toml may not set {variable}"


def outside(path: str, project: str) -> bool:
    """Tell whether a path as a Compose file has it leads out of the checkout: the same place for every worktree."""
    if path.startswith(("/", "~")):
        return True
    return posixpath.normpath(posixpath.join(project, path)).startswith("..")

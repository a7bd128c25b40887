"""A value that the shell or a file gives to a variable, and how it is shown."""

from router.masked import masked
from router.values import dataclass

SHELL = "the shell"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value that the shell or a file gives to a variable; `source` is `the shell` or the file's name."""

    variable: str
    value: str
    source: str

    def __str__(self) -> str:
        """Return the variable, its value without the password of a URL, and where it stands."""
        return f"{self.variable}={masked(self.value)} in {self.source}"

"""A value that the shell or a file gives to a variable, and how it is shown."""

import re
from dataclasses import dataclass

from router.naming import shown

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


def masked(value: str) -> str:
    """Return a value fit for a line of output, without the passwords in it."""
    value = re.sub(r"(://[^:/@\s]*:)[^@/\s]*@", r"\1…@", value)
    value = re.sub(r"\b(password|pwd)\s*=[^;\s]*", r"\1=…", value, flags=re.IGNORECASE)
    return shown(re.sub(r"^([^:/@\s]+:)[^@/\s]+@(tcp|unix)\(", r"\1…@\2(", value))[:200]

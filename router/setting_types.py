"""What settings of the machine and of a repository have in common: one kind of value, and the words of a message."""

from typing import Annotated

from pydantic import AfterValidator, Field

from router.naming import check_callback_path

_LONGEST_PATH = 1024  # characters

CallbackPath = Annotated[str, Field(max_length=_LONGEST_PATH), AfterValidator(check_callback_path)]


def plain_message(message: str) -> str:
    """Return a message of pydantic's as the validator wrote it."""
    return message.removeprefix("Value error, ")

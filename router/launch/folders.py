"""A command that only a shell can run in another folder, taken apart so that it is run there without one."""

import re

from router.launch.shell_line import Simple, commands
from router.launch.tree import inside

_FOR_A_SHELL = re.compile(r"[$`*?~\[\]{}]")


def in_folder(words: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Return the words of `sh -c 'cd FOLDER && COMMAND'` as the command and its folder; others as they are.

    What a shell would expand stays with the shell.
    """
    if len(words) != len(("sh", "-c", "line")) or words[:2] != ("sh", "-c") or _FOR_A_SHELL.search(words[2]):
        return words, ""
    match commands(words[2]):
        case (Simple((), ("cd", path), "&&"), Simple((), command, "")):
            command = command[1:] if command[:1] == ("exec",) else command
            folder = "" if path.startswith("/") else inside("", path)
            return (command, folder) if folder and command else (words, "")
    return words, ""

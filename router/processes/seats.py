"""Who sits in a worktree: the agents, editors and shells that its processes are, or come from."""

from collections.abc import Iterator, Mapping

from router.processes.belonging import ProcessMap, WorktreeRoot
from router.processes.look import Process
from router.processes.roles import Role

_CALLED = {
    "claude": "Claude Code", "codex": "Codex", "cursor": "Cursor", "cursor-agent": "Cursor", "gemini": "Gemini CLI",
    "code": "VS Code", "code-insiders": "VS Code", "code-server": "VS Code", "code-tunnel": "VS Code",
    "windsurf": "Windsurf", "zed": "Zed", "zed-editor": "Zed", "copilot": "Copilot",
}  # fmt: skip
_SHELL = "shell"


def seats(mapped: ProcessMap, place: WorktreeRoot) -> tuple[str, ...]:
    """Return who sits in a worktree, agents first, then editors; a shell only where that is all there is.

    What an agent or editor has started there counts for it, wherever it runs itself.
    """
    known = {each.pid: each for each in mapped.processes}
    found = {seat for each in mapped.of(place) if (seat := _seat(each, known))}
    named = [name for _, name in sorted(each for each in found if each[1] != _SHELL)]
    return tuple(dict.fromkeys(named)) or ((_SHELL,) if found else ())


def _seat(process: Process, known: Mapping[int, Process]) -> tuple[int, str] | None:
    """Return whom a process is of: the nearest agent, else the outermost editor, else its shell."""
    chain = [process, *_above(process, known)]
    if agent := next((each for each in chain if each.role is Role.AGENT), None):
        return 0, _name(agent)
    if editors := [each for each in chain if each.role is Role.EDITOR]:
        return 1, _name(editors[-1])
    return (2, _SHELL) if process.role is Role.SHELL else None


def _above(process: Process, known: Mapping[int, Process]) -> Iterator[Process]:
    """Yield the processes that one descends from, the nearest first, as far as they are the same user's."""
    seen = {process.pid}
    above = known.get(process.parent)
    while above and above.pid not in seen and above.uid == process.uid:
        seen.add(above.pid)
        yield above
        above = known.get(above.parent)


def _name(process: Process) -> str:
    program = process.program or "an editor"
    return _CALLED.get(program.lower(), program)

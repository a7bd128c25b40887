"""The tasks of mise that start a dev server."""

import re
from collections.abc import Iterator

from router.launch.tree import Tree
from router.observe import mise
from router.observe.projects.agents import toml
from router.observe.projects.said import Service
from router.observe.projects.servers import fixed_port, inner_folder, of_line, only
from router.observe.projects.values import line_of, lines, table, text

_STARTS = re.compile(r"(?:dev|start|serve|web|www|frontend|client|api|backend|server)(?:[:._-][\w-]+)?")
_MOST = 20  # tasks


def services(files: Tree) -> Iterator[Service]:
    """Yield the tasks whose names say that they start a server, and whose commands do (`[tasks.dev] run`)."""
    for file in mise.PROJECT:
        content = files.read(file)
        tasks = table(toml(content).get("tasks")) if content else {}
        for name, task in [each for each in tasks.items() if _STARTS.fullmatch(each[0])][:_MOST]:
            run, cwd = (task.get("run"), task.get("dir")) if isinstance(task, dict) else (task, "")
            folder = inner_folder(text(cwd).replace("{{config_root}}/", ""))
            found = [each for line in lines(run) for each in of_line(line, files, folder=folder or "")]
            if folder is not None and found:
                member = only(found)
                line = _line(content or "", name)
                command = f"mise run {name}"
                own = re.sub(r"^(?:dev|start|serve)[:._-]?", "", name)
                yield Service(
                    own, "launch", file, line, fixed_port(member), command, member.at.folder if member else "", member
                )


def _line(content: str, name: str) -> int:
    key = re.escape(name)
    found = re.search(rf"^[ \t]*(?:\[tasks\.[\"']?{key}\b|[\"']?{key}[\"']?[ \t]*=)", content, re.MULTILINE)
    return line_of(content, found[0]) if found else 1

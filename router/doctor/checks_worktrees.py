"""What `router doctor` looks at in the worktrees: their problems, their frameworks, where their sign-ins come back."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from router import status as document
from router.doctor import frameworks, projects, redirect_uris
from router.doctor.findings import Finding
from router.doctor.frameworks import Framework
from router.errors import RouterError
from router.naming import shown
from router.observe import git
from router.status import Document

_TOLD_ELSEWHERE = frozenset({"watcher-down"})


def problems(status: Document) -> Iterator[Finding]:
    """Every problem of the status document, the worktrees' and the router's own."""
    found = [problem for problem in document.problems(status) if problem["kind"] not in _TOLD_ELSEWHERE]
    for problem in found:
        message, check = f"{problem['message']} [{problem['kind']}]", "worktree" if problem["name"] else "router"
        error = problem["severity"] == "error"
        yield Finding("fail" if error else "warn", check, message, problem["hint"], problem["name"])
    well = len(status["worktrees"]) - len({problem["name"] for problem in found if problem["name"]})
    if well:
        yield Finding("ok", "worktree", f"{well} of {len(status['worktrees'])} worktrees have no problem")


def unserved(status: Document, cwd: Path) -> Iterator[Finding]:
    """Whether the repository of the current directory is among those that the watcher serves."""
    with contextlib.suppress(RouterError):
        common = shown(str(git.common_dir(cwd)))
        if common not in {repository["git_dir"] for repository in status["repositories"]}:
            yield Finding("ok", "worktree", f"the repository of this directory, {common}, is not served", "router up")


def needs(status: Document) -> Iterator[Finding]:
    """The frameworks in each worktree, and the line that their configuration lacks behind `*.localhost`."""
    for worktree in status["worktrees"]:
        # Asked by a service's own host, which has two labels, only what runs as another service than `web`
        deep = {s["program"] for name, s in worktree["services"].items() if name != "web" and s["up"]}
        for place, files in projects.projects(Path(worktree["path"])):
            for framework in frameworks.frameworks(files):
                yield _need(framework, place, worktree["name"], asked_deep=bool(framework.programs & deep))


def sign_ins(uris: Sequence[str]) -> Iterator[Finding]:
    """The redirect URIs, by the rules of those who are to take them."""
    for uri in uris:
        exact = redirect_uris.example(uri)
        refused = redirect_uris.refusals(exact)
        for refusal in refused:
            message = f"{refusal.provider} does not take {exact}: {refusal.reason}"
            yield Finding("warn", "sign-in", message, "export ROUTER_CALLBACK_PATHS='[\"/auth/callback\"]'")
        if not refused:
            yield Finding("ok", "sign-in", _taken(uri, exact))
    if not redirect_uris.below_one(tuple(redirect_uris.example(uri) for uri in uris)):
        message = "GitHub takes one callback URL for each OAuth app: of these each needs an app of its own there"
        yield Finding("ok", "sign-in", message)


def _need(framework: Framework, place: str, worktree: str, *, asked_deep: bool) -> Finding:
    where = "" if place == "." else f" in {shown(place)}"
    if not framework.without:
        return Finding("ok", "framework", f"{framework.name}{where} needs nothing", of=worktree)
    file = shown(framework.file if place == "." else f"{place}/{framework.file}")
    if framework.deep:
        host = "<service>.<label>.localhost"
        message = f"works at <label>.localhost; at {host} {framework.without}, unless {file} has this line"
        level: Literal["ok", "warn"] = "warn" if asked_deep else "ok"
        return Finding(level, "framework", f"{framework.name}{where} {message}", framework.line, worktree)
    lacks = f"{file} lacks this line" if framework.line else f"see {file}"
    message = f"{framework.name}{where}: {framework.without}; {lacks}"
    return Finding("warn", "framework", message, framework.line, worktree)


def _taken(uri: str, exact: str) -> str:
    providers = ", ".join(redirect_uris.RULES)
    if uri != exact:
        return f"{uri} stands for one redirect URI a provider, such as {exact}: register that, not the *"
    return f"{uri} is a redirect URI that {providers} take"

"""What the commands come to that agents run all the time: the same, whether they or the watcher work it out."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from router.cli import output
from router.cli.output import Output
from router.cli.typed import Typed
from router.text import host_port

if TYPE_CHECKING:
    from router.document import Document
    from router.observe.listeners import Listeners
    from router.settings import Settings
    from router.store import Store


class Ready(NamedTuple):
    """A command that is ready to be run: its words, its whole environment, and what is said of it before."""

    argv: list[str]
    environ: dict[str, str]
    notes: tuple[str, ...] = ()


def outcome(
    settings: "Settings", store: "Store", asked: Typed, *, cwd: Path, environ: Mapping[str, str],
    listeners: "Listeners | None" = None,
) -> Output | Ready | None:  # fmt: skip
    """Return what a command comes to in a directory, None where that takes more than working it out.

    `listeners`, here and below, are those of whoever answers often.
    """
    words, options = asked.words, asked.options
    service = options.get("--service")
    ways: dict[str, Callable[[], Output | Ready | None]] = {
        "env": lambda: (
            checked(settings, store, cwd=cwd, environ=environ, listeners=listeners)
            if "--check" in options
            else environment(settings, store, cwd=cwd, form=options.get("--format", "shell"), listeners=listeners)
        ),
        "run": lambda: ready(
            settings, store, words, cwd=cwd, environ=environ, fix="--fix" in options, as_is="--as-is" in options,
            service=service, listeners=listeners,
        ),
        "whose": lambda: owner(settings, store, words[0], cwd=cwd, as_json="--json" in options),
        "explain": lambda: explained(settings, store, words[0], cwd=cwd, listeners=listeners),
        "hook": lambda: set_up(settings, store, cwd=cwd, listeners=listeners),
        "url": lambda: url(
            settings, store, words[0] if words else None, cwd=cwd, service=service or "web",
            direct="--direct" in options,
        ),
        "status": lambda: status(settings, store, cwd=cwd, check="--check" in options),
    }  # fmt: skip
    return ways[asked.command]()


def status(settings: "Settings", store: "Store", *, cwd: Path, check: bool = False) -> Output:
    """Return the status as JSON; with `check` nothing but the code, 1 on a problem of severity error."""
    import json

    from router.document import problems
    from router.watcher import client

    document = client.status(settings, store, cwd=cwd)
    if check:
        return Output(code=int(any(problem["severity"] == "error" for problem in problems(document))))
    return Output(f"{json.dumps(document, indent=2)}\n")


def url(
    settings: "Settings", store: "Store", name: str | None, *, cwd: Path, service: str = "web", direct: bool = False,
    as_json: bool = False,
) -> Output:  # fmt: skip
    """Return the URL of a service, with `direct` the address and port of its server, which is then handed out."""
    from router.cli.opened import named_worktree
    from router.document import find_service

    document, tree = named_worktree(settings, store, name, cwd=cwd)
    target = find_service(tree, service)
    server = host_port(target["address"], target["port"])
    if direct and not any((p["kind"], p["service"]) == ("stranger-on-port", service) for p in tree["problems"]):
        from router.env.handed_out import hand_out

        hand_out(settings, store, path=tree["path"], service=service, port=target["port"])
    if as_json:
        return output.as_json({"name": tree["name"], "service": service, "url": target["url"], "address": server})
    return Output(f"{server if direct else target['url']}\n", doubts(document))


def doubts(document: "Document") -> tuple[str, ...]:
    """Return what to say of a document whose watcher is hung: it may be out of date."""
    hung = [problem for problem in document["problems"] if problem["kind"] == "watcher-hung"]
    if not hung:
        return ()
    from router.cli import table

    return tuple(line for problem in hung for line in table.problem_lines(problem))


def environment(
    settings: "Settings", store: "Store", *, cwd: Path, form: str = "shell", as_json: bool = False,
    listeners: "Listeners | None" = None,
) -> Output:  # fmt: skip
    """Return the environment of the worktree of a directory, written as `form` says; or all that is known of it."""
    from router.env import formats, worktree_env

    found = worktree_env.resolve(settings, store, cwd=cwd, listeners=listeners).environment
    if as_json:
        return output.as_json({"name": found.name, "ports": dict(found.ports), "values": dict(found.values)})
    writers = {"shell": formats.shell, "dotenv": formats.dotenv, "json": formats.as_json}
    return Output(writers[form](found.values) if form in writers else f"[env]\n{formats.mise(found.values)}")


def checked(
    settings: "Settings", store: "Store", *, cwd: Path, environ: Mapping[str, str],
    listeners: "Listeners | None" = None,
) -> Output:  # fmt: skip
    """Return that no value of a shell or of files is another worktree's. LeakError where one is."""
    from router.env import copied, leaks, worktree_env

    leaked, common = worktree_env.foreign_values(settings, store, cwd=cwd, environ=environ, listeners=listeners)
    leaks.refuse(leaked)
    copied.refuse(common)
    return Output(notes=("no value belongs to another worktree",))


def ready(
    settings: "Settings", store: "Store", command: tuple[str, ...], *, cwd: Path, environ: Mapping[str, str],
    fix: bool = False, as_is: bool = False, service: str | None = None, listeners: "Listeners | None" = None,
) -> Ready:  # fmt: skip
    """Return a command as it is run in the worktree of a directory. LeakError where a value is another worktree's."""
    from router.env import worktree_env
    from router.launch.prepared import prepared
    from router.sleep import kept

    own = worktree_env.command_environment(settings, store, cwd=cwd, environ=environ, fix=fix, listeners=listeners)
    kept.ran(store, own.current.worktree.id)
    notes = [f"replaced: {leak}" for leak in own.replaced]
    if names := ", ".join(dict.fromkeys(each.assignment.variable for each in own.copied)):
        notes.append(f"warning: the main checkout has the same {names}; `router env --check` says what to do")
    if as_is:
        return Ready(list(command), dict(own.values), tuple(notes))
    made = prepared(command, own.values, root=own.root, ports=own.ports, addresses=own.addresses, cwd=cwd,
                    service=service, store=store)  # fmt: skip
    return Ready(list(made.argv), dict(made.environ), (*notes, *made.notes))


def set_up(settings: "Settings", store: "Store", *, cwd: Path, listeners: "Listeners | None" = None) -> Output | None:
    """Set up the worktree of a directory where that is short, and return what was done; None where it is not."""
    from router.worktrees import git_commands, provision

    checkout = git_commands.checkout_at(cwd)
    asked = provision.wanted(checkout.main, store)
    if not provision.is_short(checkout, asked):
        return None
    said: list[str] = []
    provision.provision(checkout, asked, settings, store, say=said.append, listeners=listeners)
    return Output(notes=tuple(said))


def explained(
    settings: "Settings", store: "Store", what: str, *, cwd: Path, as_json: bool = False,
    listeners: "Listeners | None" = None,
) -> Output:  # fmt: skip
    """Return where a URL or an OAuth state leads; the code is 1 where that is no worktree."""
    from router.caddy.explain import explanation
    from router.cli import sleep_text
    from router.watcher import client, preview, recent

    planned, found = preview.would_route(settings, store, preview.repositories(store, cwd), listeners=listeners)
    explained = explanation(what, planned.table, port=settings.port, paths=settings.callback_paths,
                            target=settings.callback_target, recent=recent.written(store))  # fmt: skip
    stays: list[str] = []
    if explained.worktree:
        document = client.of_watcher(store) or preview.document(settings, store, planned, found)
        trees = (tree for tree in document["worktrees"] if tree["name"] == explained.worktree)
        stays = [line for tree in trees for line in sleep_text.lines(tree, now=time.time())]
    code, lines = 0 if explained.routed else 1, [*explained.lines, *stays]
    if as_json:
        return output.as_json({"worktree": explained.worktree, "routed": explained.routed, "lines": lines}, code=code)
    return Output("".join(f"{line}\n" for line in lines), code=code)


def owner(settings: "Settings", store: "Store", what: str, *, cwd: Path, as_json: bool = False) -> Output:
    """Return whose something is. NobodyKnowsError where nobody knows, UsageError where it cannot be understood."""
    from router.processes import answers, whose
    from router.watcher import client

    document, _ = client.here(settings, store, cwd=cwd)
    now = time.time()
    known = whose.sources(document, store.memory(), now=now, cwd=str(cwd))
    found = answers.facts(whose.whose(what, known), now=now)
    return output.as_json(found) if as_json else Output("".join(f"{line}\n" for line in answers.lines(found)))

"""What the dashboard asks of a running watcher, and nobody else does."""

import json
import os
from functools import partial
from http import HTTPStatus
from pathlib import Path

from router.document import Document
from router.env import worktree_env
from router.errors import RouterError
from router.observe.clients import is_mine
from router.servers import log, records
from router.settings import Settings
from router.store import Store
from router.watcher.actions import Actions, runner
from router.watcher.asked import Answerer, Question
from router.watcher.live import Answer, Answers, Doors, Usage, as_json, json_answer
from router.watcher.looks import Looks
from router.watcher.own_page import OwnPage, refusal


class Dashboard:
    """The answers for the dashboard, by path; `answer` answers commands."""

    def __init__(self, settings: Settings, store: Store, answer: Answerer) -> None:
        self._settings = settings
        self._store = store
        self._answer = answer
        self._usage = Usage(store)
        self._looks = Looks(store)
        self._page = OwnPage(settings.origin, partial(is_mine, port=settings.port), editor=settings.editor_url)
        self._actions = Actions(self._status, runner(store))

    @property
    def answers(self) -> Answers:
        """What every page of its origin may ask: memory, and what is looked up while it is open."""
        return {"/.router/memory.json": as_json(self._usage), "/.router/worktrees.json": as_json(self._looks)}

    @property
    def doors(self) -> Doors:
        """What only its own user's page may have: what changes something, and what a server has printed."""
        return {
            "/.router/token": self._page.token,
            "/.router/act/": self._page.acting(self._actions),
            "/.router/log/": self._page.reading(self.log),
            "/.router/env/": self._page.reading(self.variables),
            "/.router/explain/": self._page.reading(self.rule),
        }

    def log(self, asked: str) -> Answer:
        """Tell the last lines that the server of `<label>/<service>` has printed, without what looks like a secret."""
        label, _, service = asked.partition("/")
        path = self._path(label)
        if path is None:
            return _unknown(label)
        known = (each for each in records.of_path(self._store, path) if each.record.service == service)
        server = next(known, None)
        return json_answer({"lines": None if server is None else log.printed(server)})

    def variables(self, label: str) -> Answer:
        """Tell the names of the variables that a worktree's own environment has, and none of the values."""
        path = self._path(label)
        if path is None:
            return _unknown(label)
        try:
            values = worktree_env.resolve(self._settings, self._store, cwd=Path(path)).environment.values
        except RouterError as exc:
            return json_answer({"variables": [], "problem": exc.message})
        return json_answer({"variables": sorted(values), "problem": None})

    def rule(self, label: str) -> Answer:
        """Tell what `router explain` says of a worktree's address: where it leads, and by which rule."""
        tree = self._tree(label)
        if tree is None:
            return _unknown(label)
        try:
            found = self._answer(Question(("explain", tree["url"]), Path(tree["path"]), os.environ)) or {"text": ""}
        except RouterError as exc:
            return json_answer({"lines": [], "problem": exc.message})
        return json_answer({"lines": found["text"].splitlines(), "problem": None})

    def close(self) -> None:
        """Look up nothing more."""
        self._looks.close()

    def _path(self, label: str) -> str | None:
        tree = self._tree(label)
        return None if tree is None else str(tree["path"])

    def _tree(self, label: str) -> Document | None:
        trees = (self._status() or {"worktrees": ()})["worktrees"]
        return next((tree for tree in trees if tree["name"] == label), None)

    def _status(self) -> Document | None:
        found: Document | None = json.loads(self._store.read(self._store.status_file) or "null")
        return found


def _unknown(label: str) -> Answer:
    return refusal(f"no worktree is called {label}", HTTPStatus.NOT_FOUND)

"""Files that agents, tools and crashes write, as the readers take them."""

import contextlib
import json
import os
import string
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from router import repository_settings
from router.caddy import record
from router.errors import SettingsError
from router.memory_text import SCHEMA
from router.model import DEFAULT_SERVICES, WorktreeId
from router.naming import check_callback_path, is_label
from router.observe.envfiles import declarations
from router.observe.git import ListedWorktree, parse
from router.ports import parse_port
from router.remembered import Memory, RememberedService, RememberedWorktree
from router.routes.plan import plan
from router.store import RunningWatcher, Store
from tests.fakes import observed, worktree

# What git prints

RAW = st.binary(min_size=1, max_size=30).map(lambda raw: raw.replace(b"\0", b"").decode(errors="surrogateescape"))
TEXT = RAW.filter(bool)
RECORDS = st.builds(
    ListedWorktree,
    path=TEXT.map(lambda text: f"/{text}"),
    head=st.text(st.sampled_from("0123456789abcdef"), min_size=40, max_size=40),
    branch=st.none() | TEXT,
    bare=st.booleans(),
    locked=st.none() | RAW,
)
UNKNOWN = st.sampled_from(["", "prunable gitdir file points to non-existent location", "shiny", "shiny new"])


def printed(record: ListedWorktree, unknown: str) -> bytes:
    """Return a record as `git worktree list --porcelain -z` prints it, with an attribute of another version's."""
    lines = [f"worktree {record.path}", f"HEAD {record.head}", "bare" if record.bare else "", unknown]
    lines += [f"branch refs/heads/{record.branch}" if record.branch else "detached"]
    lines += [] if record.locked is None else [f"locked {record.locked}" if record.locked else "locked"]
    return b"".join(line.encode(errors="surrogateescape") + b"\0" for line in lines if line) + b"\0"


@given(st.lists(st.tuples(RECORDS, UNKNOWN), max_size=4))
def test_what_git_prints_is_what_is_read(records: list[tuple[ListedWorktree, str]]) -> None:
    output = b"".join(printed(record, unknown) for record, unknown in records)
    assert parse(output) == tuple(record for record, _ in records)


# Env and mise files

SPACE = st.text(st.sampled_from(" \t"), max_size=2)
VALUES = st.integers(0, 70_000).map(str) | st.text(string.ascii_letters + string.digits + "-_.:/", max_size=8)
QUOTES = st.sampled_from(["", "'", '"'])
NAMES = st.sampled_from(
    [variable for service in DEFAULT_SERVICES for variable in service.env] + ["PORTS", "XPORT", "_"]
)
NOISE = st.sampled_from(["", "# PORT=1", "OTHER='a b # c'", 'X="a\\"b"', "EMPTY=", "  # x = 'y"])
ENV_LINES = st.tuples(NAMES, VALUES, QUOTES, SPACE, st.sampled_from(["", "export "]), NOISE)


@given(st.lists(ENV_LINES, max_size=8), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
def test_an_env_file_says_what_its_last_line_for_a_name_says(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, ...]], end: str, mark: str
) -> None:
    expected, text = {}, []
    for name, value, quote, space, export, noise in lines:
        text += [noise, f"{export}{name}{space}={space}{quote}{value}{quote}{space}"]
        expected[name] = value
    found, problems = read(tmp_path_factory, ".env", (mark + end.join(text)).encode())
    assert not problems
    assert found == {name: value for name, value in expected.items() if name in known()}


TOML_VALUES: st.SearchStrategy[tuple[str, str | None]] = st.one_of(
    st.integers(-5, 70_000).map(lambda n: (str(n), str(n))),
    VALUES.map(lambda text: (json.dumps(text), text)),
    VALUES.map(lambda text: (f"{{ value = {json.dumps(text)}, tools = true }}", text)),
    st.sampled_from([("true", "true"), ("false", None), ("{ required = true }", None)]),
)


@given(st.dictionaries(NAMES, TOML_VALUES, max_size=6), st.booleans())
def test_a_mise_file_says_what_mise_would_export(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, tuple[str, str | None]], inline: bool
) -> None:
    lines = [f"{name} = {written}" for name, (written, _) in values.items()]
    text = f"env = {{ {', '.join(lines)} }}" if inline else "\n".join(["[tools]", 'node = "22"', "[env]", *lines])
    found, problems = read(tmp_path_factory, "mise.toml", text.encode())
    assert not problems
    assert found == {name: value for name, (_, value) in values.items() if name in known() and value is not None}


def known() -> set[str]:
    return {variable for service in DEFAULT_SERVICES for variable in service.env}


def read(factory: pytest.TempPathFactory, name: str, content: bytes) -> tuple[dict[str, str], tuple[object, ...]]:
    root = factory.getbasetemp() / f"fuzz-{name}"
    root.mkdir(exist_ok=True)
    (root / name).write_bytes(content)
    found, problems = declarations(root, DEFAULT_SERVICES)
    assert all(each.port == parse_port(each.text) for each in found)
    return {each.variable: each.text for each in found}, problems


# router.toml

HOSTILE = st.sampled_from(
    ["web", "api", "docs", "a--b", "", "x" * 64, "feature/x", "é", "..", "{env.HOME}", "\u202e", "0"]
)
WORDS = HOSTILE | st.text(max_size=6)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    WORDS,
    st.integers(-1, 70_000),
    st.booleans(),
    st.floats(),
    st.sampled_from(["/api", "/auth/callback", "../shop-*", "PORT"]),
)
FIELDS = "services env path strip ports base name hide glob copies worktrees callback_paths index project"
KEYS = st.sampled_from(FIELDS.split()) | WORDS
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS | st.lists(SCALARS, max_size=3), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
    ),
    max_size=4,
)


def toml(value: Any) -> str:
    """Return a value as TOML writes it inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")


@given(TREES)
def test_a_router_toml_can_be_used_or_is_refused_with_its_field(tree: dict[str, Any]) -> None:
    text = "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in tree.items())
    usable(lambda: repository_settings.read_repository_settings(text))


@given(
    st.text(
        st.sampled_from("[]{}\"'=.,#\n services.web env path ports 0123é") | st.characters(codec="utf-8"), max_size=80
    )
)
def test_any_text_is_a_router_toml_or_is_refused(text: str) -> None:
    usable(lambda: repository_settings.read_repository_settings(text))


def usable(ask: Callable[[], repository_settings.RepositorySettings]) -> None:
    with contextlib.suppress(SettingsError):
        found = ask()
        assert all(is_label(spec.name) for spec in found.specs())
        assert all(1024 <= port <= 65535 for each in found.overrides().values() for port in each.ports.values())
        assert all(check_callback_path(path) == path for path in found.callback_paths)


# What was remembered, and who says that it runs

KEPT = RememberedWorktree(
    WorktreeId("/r/.git", "x", 1),
    "x",
    "x",
    "x",
    {"web": RememberedService(3000, "hash"), "api": RememberedService(4, "listener")},
)
MEMORY = {"schema": SCHEMA, **json.loads(json.dumps(asdict(Memory(("/r/.git",), (KEPT,)))))}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)


def destinations(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(way for key, each in items for way in destinations(each, (*at, key)))]


def changed(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    """Return a JSON value with another one at the end of a way; removed where that is Ellipsis."""
    if not way:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if new is ... and len(way) == 1:
        del copy[way[0]]
    else:
        copy[way[0]] = changed(value[way[0]], way[1:], new)
    return copy


@st.composite
def spoiled(draw: st.DrawFn, value: Any) -> Any:
    """A value of JSON with something else at one or two destinations."""
    for _ in range(draw(st.integers(1, 2))):
        way = draw(st.sampled_from(destinations(value)))
        value = changed(value, way, draw(st.just(...) if way else JSON) if draw(st.booleans()) and way else draw(JSON))
    return value


@given(spoiled(MEMORY))
def test_a_spoiled_memory_can_be_planned_with_and_written_again_or_is_none(
    tmp_path_factory: pytest.TempPathFactory, document: Any
) -> None:
    store = opened(tmp_path_factory)
    store.memory_file.write_text(json.dumps(document))
    memory = store.remembered()
    if memory is not None:
        seen = observed(worktree("x"), worktree("y", created=2))
        after = plan(seen, memory).memory
        store.remember(after)
        assert store.remembered() == after


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "\0", '{"schema": 1e999}', "\ud800".encode(errors="surrogatepass")]
)
def test_a_memory_that_nests_without_end_is_none(tmp_path: Path, text: str | bytes) -> None:
    store = Store(tmp_path / "state")
    store.prepare()
    store.memory_file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert store.remembered() is None
    (store.directory / "caddy.json").write_bytes(store.memory_file.read_bytes())
    assert record.recorded(store.directory) is None


OWNER = {**asdict(RunningWatcher(4711, "2026", "0.1.0", 8080, "embedded"))}


@given(spoiled(OWNER) | JSON)
def test_a_spoiled_lock_names_a_process_or_nobody(tmp_path_factory: pytest.TempPathFactory, document: Any) -> None:
    store = opened(tmp_path_factory)
    lock = store.take_lock(RunningWatcher(1, "", "", 1, "embedded"))
    assert lock is not None
    try:
        (store.directory / "watcher.lock").write_text(json.dumps(document))
        owner = store.running_watcher()
        assert owner is None or (type(owner.pid) is int and owner.pid > 0 and isinstance(owner.mode, str))
    finally:
        os.close(lock)


RECORD = {"pid": 1, "created": 0.5, "port": 8080, "bind": ["fd/3"], "version": "v2"}


@given(spoiled(RECORD) | JSON)
def test_a_spoiled_record_of_caddy_names_no_process(tmp_path_factory: pytest.TempPathFactory, document: Any) -> None:
    store = opened(tmp_path_factory)
    assume(not (isinstance(document, dict) and isinstance(document.get("created"), float) and document["created"] > 1))
    (store.directory / "caddy.json").write_text(json.dumps(document))
    assert record.recorded(store.directory) is None


def opened(factory: pytest.TempPathFactory) -> Store:
    store = Store(factory.getbasetemp() / "fuzz-state")
    store.prepare()
    return store

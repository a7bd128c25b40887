"""What is handed over as JSON is what Caddy makes of the whole Caddyfile."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.caddy import assets, caddyfile, frame
from router.caddy.caddyfile import Site
from router.model import Wake
from router.route_table import FormerName, Route, RouteTable, Service
from tests.caddy.test_caddyfile import CASES, caddy, hostile_tables
from tests.fakes import SITE, route, service, table

LABELS = st.sampled_from(["a", "b", "main", "feature-x", "nan", "007", "t", "rows-0", "rows-3"])
NAMES = ["web", "api", "docs", "nan"]


def adapted(text: str) -> Any:
    return json.loads(caddy("adapt", "--adapter", "caddyfile", "--config", "-", text=text))


def as_json(text: str) -> Any:
    parts = frame.parts(text)
    return json.loads(frame.filled(frame.dumped(adapted(parts.frame)), parts.tables))


@st.composite
def services(draw: st.DrawFn, name: str) -> Service:
    """A service of any kind that a template has rules for."""
    return service(
        name,
        draw(st.integers(1, 65535)),
        address=draw(st.sampled_from(["127.0.0.1", "::1"])),
        source=draw(
            st.sampled_from(["hash", "listener", "env:.env.local", "mise:mise.toml", "container:shop-web_1.x"])
        ),
        tls=draw(st.booleans()),
        blocked=draw(st.booleans()),
        path=draw(st.none() | st.sampled_from(["/api", "/api/v2.0", "/d"])) if name != "web" else None,
        strip_path=draw(st.booleans()),
        wakes=draw(st.none() | st.just(Wake())),
    )


@st.composite
def routes(draw: st.DrawFn, label: str) -> Route:
    """A worktree with some services, some of its names from before."""
    names = draw(st.sets(st.sampled_from(NAMES[1:])))
    former = draw(st.booleans())
    return route(
        label,
        *(draw(services(name)) for name in ["web", *sorted(names)]),
        aliases=(f"{label}-before",) if former else (),
        former=(FormerName(f"{label}-before", 1e9),) if former else (),
        left=(f"{label}-first",) if draw(st.booleans()) else (),
        mask=draw(st.booleans()),
    )


@st.composite
def tables(draw: st.DrawFn) -> RouteTable:
    """A route table of any shape."""
    labels = draw(st.sets(LABELS, max_size=4))
    return table(
        *(draw(routes(label)) for label in sorted(labels)),
        callback_paths=draw(st.sampled_from([(), ("/api/auth/callback/*",)])),
    )


SITES = st.builds(
    lambda **values: replace(SITE, **values),
    live=st.sampled_from([None, "/s/my state/live.sock"]),
    bind=st.sampled_from([("127.0.0.1", "::1"), ("fd/3", "fd/4", "unix//s/ready-0|0600")]),
    port=st.sampled_from([80, 8080]),
    steered=st.booleans(),
    callback_target=st.sampled_from(["host", "port"]),
    upstream_host=st.sampled_from([None, "host.docker.internal"]),
)


@settings(max_examples=25)
@given(tables() | hostile_tables(), SITES)
def test_the_json_of_a_table_is_that_of_its_caddyfile(found: RouteTable, site: Site) -> None:
    text = caddyfile.render(found, site, templates=assets.templates())
    assert as_json(text) == adapted(text)


@pytest.mark.parametrize("case", CASES)
def test_the_json_of_a_case_is_that_of_its_caddyfile(case: str) -> None:
    found, site = CASES[case]
    text = caddyfile.render(found, site, templates=assets.templates())
    assert as_json(text) == adapted(text)


def test_another_worktree_or_port_changes_no_frame() -> None:
    live = replace(SITE, live="/s/live.sock")
    frames = {
        frame.parts(caddyfile.render(table(*trees), live, templates=assets.templates())).frame
        for trees in (
            [route("a", service("web", 3000, wakes=Wake()))],
            [route("b", service("web", 3001, source="listener", wakes=Wake()))],
            [route(name, service("web", 4000 + at, wakes=Wake())) for at, name in enumerate("abcd")],
        )
    }
    assert len(frames) == 1


def test_a_text_of_any_other_kind_is_all_frame() -> None:
    text = "http://:8080 {\n\trespond ok\n}\n"
    assert frame.parts(text) == frame.Parts(text, ())

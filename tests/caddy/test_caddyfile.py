"""The route table as a Caddyfile.

What is expected is in `golden/`: one whole Caddyfile, and for every other case what differs from it. After a wanted
change of the templates, rewrite them with `pytest tests/caddy/test_caddyfile.py --rewrite-golden` and read the
difference before it is committed.
"""

import difflib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.caddy import assets, caddyfile
from router.caddy.caddyfile import MARK, Endpoint, Site
from router.caddy.embedded import binary
from router.errors import SettingsError
from router.model import Container, Override, Wake, Worktree
from router.remembered import Memory
from router.route_table import FormerName, RouteTable
from router.routes.plan import plan
from tests.fakes import SITE, declared, listener, observed, repository, route, service, table, worktree

GOLDEN = Path(__file__).parent / "golden"
FULL = route(
    "feature-x",
    service("web", 14315, source="mise:.mise.local.toml"),
    service("api", 13315, address="::1", source="listener"),
    aliases=("shop-feature-x",),
)
SEVERAL = (FULL, route("main"), route("docs-only", service("web", 3000), service("docs", 3001)))
WHOLE = "several"
CASES: dict[str, tuple[RouteTable, Site]] = {
    WHOLE: (table(*SEVERAL), SITE),
    "nothing": (table(), SITE),
    "one": (table(route("main", service("web", 19410), service("api", 11193))), SITE),
    "tls": (table(*SEVERAL, route("secure", service("web", 3000, tls=True))), SITE),
    "mounts": (
        table(
            route("a", service("web", 3000), service("api", 4000, path="/api"), service("v2", 4001, path="/api/v2.0")),
            route("b", service("web", 3001), service("api", 4002, path="/api", strip_path=True)),
        ),
        SITE,
    ),
    "container": (table(*SEVERAL, route("x", service("web", 32768, source="container:shop-web-1"))), SITE),
    "blocked": (table(*SEVERAL, route("x", service("web", 3000, blocked=True))), SITE),
    "former": (
        table(*SEVERAL, route("x", aliases=("x-before",), former=(FormerName("x-before", 1e9),), left=("x-first",))),
        SITE,
    ),
    "former-port": (
        table(route("x", aliases=("x-before",), former=(FormerName("x-before"),))),
        replace(SITE, callback_target="port"),
    ),
    "port-80": (table(*SEVERAL), replace(SITE, port=80)),
    "handed-over": (table(*SEVERAL), replace(SITE, bind=("fd/3", "fd/4"), log="/s/my logs/caddy.log")),
    "live": (table(*SEVERAL), replace(SITE, live="/s/my state/live.sock")),
    "wake": (
        table(
            *SEVERAL, route("x", service("web", 3002, wakes=Wake()), service("api", 4000, address="::1", wakes=Wake()))
        ),
        replace(SITE, live="/s/live.sock"),
    ),
    "wake-mounts": (
        table(
            route(
                "a",
                service("web", 3000, wakes=Wake()),
                service("api", 4000, path="/api", strip_path=True, wakes=Wake()),
            ),
            route("b", service("web", 3001, tls=True, wakes=Wake())),
        ),
        replace(SITE, live="/s/live.sock"),
    ),
    "callbacks": (
        table(*SEVERAL, callback_paths=("/api/auth/callback/*",)),
        replace(SITE, callback_target="port", callback_paths=("/auth/callback", "/login/cb.php")),
    ),
    "elsewhere": (
        table(*SEVERAL),
        replace(
            SITE,
            bind=("0.0.0.0",),
            upstream_host="host.docker.internal",
            admin=Endpoint("caddy:2019", ("127.0.0.1:2019", "localhost:2019"), enforce_origin=True),
            access_log="-",
            persist=True,
        ),
    ),
    "access-log": (table(*SEVERAL), replace(SITE, access_log="/s/my logs/access.log")),
}


def rendered(found: RouteTable, site: Site = SITE) -> str:
    return caddyfile.render(found, site, templates=assets.templates())


def caddy(*args: str, text: str) -> str:
    command = [str(binary()), *args]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def golden(case: str) -> tuple[Path, str]:
    """Return the golden file of a case and what it should hold: the text, or what differs from the whole one."""
    text = rendered(*CASES[case])
    if case == WHOLE:
        return GOLDEN / f"{case}.caddyfile", text
    return GOLDEN / f"{case}.diff", difference(rendered(*CASES[WHOLE]), text)


def difference(whole: str, text: str) -> str:
    """Return a unified diff whose hunks say which block they are in, not at which lines: those change with others."""
    before, after = whole.splitlines(keepends=True), text.splitlines(keepends=True)
    lines = list(difflib.unified_diff(before, after, n=1))[2:]
    return "".join(_located(line, before) if line.startswith("@@") else line for line in lines)


def _located(hunk: str, before: list[str]) -> str:
    start = int(hunk.removeprefix("@@ -").replace(",", " ").split()[0])
    opened = (line for line in reversed(before[:start]) if line.endswith("{\n") and not line.startswith("\t"))
    return f"@@ {next(opened, '').strip()}\n"


@pytest.mark.parametrize("case", CASES)
def test_the_caddyfile_is_the_golden_one(case: str, request: pytest.FixtureRequest) -> None:
    path, text = golden(case)
    if request.config.getoption("--rewrite-golden"):
        path.write_text(text)
    assert text == path.read_text(), "wanted? then: pytest tests/caddy/test_caddyfile.py --rewrite-golden"


def test_there_is_no_golden_file_without_a_case() -> None:
    assert set(GOLDEN.iterdir()) == {golden(case)[0] for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_caddy_fmt_changes_nothing(case: str) -> None:
    text = rendered(*CASES[case])
    assert caddy("fmt", "-", text=text) == text


@pytest.mark.parametrize("case", CASES)
def test_caddy_understands_it_without_a_warning(case: str) -> None:
    command = [str(binary()), "adapt", "--adapter", "caddyfile", "--config", "-"]
    done = subprocess.run(command, input=rendered(*CASES[case]), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr


def adapted(text: str) -> Any:
    return json.loads(caddy("adapt", "--adapter", "caddyfile", "--config", "-", text=text))["apps"]["http"]["servers"]


def test_the_site_invokes_every_named_route_itself() -> None:
    """Caddy hands a server the routes that its site names, not those that only another named route names."""
    text = rendered(*CASES["mounts"])
    (server,) = adapted(text).values()
    assert set(server["named_routes"]) == set(re.findall(r"(?m)^&\(([a-z]+)\)", text))


def test_no_named_route_loses_a_part() -> None:
    """Of several directives without a matcher a named route keeps the first alone, unless a `route` is around them."""
    for block in re.findall(r"(?ms)^&\([a-z]+\) \{\n(.*?)^\}", rendered(*CASES[WHOLE])):
        assert re.findall(r"(?m)^\t\S.*$", block) == ["\troute {", "\t}"]


def test_the_sites_of_two_routers_go_into_a_caddyfile_of_somebody_else(tmp_path: Path) -> None:
    for port in (8080, 9090):
        text = caddyfile.render(
            table(*SEVERAL), replace(SITE, port=port), templates=assets.templates(), name="sites.j2"
        )
        assert caddy("fmt", "-", text=text) == text
        (tmp_path / f"{port}.caddyfile").write_text(text)
    imports = "".join(f"import {tmp_path}/{port}.caddyfile\n" for port in (8080, 9090))
    text = f"(own) {{\n\theader X-Own 1\n}}\n\n&(names) {{\n\trespond own\n}}\n\n{imports}"
    servers = adapted(f"{text}\nhttp://own.test:8081 {{\n\timport own\n\tinvoke names\n}}\n")
    assert sorted(server["listen"] for server in servers.values()) == [
        ["127.0.0.1:8080", "[::1]:8080"],
        ["127.0.0.1:9090", "[::1]:9090"],
        [":8081"],
    ]
    assert {name for server in servers.values() for name in server["named_routes"]} > {
        "names", "router-8080-names", "router-9090-names"
    }  # fmt: skip


def test_it_says_who_made_it() -> None:
    assert rendered(table()).startswith(MARK)


def test_the_same_observation_gives_the_same_bytes_in_any_order() -> None:
    trees = [worktree(name, created=n) for n, name in enumerate("abc")]
    one, other = (plan(observed(*order), Memory()).table for order in (trees, reversed(trees)))
    assert rendered(one) == rendered(other)


def test_two_services_at_one_address_are_one_to_wake() -> None:
    """Caddy refuses a map with the same input twice, and with it everything else."""
    both = table(*(route(name, service("web", 3000, wakes=Wake())) for name in "ab"))
    text = rendered(both, replace(SITE, live="/s/live.sock"))
    assert re.findall(r"(?m)^\t\t127\.0\.0\.1:3000 (.*)$", text) == ["a/web"]
    assert adapted(text)


@pytest.mark.parametrize("name", ["nan", "inf", "1e5", "007", "t", "false"])
def test_a_name_that_reads_as_a_number_or_a_truth_value_stays_a_name(name: str) -> None:
    """Caddy has no number for `nan` in JSON, and would refuse the whole map."""
    found = table(
        route(name, service("web", 3000), service(name, 3001)),
        route("x", aliases=(f"{name}-before",), former=(FormerName(f"{name}-before", 1e9),), left=("before",)),
        route(f"{name}-1", left=(f"{name}-first",)),
    )
    rows = [row for part in _maps(adapted(rendered(found))) for row in part.get("mappings", ())]
    outputs = [each for row in rows for each in row["outputs"]]
    assert name in outputs
    assert {each for each in outputs if not isinstance(each, str)} == {400}  # the status of the chooser


def _maps(part: Any) -> Iterator[Any]:
    """Return every `map` of an adapted configuration."""
    if isinstance(part, dict) and part.get("handler") == "map":
        yield part
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        assert each is not None or isinstance(part, dict), "the adapter had no JSON for it"
        yield from _maps(each)


def test_health_changes_nothing() -> None:
    up = table(route("a", service("web", 3000, up=True, pid=7, program="vite")))
    assert rendered(up) == rendered(table(route("a", service("web", 3000, up=False))))


def test_everything_binds_to_the_loopback_alone() -> None:
    binds = re.findall(r"(?m)^\s*bind (.*)$", rendered(table(FULL)))
    assert binds
    assert set(binds) == {"127.0.0.1 ::1"}


def test_a_thousand_worktrees_are_written() -> None:
    trees = [worktree(f"agent/{n}", path=f"/w/{n}", created=n) for n in range(1000)]
    text = rendered(plan(observed(*trees), Memory()).table)
    assert len(re.findall(r'(?m)^\t\tagent-\d+ "agent-\d+" ', text)) == 1000


# Nothing from a repository but labels, ports and the closed set of sources

LABEL = r"[a-z0-9]+(?:-[a-z0-9]+)*"
DIAL = r'(?:""|(?:https/)?(?:127\.0\.0\.1|\[::1\]):[0-9]{4,5})'
SOURCE = r'"(?:|default|found|[.a-z]+\.(?:env|local|toml)|\.env|container [A-Za-z0-9_.-]+)"'
ORIGIN = rf"http://{LABEL}\.localhost:8080"
ALLOWED = re.compile(
    rf'\t+(?:{LABEL} "{LABEL}"(?: {DIAL} {SOURCE})+ ""'
    rf"|{LABEL}\.localhost {DIAL}"
    rf'|names "(?:{LABEL}(?:, |(?=")))*"'
    rf'|(?:vars )?choices "(?:{LABEL}={ORIGIN}(?: |(?=")))*")'
)
HOSTILE = st.text(st.sampled_from('ab-/."`\\{}$<>[]()#~*?!;|&%\n\r\t\0 é分\udcff\u2028') | st.characters(), max_size=40)
EVIL = st.sampled_from(
    [
        "{env.HOME}",
        "${{x}}",
        "}\nrespond hi\n{",
        '" {args[0]} "',
        "# x",
        "import /etc/passwd",
        "a <<TEXT",
        "{$HOME}",
        "-x",
    ]
)
TEXT = HOSTILE | EVIL


def _scalar(text: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" for c in text)


@st.composite
def hostile_tables(draw: st.DrawFn) -> RouteTable:
    """The route table of a repository whose every name and value somebody chose to do harm."""
    text = TEXT.filter(_scalar)
    trees = []
    for place in range(draw(st.integers(1, 3))):
        values = [declared(draw(text), variable=draw(text)), declared(draw(st.integers(0, 99_999)), file="mise.toml")]
        path = f"/w/{draw(text)}{place}"
        tree = worktree(draw(st.none() | text), *values, path=path, created=place, admin=str(place), main=place == 0)
        trees.append(replace(tree, problems=()))
    overrides = {t.branch: Override(name=draw(st.none() | text.filter(bool))) for t in trees if t.branch is not None}
    listeners = [listener(port, draw(st.sampled_from(trees)), program=draw(text)) for port in draw(st.sets(PORTS))]
    seen = observed(
        repository(*trees, name=draw(text), overrides=overrides), *listeners, containers=_containers(trees[0])
    )
    return plan(seen, Memory()).table


PORTS = st.sampled_from([3000, 5173, 8000, 8080])


def _containers(tree: Worktree) -> tuple[Container, ...]:
    return (Container(tree.path, "docs", "shop-docs_1.x", 32768),)


BENIGN = plan(observed(worktree("main"), containers=_containers(worktree("main"))), Memory()).table
FRAME = {*rendered(BENIGN).splitlines(), *rendered(table()).splitlines()}


@settings(max_examples=60)
@given(hostile_tables())
def test_no_name_path_or_value_puts_anything_else_into_the_caddyfile(found: RouteTable) -> None:
    for line in rendered(found).splitlines():
        assert line in FRAME or ALLOWED.fullmatch(line), line


@given(HOSTILE)
def test_a_path_is_one_token_or_refused(path: str) -> None:
    try:
        token = caddyfile.quoted(path)
    except SettingsError:
        return
    assert re.fullmatch(r'"[^"\\`{}\x00-\x1f\x7f]*"', token)


@pytest.mark.parametrize("path", ["/a b", "/it's", "/ü", "/a#b", "/$HOME", "/[x]"])
def test_a_usual_path_is_quoted(path: str) -> None:
    assert caddyfile.quoted(path) == f'"{path}"'


@pytest.mark.parametrize("path", ['/a"b', "/a\\b", "/{env.HOME}", "/a\nb", "/a`b", "/a\udcff"])
def test_a_path_that_caddy_would_read_more_into_is_refused_with_its_setting(path: str) -> None:
    with pytest.raises(SettingsError) as caught:
        rendered(table(), replace(SITE, status=path))
    assert "ROUTER_STATE_DIR" in caught.value.hint

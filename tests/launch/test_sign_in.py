"""The variables of sign-in libraries that a server is started with."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from router.launch.prepared import Prepared, prepared
from router.launch.sign_in import Addresses, own_variables
from router.store import Store

HOME, API = "http://x.localhost:8080", "http://api.x.localhost:8080"
OF_NEXT, OF_OTHERS = "http://localhost:8080/api/auth", "http://localhost:8080/auth"
URIS = ("http://localhost:8080/auth/callback", f"{OF_OTHERS}/callback/*", f"{OF_NEXT}/callback/google")
NAMES = ("AUTH_TRUST_HOST", "AUTH_REDIRECT_PROXY_URL", "AUTH_URL")
NEXT = {"AUTH_TRUST_HOST": "true", "AUTH_REDIRECT_PROXY_URL": OF_NEXT, "AUTH_URL": HOME}


@pytest.mark.parametrize(
    ("dependencies", "variables"),
    [
        ({"next-auth", "next"}, NEXT),
        ({"@auth/express"}, {"AUTH_TRUST_HOST": "true", "AUTH_REDIRECT_PROXY_URL": OF_OTHERS}),
        ({"@auth/sveltekit"}, {"AUTH_TRUST_HOST": "true", "AUTH_REDIRECT_PROXY_URL": OF_OTHERS}),
        ({"@auth/prisma-adapter", "better-auth", "express-openid-connect", "passport"}, {}),
    ],
)
def test_each_library_is_told_its_own(dependencies: set[str], variables: dict[str, str]) -> None:
    assert own_variables(dependencies, url=HOME, redirect_uris=URIS) == variables


@pytest.mark.parametrize(("path", "base"), [
    ("/callback", "http://localhost:8080"), ("/callback/*", None), ("/auth/callback", None),
])  # fmt: skip
def test_express_openid_connect_is_told_the_origin_of_its_callback_path(path: str, base: str | None) -> None:
    uris = (URIS[0], f"http://localhost:8080{path}")
    assert own_variables({"express-openid-connect"}, url=HOME, redirect_uris=uris).get("BASE_URL") == base


@pytest.mark.parametrize(
    ("paths", "proxy"),
    [
        (["/auth/callback", "/api/auth/callback/*"], "/api/auth"),
        (["/auth/callback/*", "/api/auth/callback/*"], "/api/auth"),
        (["/sign-in/callback/google", "/sign-in/callback/github"], "/sign-in"),
        (["/one/callback/*", "/two/callback/*"], None),
        (["/auth/callback", "/callback/x", "/signin-oidc"], None),
    ],
)
def test_the_registered_address_is_that_of_its_callback_path(paths: list[str], proxy: str | None) -> None:
    uris = [f"http://localhost:8080{path}" for path in paths]
    found = own_variables({"next-auth"}, url=HOME, redirect_uris=uris).get("AUTH_REDIRECT_PROXY_URL")
    assert found == (proxy and f"http://localhost:8080{proxy}")


def ready(
    tmp_path: Path, line: str, files: Mapping[str, str], *, service: str | None = None, **environ: str
) -> Prepared:
    """Return how a command is run in a worktree with these files."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    store = Store(tmp_path / "state")
    store.prepare()
    addresses = Addresses({"web": HOME, "api": API}, URIS)
    return prepared(
        tuple(line.split()), environ, root=str(tmp_path), ports={"web": 14315, "api": 13315}, addresses=addresses,
        cwd=tmp_path, service=service, store=store,
    )  # fmt: skip


def given(made: Prepared) -> dict[str, str]:
    return {name: value for name, value in made.environ.items() if name in NAMES}


def project(*dependencies: str, **scripts: str) -> str:
    return json.dumps({"scripts": scripts, "dependencies": dict.fromkeys(dependencies, "*")})


APP = {"package.json": project("next-auth", "next", dev="next dev", serve="dotenv -e config/dev.env next dev")}


def test_a_server_is_told_and_it_is_said(tmp_path: Path) -> None:
    made = ready(tmp_path, "npm run dev", APP)
    assert given(made) == NEXT
    assert made.notes[-1] == (
        f"router: set for sign-in: AUTH_TRUST_HOST=true AUTH_REDIRECT_PROXY_URL={OF_NEXT} AUTH_URL={HOME}"
    )


@pytest.mark.parametrize("line", ["npm test", "next build", "make dev"])
def test_what_is_no_server_is_told_nothing(tmp_path: Path, line: str) -> None:
    assert not given(ready(tmp_path, line, APP))


def test_a_command_that_is_said_to_be_a_service_is_told(tmp_path: Path) -> None:
    assert given(ready(tmp_path, "make dev", APP, service="api")) == {**NEXT, "AUTH_URL": API}


@pytest.mark.parametrize(
    ("file", "text", "kept"),
    [
        (".env", "AUTH_URL=http://localhost:3000\n", {"AUTH_URL"}),
        (".env.local", "export NEXTAUTH_URL='http://localhost:3000'\n", {"AUTH_URL"}),
        (".env.development", "# AUTH_URL=x\nAUTH_TRUST_HOST=false\n", {"AUTH_TRUST_HOST"}),
        ("mise.toml", f'[env]\nAUTH_REDIRECT_PROXY_URL = "{OF_NEXT}"\n', {"AUTH_REDIRECT_PROXY_URL"}),
        ("config/dev.env", "AUTH_URL=http://localhost:3000\n", {"AUTH_URL"}),
        (".env", "MY_AUTH_URL=x\nAUTH_URL_OTHER=x\n", set()),
    ],
)
def test_what_an_env_file_sets_stays(tmp_path: Path, file: str, text: str, kept: set[str]) -> None:
    made = ready(tmp_path, "npm run serve", {**APP, file: text})
    assert NEXT.keys() - given(made).keys() == kept


def test_what_the_environment_sets_stays(tmp_path: Path) -> None:
    made = ready(tmp_path, "npm run dev", APP, NEXTAUTH_URL="http://localhost:3000", AUTH_TRUST_HOST="")
    assert given(made) == {"AUTH_TRUST_HOST": "", "AUTH_REDIRECT_PROXY_URL": OF_NEXT}
    assert made.environ["NEXTAUTH_URL"] == "http://localhost:3000"


def test_a_server_is_told_for_its_own_directory(tmp_path: Path) -> None:
    files = {
        "package.json": project(dev="npm run -w web dev"),
        "web/package.json": json.dumps({**json.loads(project("next-auth", dev="next dev")), "name": "web"}),
        "other/.env": "AUTH_URL=x\n",
    }
    assert given(ready(tmp_path, "npm run dev", files)) == NEXT
    (tmp_path / ".env").write_text("AUTH_URL=x\n")
    assert given(ready(tmp_path, "npm run dev", {})) == {name: NEXT[name] for name in NAMES[:2]}


@pytest.mark.parametrize("line", ["npm run dev", "honcho start"])
def test_of_several_servers_none_gets_anothers_address(tmp_path: Path, line: str) -> None:
    both = "npm --prefix web run dev", "npm --prefix api run dev"
    files = {
        "package.json": project(dev=f'concurrently "{both[0]}" "{both[1]}"'),
        "Procfile": f"web: {both[0]}\napi: {both[1]}\n",
        "web/package.json": project("next-auth", dev="next dev"),
        "api/package.json": project("@auth/express", dev="node server.js"),
    }
    proxies = {"AUTH_REDIRECT_PROXY_URL"}
    assert given(ready(tmp_path, line, files)) == {name: NEXT[name] for name in NEXT.keys() - proxies}
    (tmp_path / "api" / "package.json").write_text(project("next-auth", dev="next dev"))
    assert given(ready(tmp_path, line, {})) == {name: NEXT[name] for name in NAMES[:2]}

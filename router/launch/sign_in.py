"""What sign-in libraries are told so that they work behind the router: variables of their own that nothing sets yet."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from router.launch.tree import Package, Tree, above, inside, package
from router.values import dataclass, field

_AUTH_JS = frozenset({"@auth/express", "@auth/sveltekit", "@auth/solid-start", "@auth/qwik"})
_EXPRESS = "express-openid-connect"
_NEXT_AUTH = "next-auth"  # version 4 reads AUTH_TRUST_HOST alone of what is given here
_INSTEAD = {"AUTH_URL": ("NEXTAUTH_URL",)}
"""What the libraries read where a variable is not set: it stays in force."""
_FILES = (
    ".env.development.local", ".env.local", ".env.development", ".env", ".envrc", ".mise.local.toml", "mise.local.toml",
    ".mise.toml", "mise.toml",
)  # fmt: skip
_OF_AUTH_JS = re.compile(r"(https?://[^/]+(/[^*]+))/callback/[^/]+")
_OF_EXPRESS = re.compile(r"(https?://[^/]+)/callback")
_MOST = 20  # env files that commands name


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a worktree's services are, by service, and the redirect URIs that its apps may have registered."""

    urls: Mapping[str, str] = field(default_factory=dict)
    redirect_uris: tuple[str, ...] = ()


def own_variables(dependencies: Iterable[str], *, url: str, redirect_uris: Iterable[str]) -> dict[str, str]:
    """Return the variables for the libraries among an app's dependencies; the app is at `url`, empty if nobody knows.

    `AUTH_REDIRECT_PROXY_URL` is a registered redirect URI without the `/callback/…` at its end: that of the path where
    the library is by default, else the only one. https://authjs.dev/getting-started/deployment#environment-variables
    `BASE_URL` is the origin of the redirect URI on the path where express-openid-connect is by default.
    https://auth0.github.io/express-openid-connect/interfaces/ConfigParams.html#baseurl
    """
    names = frozenset(dependencies)
    of_next = _NEXT_AUTH in names
    found: dict[str, str] = {}
    if of_next or names & _AUTH_JS:
        found["AUTH_TRUST_HOST"] = "true"
        found["AUTH_REDIRECT_PROXY_URL"] = _proxy_url(redirect_uris, "/api/auth" if of_next else "/auth")
    if of_next:
        found["AUTH_URL"] = url
    if _EXPRESS in names:
        found["BASE_URL"] = next((match[1] for each in redirect_uris if (match := _OF_EXPRESS.fullmatch(each))), "")
    return {name: value for name, value in found.items() if value}


def given(
    served: Sequence[tuple[str, str]],
    files: Tree,
    addresses: Addresses,
    *,
    argv: tuple[str, ...],
    environ: Iterable[str],
) -> dict[str, str]:
    """Return the variables for the servers of a command, each given as its directory and its service.

    What `environ` or an env file sets stays, and so does what two servers would need otherwise.
    """
    there = frozenset(environ)
    found: dict[str, set[str]] = {}
    for folder, service in served:
        for name, value in _of_server(folder, addresses.urls.get(service, ""), files, addresses, argv):
            if there.isdisjoint(_names(name)):
                found.setdefault(name, set()).add(value)
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


def _of_server(
    folder: str, url: str, files: Tree, addresses: Addresses, argv: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Yield the variables for the server in a directory that its env files do not set, each with its value."""
    project = package(files, folder)
    if project and (own := own_variables(project.dependencies, url=url, redirect_uris=addresses.redirect_uris)):
        texts = tuple(_env_files(folder, project, argv, files))
        yield from ((name, value) for name, value in own.items() if not any(_sets(each, name) for each in texts))


def _names(variable: str) -> tuple[str, ...]:
    return (variable, *_INSTEAD.get(variable, ()))


def _proxy_url(redirect_uris: Iterable[str], path: str) -> str:
    bases = {match[1]: match[2] for uri in redirect_uris if (match := _OF_AUTH_JS.fullmatch(uri))}
    usual = next((base for base, its_path in bases.items() if its_path == path), "")
    return usual or (next(iter(bases)) if len(bases) == 1 else "")


def _env_files(folder: str, project: Package, argv: tuple[str, ...], files: Tree) -> Iterator[str]:
    """Yield the env files of a server's directory and those above it, and those that its commands name."""
    words = re.split(r"[\s\"'=]+", " ".join((*argv, *project.scripts.values())))
    named = islice(dict.fromkeys(each for each in words if "env" in each), _MOST)
    for name in dict.fromkeys((*_FILES, *named)):
        for each in above(folder):
            if (text := files.read(inside(each, name))) is not None:
                yield text


def _sets(text: str, variable: str) -> bool:
    """Tell whether an env or a mise file sets a variable, or what is read in its place, whatever to."""
    pattern = rf"^[ \t]*(?:export[ \t]+)?[\"']?(?:{'|'.join(_names(variable))})[\"']?[ \t]*[=:]"
    return re.search(pattern, text, re.MULTILINE) is not None

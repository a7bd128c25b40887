"""webpack-dev-server, by itself and in Vue CLI: since 4.11 it accepts every `*.localhost`.

Before, it accepts what `allowedHosts` has, and everything with `disableHostCheck` (3) or `allowedHosts: "all"` (4).
"""

from collections.abc import Iterator, Sequence

from router.doctor.frameworks.framework import Files, Framework, Version, elsewhere, first_of, worst
from router.doctor.frameworks.javascript import Object, Value, properties, tokens
from router.doctor.frameworks.package import SCRIPTS, Command, Package, installed, lowest

ACCEPTS: Version = (4, 11)
SERVER = "webpack-dev-server"
INSTALLED = f"node_modules/{SERVER}/package.json"
REFUSES = 'it answers "Invalid Host header"'

_CONFIGS = tuple(f"webpack.config.{end}" for end in SCRIPTS)
_VUE = tuple(f"vue.config.{end}" for end in SCRIPTS)
_VUE_SERVICE = "@vue/cli-service"
_LINE = 'devServer: { allowedHosts: [".localhost"] },'
_LOOK = f'devServer needs ".localhost" in allowedHosts before {SERVER} 4.11, and must set no address for hot reload'
_ADDRESSES = ("public", "sockHost", "sockPort")  # of hot reload, in version 3
_THE_PAGES = frozenset({"0.0.0.0", "auto", "0", "undefined"})  # noqa: S104 - its client reads it as the page's own


def frameworks(files: Files, package: Package) -> Iterator[Framework]:
    """Yield what webpack-dev-server needs, where a directory is an app of it."""
    programs = (SERVER, "webpack")
    if not package.is_app(files, (SERVER,), programs=programs, configs=_CONFIGS):
        return
    file = next(iter(_named(package)), "") or first_of(files, _CONFIGS) or "webpack.config.js"
    allowed = any(_allows(command) for command in package.commands(*programs))
    version = ACCEPTS if allowed else installed(files, SERVER) or _by_range(package.all[SERVER])
    yield _dev_server(SERVER, file, files.get(file, ""), version)


def vue_cli(files: Files, package: Package) -> Iterator[Framework]:
    """Yield what Vue CLI needs: 3 and 4 bring webpack-dev-server 3, 5 brings any since 4.7."""
    if not package.is_app(files, (_VUE_SERVICE,), programs=("vue-cli-service",), configs=_VUE):
        return
    file = first_of(files, _VUE) or "vue.config.js"
    own = installed(files, _VUE_SERVICE) or lowest(package.all[_VUE_SERVICE])
    version = installed(files, SERVER) or ((3, 11) if own and own < (5,) else None)
    if any(command.option("--public") for command in package.commands("vue-cli-service")):
        yield elsewhere("vue-cli", "package.json", "its --public")
    else:
        yield _dev_server("vue-cli", file, files.get(file, ""), version)


def further_files(package: Package) -> tuple[str, ...]:
    """Return the names of the files of webpack and Vue CLI that are worth reading."""
    return (*_CONFIGS, *_VUE, INSTALLED, f"node_modules/{_VUE_SERVICE}/package.json", *_named(package))


def _named(package: Package) -> list[str]:
    """Return the configurations that the scripts name."""
    given = (command.option("--config", "-c") or "" for command in package.commands(SERVER, "webpack"))
    return [name.removeprefix("./") for name in given if name]


def _by_range(wanted: str) -> Version | None:
    """Return a version that a range allows where all that it allows accept our hosts, or none does; else None."""
    least = lowest(wanted)
    return least if least and (least >= ACCEPTS or least < ACCEPTS[:1]) else None


def _allows(command: Command) -> bool:
    return command.option("--disable-host-check") is not None or command.option("--allowed-hosts") in {
        "all",
        ".localhost",
    }


def _dev_server(name: str, file: str, text: str, version: Version | None) -> Framework:
    """Return what the `devServer` of a configuration needs; its version is None where it is not known."""
    servers = list(properties(tokens(text), "devServer"))
    known = [server.object for server in servers if server.object is not None]
    computed = len(known) < len(servers) or any(server.open for server in known)
    hosts = True if version and version >= ACCEPTS else _accepted(known)
    if hosts is False and version and not computed:
        return Framework(name, line=_LINE, file=file, without=REFUSES)
    answers = [answer for server in known for answer in _hot(name, file, server)]
    if computed or hosts is None:
        answers.append(_unsure(name, file, "its devServer is a variable or computed"))
    elif not hosts:
        answers.append(_unsure(name, file, f"which {SERVER} it has shows once it is installed"))
    return worst(answers) or Framework(name)


def _accepted(servers: Sequence[Object]) -> bool | None:
    """Tell whether old versions accept our hosts with these settings; None where only running them shows that."""
    answers = [_accepts(server) for server in servers]
    if not answers or False in answers:
        return False
    return None if None in answers else True


def _accepts(server: Object) -> bool | None:
    check, hosts = server.get("disableHostCheck"), server.get("allowedHosts")
    items = (hosts.items if hosts.text is None else (hosts,)) if hosts else ()
    texts = [item.text for item in items or ()]
    if (check and check.plain == "true") or ".localhost" in texts or (hosts and hosts.text == "all"):
        return True
    return False if items is not None and None not in texts and (not check or check.plain) else None


def _hot(name: str, file: str, server: Object) -> Iterator[Framework]:
    """Yield each setting that sends hot reload elsewhere, or may."""
    client = server.get("client")
    settings = client.object if client else None
    if client and client.plain is None and (settings is None or settings.open):
        yield _unsure(name, file, "its devServer.client is a variable or computed")
    places = [(key, server.get(key)) for key in _ADDRESSES]
    url = settings.get("webSocketURL") if settings else None
    parts = url.object if url else None
    if parts and not parts.open:
        places += [(f"client.webSocketURL.{key}", parts.get(key)) for key in ("hostname", "port")]
    elif url and not (url.text or "").startswith("auto://0.0.0.0"):
        places.append(("client.webSocketURL", url))
    for key, value in places:
        if value is not None and value.plain not in _THE_PAGES:
            yield _place(name, file, key, value)


def _place(name: str, file: str, key: str, value: Value) -> Framework:
    if value.plain is not None:
        return elsewhere(name, file, f"its {key}")
    return _unsure(name, file, f"its {key} is a variable or computed")


def _unsure(name: str, file: str, why: str) -> Framework:
    return Framework(name, file=file, unsure=why, look=_LOOK)

"""Angular: since 17 its server is Vite's, or a webpack-dev-server that accepts every `*.localhost`."""

from collections.abc import Iterator, Mapping
from typing import Any

from router.doctor.frameworks.framework import Files, Framework, as_json, elsewhere
from router.doctor.frameworks.javascript import tokens
from router.doctor.frameworks.package import Package, installed, lowest
from router.doctor.frameworks.webpack import ACCEPTS, INSTALLED, REFUSES, SERVER

_PACKAGES = ("@angular/cli", "@angular/build", "@angular-devkit/build-angular")
_FILE = "angular.json"
_LINE = '"allowedHosts": [".localhost"]'
_NEW, _OLD = (14, 2), (14,)  # 14.2 is the first with webpack-dev-server 4.11; every 13 has an older one


def frameworks(files: Files, package: Package) -> Iterator[Framework]:
    """Yield what Angular needs, where a directory is an app of it."""
    if not package.is_app(files, _PACKAGES, programs=("ng",), configs=(_FILE,)):
        return
    served = list(_served(as_json(_without_comments(files.get(_FILE, "")))))
    accepts = _accepts_itself(files, package)
    if any(isinstance(options.get("publicHost"), str) for options in served):
        yield elsewhere("angular", _FILE, "its publicHost")
    elif accepts or any(_allows(options) for options in served):
        yield Framework("angular")
    elif accepts is False:
        yield Framework("angular", line=_LINE, file=_FILE, without=REFUSES)
    else:
        why = f"which {SERVER} it has shows once it is installed"
        yield Framework("angular", file=_FILE, unsure=why, look=f"before Angular 14.2 serve needs {_LINE}")


def further_files() -> tuple[str, ...]:
    """Return the names of its files that are worth reading."""
    return (_FILE, INSTALLED, *(f"node_modules/{name}/package.json" for name in _PACKAGES))


def _accepts_itself(files: Files, package: Package) -> bool | None:
    """Tell whether its server accepts our hosts by itself; None where that is not known."""
    if server := installed(files, SERVER):
        return server >= ACCEPTS
    if own := next((version for name in _PACKAGES if (version := installed(files, name))), None):
        return own >= _NEW
    least = next((version for name in _PACKAGES if (version := lowest(package.all.get(name, "")))), None)
    if least is None or _OLD <= least < _NEW:
        return None
    return least >= _NEW


def _served(workspace: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the options of each `serve` target, and those of its configurations."""
    projects = workspace.get("projects")
    for project in projects.values() if isinstance(projects, dict) else ():
        targets = project.get("architect", project.get("targets")) if isinstance(project, dict) else None
        serve = targets.get("serve") if isinstance(targets, dict) else None
        if isinstance(serve, dict):
            several = serve.get("configurations")
            options = (serve.get("options"), *(several.values() if isinstance(several, dict) else ()))
            yield from (each for each in options if isinstance(each, dict))


def _allows(options: Mapping[str, Any]) -> bool:
    hosts = options.get("allowedHosts")
    return (
        options.get("disableHostCheck") is True or hosts is True or (isinstance(hosts, list) and ".localhost" in hosts)
    )


def _without_comments(text: str) -> str:
    return " ".join(tokens(text)) if "/" in text else text

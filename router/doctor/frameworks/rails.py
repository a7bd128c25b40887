"""Whether a Rails application accepts `*.localhost`: what ActionPack makes of `config.hosts` decides.

In development that is `.localhost` by itself. A text with a leading dot stands for one label in front of it, an
expression has to match the whole host, and a port may follow either. As 6.1.7 answered when it was asked. Before
6.0.4.2 and 6.1.4.2 the dot stood for any number of labels.
"""

import re
from collections.abc import Iterator, Sequence

from router.doctor.frameworks import ruby_hosts, ruby_patterns
from router.doctor.frameworks.framework import (
    ONE_LABEL,
    TWO_LABELS,
    Files,
    Framework,
    Version,
    agreed,
    either,
    number,
)
from router.doctor.frameworks.ruby_hosts import Host, Hosts

MARKER = "Gemfile"
_DEVELOPMENT = "config/environments/development.rb"
_CONFIGS = ("config/application.rb", _DEVELOPMENT)
_INITIALIZERS = tuple(f"config/initializers/{name}.rb" for name in ("allowed_hosts", "host_authorization", "hosts"))
_CHECKS = (6, 0)  # has ActionDispatch::HostAuthorization
_CHANGED = ((6, 0, 4, 2), (6, 1, 4, 2))  # the first of their kind whose dot stands for one label
_HTTP = 80
_DEFAULT = (Host(text=".localhost"),)
_LINE = r"config.hosts << /[a-z0-9.-]+\.localhost(:\d+)?/"
_PROGRAMS = frozenset({"rails", "puma", "rackup", "unicorn"})
_GEM = re.compile(r"""^[ \t]*gem[ \t]*\(?[ \t]*["']rails["']""", re.MULTILINE)
_IS_GEM = re.compile(r"^[ \t]*gemspec\b", re.MULTILINE)


def frameworks(files: Files, *, port: int) -> Iterator[Framework]:
    """Yield what a Rails application needs, where a directory has one; the router listens on this port."""
    gemfile = files.get(MARKER, "")
    is_library = _IS_GEM.search(gemfile) and not any(name in files for name in _CONFIGS)
    if not _GEM.search(gemfile) or is_library:
        return
    version = number(r"^    rails \((\d+(?:\.\d+){1,3})", files.get("Gemfile.lock", ""))
    if version and version < _CHECKS:
        yield Framework("rails")
        return
    found = ruby_hosts.ways([files.get(name, "") for name in (*_CONFIGS, *_INITIALIZERS)], _DEFAULT)
    one, deep = (agreed([_all(hosts, names, version, port) for hosts in found]) for names in (ONE_LABEL, TWO_LABELS))
    yield _answer(one, deep)


def further_files(files: Files) -> Iterator[str]:
    """Yield the names of further files to read."""
    if MARKER in files:
        yield from ("Gemfile.lock", *_CONFIGS, *_INITIALIZERS)


def _answer(one: bool | None, deep: bool | None) -> Framework:
    if one and deep:
        return Framework("rails")
    programs = _PROGRAMS if one else frozenset[str]()
    if one is None or (one and deep is None):
        look = f"config.hosts must hold {_LINE.removeprefix('config.hosts << ')} in development, or be cleared"
        why = "config.hosts is computed, or depends on a condition"
        return Framework("rails", file=_DEVELOPMENT, deep=bool(one), programs=programs, unsure=why, look=look)
    return Framework("rails", _LINE, _DEVELOPMENT, "it answers 403, Blocked hosts", deep=bool(one), programs=programs)


def _all(hosts: Hosts, names: Sequence[str], version: Version | None, port: int) -> bool | None:
    """Tell whether these entries accept all of these hosts; where there is none, nothing is checked."""
    if not hosts:
        return True
    answers = [either([_accepts(host, name, version, port) for host in hosts]) for name in names]
    return False if False in answers else None if None in answers else True


def _accepts(host: Host, name: str, version: Version | None, port: int) -> bool | None:
    """Tell whether an entry accepts a host, which comes with the router's port; None where it is not known."""
    old = version is not None and any(version[:2] == new[:2] and version < new for new in _CHANGED)
    if host.expression is not None:
        # The port may be in the expression, or follow it; old versions take it away first
        text = name if old or port == _HTTP else f"{name}:{port}"
        found = ruby_patterns.ends(host.expression, text, ignore_case=host.ignore_case)
        return None if found is None else bool({len(name), len(text)} & found)
    if host.text is None:
        return None
    if not host.text.startswith("."):
        return host.text.lower() in {name, f"{name}:{port}"}
    domain = host.text[1:].lower()
    return domain in {name, name.partition(".")[2]} or (old and name.endswith(f".{domain}"))

"""The environment of one worktree: its own names, ports and URLs, none of which another live worktree has."""

from collections.abc import Iterable, Mapping
from typing import Any

from router.errors import TemplateValueError
from router.model import Repository, ServiceSpec, Worktree
from router.naming import origin, service_host
from router.ports import hash_port
from router.remembered import RememberedWorktree
from router.routes.routable import services_of
from router.routes.seen import found, seen
from router.shared_names import database_name
from router.text import shown
from router.values import dataclass, field, replace

LONGEST = 4096
"""Characters of a template, and of what comes out of it."""
_OWN = (
    "FEATURE", "WORKTREE_NAME", "WORKTREE_BRANCH", "WORKTREE_URL", "WORKTREE_API_URL", "OAUTH_STATE", "DATABASE_NAME",
    "RABBITMQ_VHOST", "REDIS_KEY_PREFIX", "COMPOSE_PROJECT_NAME",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment of one worktree: its label as `name`, and the values of its variables in order.

    `ports` are its services' ports by service, `index` its number among the worktrees of its repository. What only it
    uses in shared servers: `database`, `vhost`, `prefix` (of Redis keys) and `project` (of Compose). `unseen` is what
    templates may name besides: the URLs of services that are not there yet.
    """

    path: str
    name: str
    repository: str
    main: bool
    index: int
    ports: Mapping[str, int]
    urls: Mapping[str, str]
    database: str
    vhost: str
    prefix: str
    project: str
    values: Mapping[str, str]
    unseen: Mapping[str, str] = field(default_factory=dict)


def base_environment(
    repository: Repository, worktree: Worktree, remembered: RememberedWorktree, *, port: int, redirect_uri: str
) -> Environment:
    """Return the environment of a worktree, without what `router.toml` adds.

    `remembered` has every port and name that the worktree has; `port` is the router's own, `redirect_uri` the
    one registered with the identity provider.
    """
    assigned = {spec.name: _env_port(remembered, spec.name) for spec in services_of(repository, worktree)}
    ports = {service: service_port for service, service_port in assigned.items() if service_port}
    urls = {service: origin(service_host(remembered.label, service), port) for service in ports}
    there = seen(repository, found(remembered.services))
    database = remembered.own_database or database_name(remembered.project)
    vhost = f"/{remembered.scope}"
    prefix = f"{remembered.scope}:" if remembered.scope else ""
    values = {
        "FEATURE": remembered.label,
        "WORKTREE_NAME": remembered.label,
        "WORKTREE_BRANCH": shown(worktree.branch or ""),
        "WORKTREE_URL": urls.get("web", ""),
        **({"WORKTREE_API_URL": urls.get("api", "")} if "api" in there else {}),
        **{  # not of services that files name: one called `db` or `mail` would change what DB_PORT and MAIL_PORT mean
            variable: str(ports[service])
            for variable, service in port_variables(repository.services)
            if service in ports
        },
        "OAUTH_REDIRECT_URI": redirect_uri,
        "OAUTH_STATE": remembered.label,
        "DATABASE_NAME": database,
        "RABBITMQ_VHOST": vhost,
        "REDIS_KEY_PREFIX": prefix,
        "COMPOSE_PROJECT_NAME": remembered.project,
    }
    return Environment(
        path=worktree.path, name=remembered.label, repository=remembered.repository, main=worktree.main,
        index=remembered.index or 0, ports=ports, urls=urls, database=database, vhost=vhost, prefix=prefix,
        project=remembered.project, values=values,
        unseen={} if "api" in there else {"WORKTREE_API_URL": urls.get("api", "")},
    )  # fmt: skip


def with_templates(base: Environment, templates: Mapping[str, str], *, branch: str | None) -> Environment:
    """Return an environment with the values of these templates, in their order: each may use those before it.

    TemplateValueError says variable and line.
    """
    values = dict(base.values)
    names = {
        "name": base.name,
        "branch": branch or "",
        "repository": base.repository,
        "main": base.main,
        "index": base.index,
        "hash_port": lambda text: hash_port(str(text)),
        "service": lambda name: _service(base, str(name)),
    }
    for variable, template in templates.items():
        try:
            values[variable] = _filled(template, {**base.unseen, **values, **names})
        except TemplateValueError as exc:
            hint = f"use one of {', '.join(sorted({**base.unseen, **values, **names}))}"
            raise TemplateValueError(f"{variable}: {exc.message}", line=exc.line, hint=hint) from exc
    return replace(base, values=values)


def _filled(template: str, names: Mapping[str, Any]) -> str:
    """Return a template filled in; what has no expression is what it says, and Jinja is not imported for it."""
    if len(template) <= LONGEST and not {"{", "\r"} & set(template):
        return template
    from router.env.templates import filled

    return filled(template, names)


def port_variables(services: Iterable[ServiceSpec]) -> tuple[tuple[str, str], ...]:
    """Return which variable names the port of which service: the usual ones, and the first of each other service."""
    named = [(s.env[0] if s.env else f"{s.name.upper().replace('-', '_')}_PORT", s.name) for s in services]
    return tuple({"FRONTEND_PORT": "web", "BACKEND_PORT": "api", "PORT": "web", **dict(named)}.items())


def varying(services: Iterable[ServiceSpec], templates: Mapping[str, str]) -> frozenset[str]:
    """Return the variables that have another value in each worktree of a repository with these services and `[env]`."""
    filled_in = {variable for variable, template in templates.items() if "{{" in template or "{%" in template}
    return frozenset({*_OWN, *dict(port_variables(services))} - (templates.keys() - filled_in) | filled_in)


@dataclass(frozen=True, slots=True)
class ServiceValue:
    """What `service('…')` returns in a template; as text it is the service's URL."""

    url: str
    host: str
    port: int

    def __str__(self) -> str:
        """Return the URL."""
        return self.url


def _service(base: Environment, name: str) -> ServiceValue:
    if name not in base.ports:
        raise ValueError(f"there is no service {name!r}; use one of {', '.join(base.ports)}")
    return ServiceValue(base.urls[name], service_host(base.name, name), base.ports[name])


def _env_port(remembered: RememberedWorktree, service: str) -> int | None:
    """Return the port of a service as the environment has it: the one remembered for it, else the assigned one."""
    port = remembered.services.get(service)
    return (port.env_port or port.assigned) if port else None

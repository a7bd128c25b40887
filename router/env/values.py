"""What one worktree's app is told: its own names, ports and URLs, none of which another live worktree has."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from router.errors import TemplateValueError
from router.model import RememberedWorktree, Repository, Worktree
from router.naming import origin, service_host, shown
from router.ports import hash_port


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment of one worktree: what it is called, and the values of its variables in order.

    `ports` are its services' ports by service, `index` its number among the worktrees of its repository. What is its
    alone in shared servers: `database`, `vhost`, `prefix` (of Redis keys) and `project` (of Compose).
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


def environment(
    repository: Repository, worktree: Worktree, kept: RememberedWorktree, *, port: int, redirect_uri: str
) -> Environment:
    """Return the environment of a worktree, without what `router.toml` adds.

    `kept` is what is remembered of it, which has every port and name that was given out; `port` the router's own,
    `redirect_uri` the one registered with the identity provider.
    """
    ports = {spec.name: found for spec in repository.services if (found := _env_port(kept, spec.name))}
    urls = {service: origin(service_host(kept.label, service), port) for service in ports}
    database, vhost = database_name(kept.project), f"/{kept.scope}"
    prefix = f"{kept.scope}:" if kept.scope else ""
    values = {
        "FEATURE": kept.label,
        "WORKTREE_NAME": kept.label,
        "WORKTREE_BRANCH": shown(worktree.branch or ""),
        "WORKTREE_URL": urls.get("web", ""),
        "WORKTREE_API_URL": urls.get("api", ""),
        **{variable: str(ports[service]) for variable, service in port_variables(repository) if service in ports},
        "OAUTH_REDIRECT_URI": redirect_uri,
        "OAUTH_STATE": kept.label,
        "DATABASE_NAME": database,
        "RABBITMQ_VHOST": vhost,
        "REDIS_KEY_PREFIX": prefix,
        "COMPOSE_PROJECT_NAME": kept.project,
    }
    return Environment(
        path=worktree.path, name=kept.label, repository=kept.repository, main=worktree.main, index=kept.index or 0,
        ports=ports, urls=urls, database=database, vhost=vhost, prefix=prefix, project=kept.project, values=values,
    )  # fmt: skip


def extended(plain: Environment, templates: Mapping[str, str], *, branch: str | None) -> Environment:
    """Return an environment with the values of these templates, in their order: each may use those before it.

    TemplateValueError says variable and line.
    """
    from router.env.templates import filled  # Jinja takes longer to import than all else; most have no templates

    values = dict(plain.values)
    known = {
        "name": plain.name,
        "branch": branch or "",
        "repository": plain.repository,
        "main": plain.main,
        "index": plain.index,
        "hash_port": lambda text: hash_port(str(text)),
        "service": lambda name: _service(plain, str(name)),
    }
    for name, text in templates.items():
        try:
            values[name] = filled(text, {**values, **known})
        except TemplateValueError as exc:
            hint = f"there are {', '.join(sorted({**values, **known}))}"
            raise TemplateValueError(f"{name}: {exc.message}", line=exc.line, hint=hint) from exc
    return replace(plain, values=values)


def port_variables(repository: Repository) -> tuple[tuple[str, str], ...]:
    """Return which variable names the port of which service: the usual ones, and the first of each other service."""
    named = [(s.env[0] if s.env else f"{s.name.upper().replace('-', '_')}_PORT", s.name) for s in repository.services]
    return tuple({"FRONTEND_PORT": "web", "BACKEND_PORT": "api", "PORT": "web", **dict(named)}.items())


def database_name(project: str) -> str:
    """Return the name of a project's database: letters, digits and `_`, no digit first, at most 63 bytes.

    PostgreSQL cuts longer ones without an error, so that two would meet in one database. Two projects never share a
    name: a project has single hyphens and no `_`.
    """
    name = project.replace("-", "_")
    return f"_{name}" if name[:1].isdigit() else name


@dataclass(frozen=True, slots=True)
class ServiceValue:
    """What a template learns of a service; written out it is its URL."""

    url: str
    host: str
    port: int

    def __str__(self) -> str:
        """Return the URL."""
        return self.url


def _service(plain: Environment, name: str) -> ServiceValue:
    if name not in plain.ports:
        raise ValueError(f"there is no service {name!r}; there are {', '.join(plain.ports)}")
    return ServiceValue(plain.urls[name], service_host(plain.name, name), plain.ports[name])


def _env_port(kept: RememberedWorktree, service: str) -> int | None:
    known = kept.services.get(service)
    return (known.env_port or known.assigned) if known else None

"""What the templates that route sign-ins are given: names, paths and the grammar of tags, as regular expressions."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from router.caddy import callback_rules, tag
from router.naming import HostForm, host_forms, origin
from router.route_table import Route, RouteTable

HTTP = 80


def values(
    table: RouteTable, *, port: int, target: str, paths: Iterable[str], services: Sequence[str], relay: str
) -> dict[str, Any]:
    """Return the values by name. `target` is ROUTER_CALLBACK_TARGET, `relay` the script in the relay page."""
    callback_paths = sorted({*paths, *table.callback_paths})
    homes = ((route.name, callback_rules.home(route, port=port, target=target)) for route in table.routes)
    return {
        "choices": [f"{name}={home}" for name, home in homes],
        "callback_pattern": callback_rules.path_pattern(callback_paths),
        "label": tag.LABEL,
        "tag": tag,
        "forms": [form for service in services for form in host_forms(service)],
        "hosts_named": [form for service in services for form in _hosts(service)],
        "readings": callback_rules.READINGS,
        "relay": source(relay),
        "state_name": callback_rules.STATE,
        "moved": sorted((route.name, before) for route in table.routes for before in _before(route)),
        "unmasked": sorted(route.name for route in table.routes if not route.mask),
        "colon": callback_rules.COLON,
        "slash": callback_rules.SLASH,
        "own_port": "" if port == HTTP else f"{callback_rules.COLON}{port}",
        "redirect_uri_pattern": callback_rules.redirect_uri_pattern(origin("localhost", port), callback_paths),
    }


def _before(route: Route) -> set[str]:
    """Return the names that a worktree had and that lead to it or to nobody; a server may know it by one of them."""
    return {*(each.name for each in route.former), *route.left} - {route.name}


def source(script: str) -> str:
    """Return what stands for a script in a Content-Security-Policy (CSP level 3, section 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _hosts(service: str) -> Iterable[HostForm]:
    """Return the forms of a service's host, each host once."""
    return {form.host: form for form in reversed(host_forms(service))}.values()

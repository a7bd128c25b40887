"""Where the admin API of a Caddy is reached."""

import sys

from router.settings import Mode, Settings
from router.store import Store


def admin_address(settings: Settings, store: Store) -> str:
    """Return where the admin API is reached: by a private socket, unless somebody else's Caddy says otherwise.

    Docker Desktop hands no unix socket of a container to its host: there, and for an external Caddy, it is a port.
    """
    if settings.caddy == Mode.EMBEDDED:
        return f"unix/{store.socket}"
    if settings.caddy == Mode.COMPOSE and not settings.admin and sys.platform == "linux":
        return f"unix/{store.run / 'caddy.sock'}"
    return settings.admin or "127.0.0.1:2019"

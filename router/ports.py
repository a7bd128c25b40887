"""Hash ports, as Worktrunk's `hash_port` filter computes them (`contract/ports.json`), and what is a port at all."""

import functools
import re

from router.naming import siphash13

LOWEST, HIGHEST = 1024, 65535
ADMIN_PORT = 2019  # Caddy's default admin endpoint: no worktree may make the proxy expose it
NOT_DEV_PORTS = frozenset(
    {
        *(2019, 2375, 2376),  # admin: Caddy, Docker
        *(9229, 9230, 9222, 5678, 5005, 2345),  # debuggers: Node, Chrome, debugpy, JDWP, Delve
        *(5432, 5433, 3306, 33060, 1433, 1521, 26257),  # PostgreSQL, MySQL, SQL Server, Oracle, CockroachDB
        *(27017, 27018, 27019, 6379, 11211, 9042, 7687, 5984),  # MongoDB, Redis, memcached, Cassandra, Neo4j, CouchDB
        *(9200, 9300, 8086, 8123),  # Elasticsearch, InfluxDB, ClickHouse
        *(5671, 5672, 15672, 61613, 61616, 1883, 8883, 4222, 9092, 2181, 6650),  # brokers and their consoles
        *(1025, 35729),  # SMTP catchers, LiveReload
        *range(24678, 24700),  # the separate HMR sockets of Vite and Nuxt, and Nuxt's devtools: the next free one each
    }
)
"""Ports that no dev server has: a listener there is no candidate for a service unless a file says so."""
STRATEGIES = ("hash", "index", "free")
"""How a service's port is chosen where nobody names one; the sources of such ports are called the same."""
BASES = {"web": 5173, "api": 8000}
"""Where the strategies `index` and `free` begin, for services whose servers have a usual port."""
_PREFIX = {"web": "fe", "api": "be"}


@functools.lru_cache(maxsize=8192)  # every pass asks again for every service
def hash_port(text: str) -> int:
    """Return the port from 10000 to 19999 that Worktrunk gives to text."""
    return 10000 + siphash13(text) % 10000


def service_port(service: str, branch: str) -> int:
    """Return the hash port of a worktree's service, over the branch as git names it."""
    return hash_port(f"{_PREFIX.get(service, service)}-{branch}")


def parse_port(text: str) -> int | None:
    """Return the port that text names: decimal digits, 1024 to 65535; None for anything else."""
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII):
        return None
    port = int(text)
    return port if LOWEST <= port <= HIGHEST else None

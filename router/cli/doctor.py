"""The command `router doctor`: what is wrong on this machine, and what to do about it."""

import json
from typing import Annotated

import typer

from router.cli import output
from router.cli.hosts import sudo
from router.cli.opened import current_directory
from router.cli.output import Output

app = typer.Typer()

AsJson = Annotated[bool, typer.Option("--json", help="Print the findings as JSON, schema 1.")]


@app.command()
def doctor(as_json: AsJson = False) -> Output:
    """Check what can be wrong on this machine. Each finding says what to do; exit 1 if one is a failure."""
    from router.doctor import findings
    from router.doctor.examine import examine
    from router.settings import load

    examined = examine(load, cwd=current_directory(), sync_command=sudo("sync"))
    if as_json:
        text = json.dumps(findings.document(examined), indent=2)
    else:
        text = "\n".join(findings.lines(examined, colour=output.coloured()))
    return Output(f"{text}\n", code=1 if findings.failed(examined) else 0)

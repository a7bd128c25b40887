"""The command `router demo`: everything shown on a throw-away repository."""

from typing import Annotated

import typer

from router.cli import output
from router.cli.options import Port
from router.cli.output import Output

app = typer.Typer()

Check = Annotated[bool, typer.Option("--check", help="Walk through it without you; exit 1 if a step fails.")]
Browse = Annotated[bool, typer.Option("--open/--no-open", help="Open the dashboard in the browser.")]


@app.command()
def demo(port: Port = None, check: Check = False, browse: Browse = True) -> Output | None:
    """Show everything on a throw-away repository. Ctrl-C removes it."""
    from router.demo.check import check as passes
    from router.demo.show import show
    from router.settings import load

    wanted = load(port=port).port
    if check:
        return Output(code=0 if passes(wanted, say=output.line, log=output.note) else 1)
    show(wanted, browse=browse, say=output.line)
    return None

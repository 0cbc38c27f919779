# SPDX-License-Identifier: Apache-2.0
"""What all commands that change objects have in common: their options, and how they end."""

from collections.abc import Callable
from typing import Annotated

import typer

from p4vpc.cli import show
from p4vpc.cli.connection import connect
from p4vpc.cli.exits import Exit, print_error
from p4vpc.cli.progress import realised, working
from p4vpc.cli.show import Format
from p4vpc.client import ApplyResult, Client, Status

MAX_WAIT_SECONDS = 600.0

DryRun = Annotated[bool, typer.Option("--dry-run", help="only show what would change")]
Wait = Annotated[bool, typer.Option("--wait", help="wait until all switches show it")]
Timeout = Annotated[float, typer.Option(min=0, max=MAX_WAIT_SECONDS, help="how long to wait, in seconds")]


def commit(
    doing: str, connection: tuple[str | None, str | None], change: Callable[[Client], ApplyResult], output: Format
) -> None:
    """Change something, with a progress bar, and say what came of it.

    Args:
        doing: in one word.
        connection: the options `--server` and `--token`.
        change: does it, and waits if that is wanted.
        output: for people, or for programs.
    """
    with connect(*connection) as client:
        result = working(doing, lambda: change(client), realised(client))
        report(client, result, output)


def report(client: Client, result: ApplyResult, output: Format) -> None:
    """Say what was done, or would be, and what waiting came to; exit accordingly."""
    if output is not Format.TABLE:
        show.print_data(result.model_dump(mode="json"), output)
    elif result.is_dry_run:
        show.print_difference(result)
    else:
        show.print_applied(result)
    if result.outcome is None:
        return
    now = client.status()
    if result.outcome == "realised" and output is not Format.TABLE:
        return
    if result.outcome == "realised":
        number = len(now.switches)  # a tenant is shown none
        typer.echo(f"realised on {number} switch{'' if number == 1 else 'es'}" if number else "realised")
    else:
        _print_shortfall(now, result.outcome)
    raise typer.Exit(exit_of(result.outcome))


def _print_shortfall(now: Status, outcome: str) -> None:
    print_error("not realised in time" if outcome == "timeout" else "not everything could be realised")
    if now.error:
        print_error(now.error)
    for switch in now.switches:
        if not switch.is_realised:
            print_error(f"switch {switch.name}: {switch.state}{': ' if switch.error else ''}{switch.error}")
        for problem in switch.problems:
            origins = ", ".join(map(str, problem.origins)) or "no object any more"
            print_error(f"switch {switch.name}: {origins}: {problem.entry}: {problem.reason}")


def exit_of(outcome: str) -> Exit:
    """What the command ends with, by what waiting came to."""
    return {"realised": Exit.DONE, "degraded": Exit.REFUSED}.get(outcome, Exit.TIMEOUT)

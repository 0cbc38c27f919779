# SPDX-License-Identifier: Apache-2.0
"""Exit codes, and errors as a person wants to read them.

`EXIT_CODES` says what they mean; it is the last line of each command's help.
"""

from collections.abc import Callable, Sequence
from enum import IntEnum

import typer

from p4vpc.client import ServerError, UnreachableError
from p4vpc.errors import P4vpcError, Problem, UserError

EXIT_CODES = (
    "Exit codes: 0 done; 1 refused, invalid or degraded (diff: there is a difference); 2 wrong usage; "
    "3 controller unreachable, or it has failed; 4 not realised in time; 5 trace: the packet does not arrive; "
    "130 interrupted (Ctrl-C)."
)


class Exit(IntEnum):
    """What the shell gets."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    TIMEOUT = 4
    NOT_ARRIVED = 5


def run(command: Callable[[], object]) -> Exit:
    """Run a command and turn whatever goes wrong into a message and an exit code; never a traceback."""
    try:
        command()
    except UserError as error:
        print_problems(error.problems)
    except (UnreachableError, ServerError) as error:
        print_error(str(error))
        return Exit.UNREACHABLE
    except P4vpcError as error:
        print_error(str(error))
    else:
        return Exit.DONE
    return Exit.REFUSED


def print_error(text: str) -> None:
    """One line on standard error."""
    typer.echo(f"error: {text}", err=True)


def print_problems(problems: Sequence[Problem]) -> None:
    """All of them, one below the other."""
    for problem in problems:
        print_error(str(problem))
    if len(problems) > 1:
        typer.echo(f"{len(problems)} problems; nothing was changed", err=True)

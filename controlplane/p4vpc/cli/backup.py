# SPDX-License-Identifier: Apache-2.0
"""`p4vpc backup`: a copy of the database, while the controller runs or not."""

from pathlib import Path
from typing import Annotated

import typer

from p4vpc.cli.connection import DEFAULT_DATABASE
from p4vpc.cli.progress import working


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="the copy; must not exist yet")],
    database: Annotated[
        str, typer.Option("--db", "--database", metavar="URL", envvar="P4VPC_DB", help="SQLAlchemy URL")
    ] = DEFAULT_DATABASE,
) -> None:
    """Copy the database to a file as it is at this moment; the controller may run on. SQLite only.

    To restore, end the controller, put the copy in the place of the database and start again: docs/operations.md.
    """
    from p4vpc.store.backup import copy_database

    revision = working("copying", lambda: copy_database(database, file))
    typer.echo(f"{file}: revision {revision}")

# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have."""

from typing import Annotated

import typer

from p4vpc.cli.show import Format

Server = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", envvar="P4VPC_SERVER", help="the controller's API; http://127.0.0.1:9560"),
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="SECRET",
        envvar="P4VPC_TOKEN",
        show_envvar=True,
        help="who is asking; P4VPC_TOKEN_FILE: a file",
    ),
]
Output = Annotated[Format, typer.Option("-o", "--output", help="for people, or for programs")]

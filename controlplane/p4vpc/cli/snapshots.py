# SPDX-License-Identifier: Apache-2.0
"""`p4vpc snapshot`, `rollback`, `clone`: whole VPCs as they were."""

from collections import Counter
from typing import Annotated

import typer

from p4vpc.cli import names, show
from p4vpc.cli.changing import DryRun, Timeout, Wait, commit
from p4vpc.cli.connection import connect
from p4vpc.cli.options import Output, Server, TokenOption
from p4vpc.cli.progress import working
from p4vpc.cli.show import Format
from p4vpc.client import VpcSnapshot

VpcKey = Annotated[str, typer.Argument(metavar="VPC", help="such as red/prod", autocompletion=names.keys_of("vpc"))]
AtRevision = Annotated[int | None, typer.Option(min=0, help="as it was then; default: as it is")]


def snapshot(
    vpc: VpcKey,
    revision: AtRevision = None,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Show a VPC with all that is, or was, in it at one revision. `-o yaml` is what `apply` takes.

    Every commit has made a snapshot of every VPC: its revision is what `rollback` and `clone` want.
    """
    with connect(server, token) as client:
        found = working("reading", lambda: client.snapshot(vpc, revision=revision))
    _print_snapshot(vpc, found, output)


def rollback(
    *,
    vpc: VpcKey,
    to: Annotated[int, typer.Option(metavar="REVISION", min=0, help="as `snapshot` and `audit` tell it")],
    dry_run: DryRun = False,
    wait: Wait = False,
    timeout: Timeout = 60.0,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Make a VPC, and all that is in it, what it was at a revision: all of it, or nothing."""
    seconds = timeout if wait else None
    commit(
        "rolling back",
        (server, token),
        lambda client: client.rollback(vpc, to, is_dry_run=dry_run, wait_seconds=seconds),
        output,
    )


def clone(
    *,
    vpc: VpcKey,
    name: Annotated[str, typer.Argument(metavar="NAME", help="of the new VPC, of the same tenant")],
    revision: AtRevision = None,
    dry_run: DryRun = False,
    wait: Wait = False,
    timeout: Timeout = 60.0,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Make another VPC with all that is in one: same addresses and MACs, own numbers, ports plugged in nowhere."""
    seconds = timeout if wait else None
    commit(
        "cloning",
        (server, token),
        lambda client: client.clone(vpc, name, revision=revision, is_dry_run=dry_run, wait_seconds=seconds),
        output,
    )


def _print_snapshot(vpc: str, found: VpcSnapshot, output: Format) -> None:
    """Print it: for people what it has, for programs the objects, as `apply` takes them."""
    if output is Format.JSON:
        show.print_json(found.model_dump(mode="json"))
    elif output is Format.YAML:
        show.print_yaml(found.objects)
    else:
        numbers = Counter(str(document.get("kind")) for document in found.objects)
        show.print_table(("KIND", "NUMBER"), [(kind, str(number)) for kind, number in numbers.items()])
        typer.echo(f"VPC {vpc} at revision {found.revision}; back to it: p4vpc rollback {vpc} --to {found.revision}")

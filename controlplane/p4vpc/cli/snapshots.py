# SPDX-License-Identifier: Apache-2.0
"""`p4vpc snapshot`, `rollback`, `clone`: whole VPCs as they were."""

from collections import Counter

import typer

from p4vpc.cli import show
from p4vpc.cli.show import Format
from p4vpc.client import VpcSnapshot


def print_snapshot(vpc: str, found: VpcSnapshot, output: Format) -> None:
    """Print it: for people what it has, for programs the objects, as `apply` takes them."""
    if output is Format.JSON:
        show.print_json(found.model_dump(mode="json"))
    elif output is Format.YAML:
        show.print_yaml(found.objects)
    else:
        numbers = Counter(str(document.get("kind")) for document in found.objects)
        show.print_table(("KIND", "NUMBER"), [(kind, str(number)) for kind, number in numbers.items()])
        typer.echo(f"VPC {vpc} at revision {found.revision}; back to it: p4vpc rollback {vpc} --to {found.revision}")

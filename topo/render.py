# SPDX-License-Identifier: Apache-2.0
"""The matrix for people: a table per VPC, what was refused and why, and the verdict. Readable without colour."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from topo.fabric import HostPlan
from topo.matrix import Outcome


def print_matrix(console: Console, hosts: Sequence[HostPlan], outcomes: Sequence[Outcome]) -> None:
    """Print every table and the verdict."""
    by_pair = {(outcome.source, outcome.target): outcome for outcome in outcomes}
    for vpc in sorted({host.vpc for host in hosts}):
        console.print(_vpc_table(vpc, [host for host in hosts if host.vpc == vpc], hosts, by_pair))
    refusals = [outcome for outcome in outcomes if not outcome.expected.is_reachable]
    if refusals:
        console.print(_refusal_table(refusals))
    strays = sum(len(outcome.strays) for outcome in outcomes)
    console.print(
        f"isolation: {len(outcomes)} echo requests sent, {sum(len(o.arrivals) for o in outcomes)} arrived at the host "
        f"that was meant or nowhere, {strays} anywhere else",
        highlight=False,
    )
    problems = [outcome for outcome in outcomes if outcome.problem]
    for outcome in problems:
        console.print(
            f"[red]unexpected[/red]: {outcome.source} -> {outcome.target}: {outcome.problem}", highlight=False
        )
    verdict = "[bold red]FAILED[/bold red]" if problems else "[bold green]as expected[/bold green]"
    console.print(f"verdict: {len(outcomes) - len(problems)} of {len(outcomes)} {verdict}", highlight=False)


def is_as_expected(outcomes: Sequence[Outcome]) -> bool:
    """Whether there was something to see, and all of it was as the intents say."""
    return bool(outcomes) and all(outcome.problem is None for outcome in outcomes)


def as_json(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The outcomes for programs."""
    return [
        {
            "source": outcome.source,
            "target": outcome.target,
            "is_expected": outcome.expected.is_reachable,
            "is_replied": outcome.is_replied,
            "arrivals": list(outcome.arrivals),
            "drops": [{"switch": d.switch, "reason": d.reason, "packets": d.packets} for d in outcome.drops],
            "problem": outcome.problem,
        }
        for outcome in outcomes
    ]


def _vpc_table(
    vpc: str, members: Sequence[HostPlan], hosts: Sequence[HostPlan], by_pair: dict[tuple[str, str], Outcome]
) -> Table:
    table = Table(title=f"VPC {vpc}: row pings column", title_justify="left", title_style="bold")
    table.add_column("from \\ to")
    for host in members:
        table.add_column(f"{host.name}\n{host.address.ip}\n{host.plug.switch}", justify="center")
    if len(hosts) > len(members):
        table.add_column("other\nVPCs", justify="center")
    for source in members:
        cells = [_cell(by_pair.get((source.key, target.key))) for target in members]
        if len(hosts) > len(members):
            cells.append(_cell_of_others(source, by_pair))
        table.add_row(source.name, *cells)
    return table


def _cell(outcome: Outcome | None) -> str:
    if outcome is None:
        return "."
    if outcome.problem is not None:
        return "[bold red]WRONG[/bold red]"
    if outcome.is_replied:
        return "[green]ok[/green]"
    return f"[yellow]no[/yellow]: {', '.join(sorted({drop.reason for drop in outcome.drops}))}"


def _cell_of_others(source: HostPlan, by_pair: dict[tuple[str, str], Outcome]) -> str:
    """What of this host's pings was seen in other VPCs."""
    arrived = [
        host
        for outcome in by_pair.values()
        if outcome.source == source.key
        for host in outcome.arrivals
        if host.rpartition("/")[0] != source.vpc
    ]
    return f"[bold red]{len(arrived)} REACHED[/bold red]" if arrived else "[yellow]none[/yellow]"


def _refusal_table(refusals: Sequence[Outcome]) -> Table:
    table = Table(title="Refused, and what the switches counted", title_justify="left", title_style="bold")
    for column in ("from", "to", "expected", "reply", "dropped"):
        table.add_column(column)
    for outcome in refusals:
        table.add_row(
            outcome.source,
            outcome.target,
            outcome.expected.drop_reason,
            "yes" if outcome.is_replied else "none",
            ", ".join(map(str, outcome.drops)) or "-",
        )
    return table

# SPDX-License-Identifier: Apache-2.0
"""The matrix for people: a table per VPC, what was refused and why, and the verdict. Readable without colour."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from topo.fabric import HostPlan
from topo.matrix import Outcome

_ByPair = Mapping[tuple[str, str], Sequence[Outcome]]
"""The pings between two hosts, by their keys."""


def print_matrix(console: Console, hosts: Sequence[HostPlan], outcomes: Sequence[Outcome]) -> None:
    """Print every table and the verdict."""
    by_pair: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        by_pair.setdefault((outcome.source, outcome.target), []).append(outcome)
    for vpc in dict.fromkeys(host.vpc for host in hosts):
        console.print(_vpc_table(vpc, [host for host in hosts if host.vpc == vpc], hosts, by_pair))
    refusals = [outcome for outcome in outcomes if not outcome.expected.is_reachable]
    if refusals:
        console.print(_refusal_table(refusals))
    meant = sum(outcome.target in outcome.arrivals for outcome in outcomes)
    nobody = sum(not outcome.arrivals for outcome in outcomes)
    strays = sum(len(outcome.strays) for outcome in outcomes)
    lines = [
        f"isolation: of {len(outcomes)} echo requests {meant} reached the host that was meant, {nobody} nobody,",
        f"           {strays} reached another host (seen by packet sockets in each of {len(hosts)} hosts)",
    ]
    problems = [outcome for outcome in outcomes if outcome.problem]
    lines += [
        f"[red]unexpected[/red]: {item.source} -> {item.target}, IPv{item.family}: {item.problem}" for item in problems
    ]
    verdict = "[bold red]FAILED[/bold red]" if problems else "[bold green]as expected[/bold green]"
    lines.append(f"verdict: {len(outcomes) - len(problems)} of {len(outcomes)} {verdict}")
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def is_as_expected(outcomes: Sequence[Outcome]) -> bool:
    """Whether there was something to see, and all of it was as the intents say."""
    return bool(outcomes) and all(outcome.problem is None for outcome in outcomes)


def as_json(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The outcomes for programs."""
    return [
        {
            "source": outcome.source,
            "target": outcome.target,
            "family": outcome.family,
            "is_expected": outcome.expected.is_reachable,
            "is_replied": outcome.is_replied,
            "arrivals": list(outcome.arrivals),
            "drops": [{"switch": d.switch, "reason": d.reason, "packets": d.packets} for d in outcome.drops],
            "problem": outcome.problem,
        }
        for outcome in outcomes
    ]


def _vpc_table(vpc: str, members: Sequence[HostPlan], hosts: Sequence[HostPlan], by_pair: _ByPair) -> Table:
    table = _table(f"\nVPC {vpc}: row pings column, reply or drop reason")
    table.add_column("from \\ to", no_wrap=True)
    families = sorted({family for host in members for family in host.families})
    for host in members:
        addresses = (str(host.address(family) or "-") for family in families)
        heading = "\n".join((host.name, *addresses, host.plug.switch))
        table.add_column(heading, justify="center", no_wrap=True)
    if len(hosts) > len(members):
        table.add_column("other\nVPCs", justify="center")
    for source in members:
        cells = [_cell(by_pair.get((source.key, target.key), ())) for target in members]
        if len(hosts) > len(members):
            cells.append(_cell_of_others(source, by_pair))
        table.add_row(source.name, *cells)
    return table


def _cell(outcomes: Sequence[Outcome]) -> str:
    """What the pings between two hosts came to, in one word if that is the same for all IP versions."""
    words = {outcome.family: _word(outcome) for outcome in outcomes}
    if not words:
        return "."
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return "\n".join(f"v{family} {word}" for family, word in words.items())


def _word(outcome: Outcome) -> str:
    if outcome.problem is not None:
        return "[bold red]WRONG[/bold red]"
    if outcome.is_replied:
        return "[green]ok[/green]"
    return f"[yellow]{', '.join(sorted({drop.reason for drop in outcome.drops}))}[/yellow]"


def _cell_of_others(source: HostPlan, by_pair: _ByPair) -> str:
    """What of this host's pings was seen in other VPCs."""
    arrived = [
        host
        for outcomes in by_pair.values()
        for outcome in outcomes
        if outcome.source == source.key
        for host in outcome.arrivals
        if host.rpartition("/")[0] != source.vpc
    ]
    return f"[bold red]{len(arrived)} REACHED[/bold red]" if arrived else "[yellow]none[/yellow]"


def _refusal_table(refusals: Sequence[Outcome]) -> Table:
    table = _table("\nRefused, and what the switches counted")
    for column in ("VPC", "from", "to", "IP", "reply", "dropped"):
        table.add_column(column, no_wrap=True)
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for outcome in refusals:
        reply = "yes" if outcome.is_replied else "none"
        drops = ", ".join(map(str, outcome.drops)) or "-"
        rows.setdefault((outcome.source, outcome.target, reply, drops), []).append(f"v{outcome.family}")
    for (sender, receiver, reply, drops), families in rows.items():
        vpc, _, source = sender.rpartition("/")
        table.add_row(vpc, source, receiver.removeprefix(f"{vpc}/"), ", ".join(families), reply, drops)
    return table


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),  # narrow enough for a terminal of 80 columns
    )

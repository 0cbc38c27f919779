# SPDX-License-Identifier: Apache-2.0
"""`p4vpc trace`: what becomes of a packet. The verdict stands first, then who decided what, then switch by switch."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import typer

from p4vpc.cli import names, show
from p4vpc.cli.connection import connect
from p4vpc.cli.exits import Exit
from p4vpc.cli.options import Output, Server, TokenOption
from p4vpc.cli.progress import working
from p4vpc.cli.show import Format
from p4vpc.client import Hop, Lookup, ObjectRef, Trace, Traced
from p4vpc.client import Output as HopOutput

_PLACE = re.compile(r"(?P<switch>[^:]+):(?P<port>[0-9]{1,3})")
_ICMP = re.compile(r"(?P<type>[0-9]{1,3})(?:/(?P<code>[0-9]{1,3}))?")


def trace(
    *,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]",
            help="the port that sends, such as red/prod/web-1",
            autocompletion=names.keys_of("port"),
        ),
    ] = None,
    destination: Annotated[
        str | None,
        typer.Argument(
            metavar="[DESTINATION]",
            help="an address, or a port of the same VPC: db-1, red/prod/db-1",
            autocompletion=names.keys_of("port"),
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "-p",
            "--protocol",
            help="tcp, udp, icmp, icmpv6, arp, nd, or a number; default: tcp with ports, else an echo request",
        ),
    ] = None,
    dport: Annotated[int | None, typer.Option(min=0, max=0xFFFF, help="destination port")] = None,
    sport: Annotated[int | None, typer.Option(min=0, max=0xFFFF, help="source port; default: 49152")] = None,
    icmp_type: Annotated[
        str | None, typer.Option(metavar="TYPE[/CODE]", help="default: that of an echo request")
    ] = None,
    ipv6: Annotated[bool, typer.Option("-6", help="IPv6, where DESTINATION is a port that has both")] = False,
    ttl: Annotated[int, typer.Option(min=0, max=255, help="TTL or hop limit")] = 64,
    length: Annotated[int | None, typer.Option(min=0, max=9216, help="octets of the IP packet")] = None,
    vlan: Annotated[int | None, typer.Option(min=1, max=4094, help="with this tag of the tenant's own")] = None,
    source_address: Annotated[str | None, typer.Option(metavar="ADDRESS", help="another one than SOURCE's own")] = None,
    source_mac: Annotated[str | None, typer.Option(metavar="MAC", help="another one than SOURCE's own")] = None,
    destination_mac: Annotated[str | None, typer.Option(metavar="MAC", help="another one than the right one")] = None,
    frame: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="a whole frame instead of DESTINATION and all of that, as it is received"),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="SWITCH:PORT", help="with --frame: where it enters, instead of SOURCE")
    ] = None,
    reply: Annotated[bool, typer.Option("--reply", help="trace the answer too, after what the packet leaves")] = False,
    established: Annotated[
        bool, typer.Option("--established", help="after a packet of the other direction, which may open the flow")
    ] = False,
    realised: Annotated[
        bool, typer.Option("--realised", help="by what the switches hold now, not by what they shall hold")
    ] = False,
    hops: Annotated[bool, typer.Option("--hops", help="show the tables that each switch has asked, too")] = False,
    steps: Annotated[bool, typer.Option("--steps", help="show every step of each switch, too")] = False,
    output: Output = Format.TABLE,
    server: Server = None,
    token: TokenOption = None,
) -> None:
    """Show what becomes of a packet, without sending any: by whom it is delivered, answered or dropped, and why.

    The switches are executed in memory, with what they shall hold at the last revision, no flow on record, no rate
    used up and every port up. Exits with 5 if the packet (with --reply: or the answer to it) does not arrive.
    """
    icmp = _icmp(icmp_type)
    number = int(protocol) if protocol is not None and protocol.isdecimal() else protocol
    with connect(server, token) as client:
        found = working(
            "tracing",
            lambda: client.trace(
                source,
                destination,
                protocol=number,
                family=6 if ipv6 else None,
                source_port=sport,
                destination_port=dport,
                icmp_type=icmp[0],
                icmp_code=icmp[1],
                ttl=ttl,
                length=length,
                vlan=vlan,
                source_address=source_address,
                source_mac=source_mac,
                destination_mac=destination_mac,
                frame=frame,
                at=None if at is None else _place(at),
                reply=reply,
                established=established,
                realised=realised,
                detailed=steps,
            ),
        )
    if output is Format.TABLE:
        print_trace(found, is_with_tables=hops, is_with_steps=steps)
    else:
        show.print_data(found.model_dump(mode="json"), output)
    if not found.has_arrived:
        raise typer.Exit(Exit.NOT_ARRIVED)


def print_trace(found: Trace, *, is_with_tables: bool, is_with_steps: bool) -> None:
    """Print it for people."""
    parts = [("opened before by", found.opening), ("", found.request), ("reply", found.reply)]
    told = [(title, traced) for title, traced in parts if traced is not None]
    for title, traced in told:
        typer.echo(f"{title}: {traced.verdict.sentence}" if title else traced.verdict.sentence)
    for note in found.notes:
        typer.echo(f"! {note}")
    state = "what the switches hold" if found.is_realised else "what the switches shall hold"
    typer.echo(f"by {state} at revision {found.revision}")
    for title, traced in told:
        typer.echo()
        typer.echo(f"{title or 'packet'}: {traced.packet}")
        _print_path(traced)
        for hop in traced.hops:
            _print_hop(hop, is_with_tables=is_with_tables, is_with_steps=is_with_steps)


def _print_path(traced: Traced) -> None:
    is_operator = any(remark.switch for remark in traced.path)
    rows = [
        (remark.stage, *((remark.switch or "",) if is_operator else ()), remark.text, _objects(remark.objects))
        for remark in traced.path
    ]
    show.print_table(("STAGE", *(("SWITCH",) if is_operator else ()), "DECISION", "BECAUSE OF"), rows)


def _print_hop(hop: Hop, *, is_with_tables: bool, is_with_steps: bool) -> None:
    came = "" if hop.parent is None else f", from hop {hop.parent}"
    typer.echo(f"\nhop {hop.number}: {hop.switch} port {hop.port}{came}: {hop.packet}")
    if is_with_tables:
        typer.echo(f"  parser: {' '.join(hop.parser_states)}")
        _print_lookups("ingress", hop.lookups)
    if is_with_steps:
        _print_steps(hop.steps)
    for output in hop.outputs:
        if is_with_tables and output.lookups:
            _print_lookups(f"egress {output.egress_port}", output.lookups)
        if is_with_steps:
            _print_steps(output.steps)
        typer.echo(f"  -> {' '.join(_ending(output))}")


def _print_lookups(where: str, lookups: Sequence[Lookup]) -> None:
    for it in lookups:
        typer.echo(f"  {where}: {it.table}[{it.key}]")
        typer.echo(f"      {'hit ' + it.entry if it.entry is not None else ('hit' if it.is_hit else 'miss')}")
        if it.entry is None and it.action != "NoAction()":
            typer.echo(f"      {it.action}")
        if it.origins:
            typer.echo(f"      of {_objects(it.origins)}")


def _print_steps(steps: Iterable[str]) -> None:
    for step in steps:
        typer.echo(f"    | {step}")


def _ending(output: HopOutput) -> Iterator[str]:
    yield output.end
    if output.reason:
        yield output.reason
    if output.egress_port is not None:
        yield f"by port {output.egress_port}"
    if output.link is not None:
        yield f"over {output.link}"
    if output.hop is not None:
        yield f"to hop {output.hop}"
    if output.receiver is not None:
        yield f"to {output.receiver}"
    if output.packet:
        yield f": {output.packet}"


def _objects(objects: Iterable[ObjectRef]) -> str:
    return ", ".join(map(str, objects))


def _place(text: str) -> tuple[str, int]:
    found = _PLACE.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not SWITCH:PORT, such as leaf1:11", param_hint="--at")
    return found["switch"], int(found["port"])


def _icmp(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    found = _ICMP.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not TYPE or TYPE/CODE, such as 3/4", param_hint="--icmp-type")
    return int(found["type"]), int(found["code"] or 0)

# SPDX-License-Identifier: Apache-2.0
"""Samples as lines: one for each packet that a switch has shown, for people or for programs."""

import typer

from p4vpc.cli.show import Format, print_yaml
from p4vpc.client import Client, DropSample, RefusedError
from p4vpc.intent import ObjectId

POLL_SECONDS = 30.0
"""How long the controller waits for the next sample before it answers that there is none."""

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
_ETHER_TYPES = {0x0806: "arp", 0x8035: "rarp"}


def warn_if_nothing_is_sampled(client: Client) -> None:
    """Say on standard error why there may be nothing to see: without `drop_samples` drops are only counted."""
    try:
        fabric = client.get(ObjectId("fabric", "fabric"))
    except RefusedError:
        fabric = {}
    if not fabric.get("drop_samples"):
        remedy = "set drop_samples of the fabric, like {policy: 10/s}"
        typer.echo(f"! no drops are sampled, only what ACL rules log is shown: {remedy}", err=True)


def watch(client: Client, switches: list[str], reasons: list[str], count: int | None, output: Format) -> None:
    """Print the samples that are kept, then each as it comes, until there were `count`; for ever without."""
    after, left = 0, count
    while left is None or left > 0:
        answer = client.drop_samples(switches, reasons, after=after, wait_seconds=POLL_SECONDS)
        for sample in answer.samples[:left]:
            _print(sample, output)
        left = None if left is None else left - len(answer.samples)
        # A controller that was started again counts from the beginning.
        after = max((sample.number for sample in answer.samples), default=after if after <= answer.last else 0)


def _print(sample: DropSample, output: Format) -> None:
    match output:
        case Format.TABLE:
            typer.echo(line_of(sample))
        case Format.JSON:
            typer.echo(sample.model_dump_json())
        case Format.YAML:
            print_yaml([sample.model_dump(mode="json")])


def line_of(sample: DropSample) -> str:
    """Return when, where, why, whose and what, in one line."""
    parts = [f"{sample.time:%H:%M:%S.%f}"[:12], f"{sample.switch}:{sample.port}", sample.reason]
    if sample.rule is not None:
        rule = sample.rule
        parts.append(f"[{rule.acl} {rule.direction}[{rule.position}] {rule.action}]")
    if sample.vpc is not None:
        parts.append(f"{sample.vpc}: {_name(sample, 'source')} -> {_name(sample, 'destination')}:")
    return " ".join((*parts, _packet(sample), f"{sample.length} bytes"))


def _name(sample: DropSample, end: str) -> str:
    port = sample.source if end == "source" else sample.destination
    return "?" if port is None else port.key.rpartition("/")[2]


def _packet(sample: DropSample) -> str:
    if sample.source_address is None or sample.destination_address is None:
        kind = _ETHER_TYPES.get(sample.ether_type, f"ether_type {sample.ether_type:#06x}")
        return f"{kind} {sample.source_mac} > {sample.destination_mac}"
    kind = _ETHER_TYPES.get(sample.ether_type, "")
    if sample.protocol is not None:
        kind = _PROTOCOLS.get(sample.protocol, f"protocol {sample.protocol}")
    if sample.icmp_type is not None:
        kind += f" type {sample.icmp_type} code {sample.icmp_code}"
    ends = (
        _with_port(sample.source_address, sample.source_port),
        _with_port(sample.destination_address, sample.destination_port),
    )
    return f"{kind} {ends[0]} > {ends[1]}"


def _with_port(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

# SPDX-License-Identifier: Apache-2.0
"""What commands print: tables for people, JSON and YAML for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import typer
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from p4vpc.client import ApplyResult, AuditItem, Counters, Drops, ObjectChange, ObjectStatus, Status, Switch
from p4vpc.intent import KINDS

Document = Mapping[str, Any]


class Format(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def print_json(value: object) -> None:
    """Indented, as it came."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_yaml(documents: Iterable[object]) -> None:
    """A stream of documents, which `apply -f -` takes."""
    text = yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=120, explicit_start=True)
    typer.echo(text, nl=False)


def print_data(value: object, output: Format) -> None:
    """A whole answer, for programs."""
    if output is Format.JSON:
        print_json(value)
    else:
        print_yaml([value])


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns, nothing cut off when the output is no terminal, no boxes."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=10_000)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        typer.echo(line.rstrip())


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_plain(item)}" for name, item in value.items())
    return str(value)


def _field(name: str) -> Callable[[Document], str]:
    return lambda document: _plain(document.get(name))


def _end(name: str) -> Callable[[Document], str]:
    def show(document: Document) -> str:
        end = document.get(name) or {}
        return f"{end['switch']}:{end['port']}" if "switch" in end else _plain(end.get("prefixes"))

    return show


def _attachment(document: Document) -> str:
    attachment = document.get("attachment")
    if not attachment:
        return "unbound"
    return f"vtep {attachment['vtep']}" if "vtep" in attachment else _place(attachment)


def _candidates(document: Document) -> str:
    return ", ".join(map(_place, document.get("candidates") or ()))


def _place(attachment: Document) -> str:
    vlan = f" vlan {attachment['vlan']}" if attachment.get("vlan") else ""
    return f"{attachment.get('switch')}:{attachment.get('port')}{vlan}"


def _rules(name: str) -> Callable[[Document], str]:
    def show(document: Document) -> str:
        rules = document.get(name)
        return "open" if rules is None else str(len(rules))

    return show


def _rate(name: str) -> Callable[[Document], str]:
    def show(document: Document) -> str:
        limit = document.get(name)
        if not limit:
            return "unlimited"
        peak = f", peak {limit['peak_rate_bps']} bit/s" if limit.get("peak_rate_bps") else ""
        return f"{limit.get('rate_bps')} bit/s{peak}"

    return show


def _fields(*names: str) -> tuple[tuple[str, Callable[[Document], str]], ...]:
    return tuple((name, _field(name)) for name in names)


_COLUMNS: Mapping[str, tuple[tuple[str, Callable[[Document], str]], ...]] = {
    "fabric": _fields("tenant_mtu", "vni_range", "ecn", "dscp", "udp_checksum", "drop_samples", "acl_log"),
    "switch": _fields("role", "vtep", "p4runtime", "device_id"),
    "link": (("a", _end("a")), ("b", _end("b"))),
    "vtep": _fields("address", "ecn", "dscp", "udp_checksum", "gbp", "trust_gbp"),
    "tenant": _fields("description"),
    "qos_policy": (("from_port", _rate("from_port")), ("to_port", _rate("to_port"))),
    "vpc": _fields("description"),
    "subnet": _fields("ipv4", "gateway_v4", "ipv6", "gateway_v6", "gateway_mac", "broadcast", "vlan_transparent"),
    "network_acl": (*_fields("subnets"), ("inbound", _rules("inbound")), ("outbound", _rules("outbound"))),
    "security_group": (("rules", lambda document: str(len(document.get("rules") or ()))),),
    "mirror": _fields("ports", "max_bytes"),
    "port": (
        *_fields("subnet", "mac", "addresses", "security_groups", "qos"),
        ("attachment", _attachment),
        ("candidates", _candidates),
    ),
    "route": _fields("prefix", "next_hop"),
}


def print_objects(kind: str, documents: Sequence[Document]) -> None:
    """Objects of one kind as a table."""
    columns = _COLUMNS.get(kind, ())
    rows = [[key_of(kind, document), *(show(document) for _, show in columns)] for document in documents]
    print_table([kind.upper(), *(name.upper() for name, _ in columns)], rows)


def key_of(kind: str, document: Document) -> str:
    """The key of an object."""
    return "/".join(str(document.get(field, "?")) for field in KINDS[kind].name_fields) or kind


_SIGNS = {"create": "+", "update": "~", "delete": "-"}
_DONE = {"create": "created", "update": "updated", "delete": "deleted"}


def print_difference(result: ApplyResult) -> None:
    """What would change, field by field."""
    for change in result.changes:
        typer.echo(f"{_SIGNS[change.operation]} {change.kind} {change.key}")
        for line in _changed_fields(change):
            typer.echo(f"    {line}")
    if not result.changes:
        typer.echo("no difference")


def _changed_fields(change: ObjectChange) -> Iterable[str]:
    for field, line in _differences(change):
        yield f"{line} (allocated)" if field in change.allocated else line


def _differences(change: ObjectChange) -> Iterable[tuple[str, str]]:
    before, after = change.before or {}, change.after or {}
    names = set(KINDS[change.kind].name_fields) | {"kind"} if change.kind in KINDS else {"kind"}
    for field in dict.fromkeys((*before, *after)):
        if field in names or before.get(field) == after.get(field):
            continue
        if field not in before:
            yield field, f"+ {field}: {_inline(after[field])}"
        elif field not in after:
            yield field, f"- {field}: {_inline(before[field])}"
        else:
            yield field, f"~ {field}: {_inline(before[field])} -> {_inline(after[field])}"


def _inline(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def print_event(revision: int, changes: Sequence[ObjectChange], output: Format) -> None:
    """What a commit has changed, as it is told to a watcher: in JSON one line for each."""
    for change in changes:
        if output is Format.TABLE:
            typer.echo(f"revision {revision}: {_DONE[change.operation]} {change.kind} {change.key}")
            for line in _changed_fields(change):
                typer.echo(f"    {line}")
        else:
            event = {"revision": revision, **change.model_dump(mode="json")}
            if output is Format.JSON:
                typer.echo(json.dumps(event, ensure_ascii=False))
            else:
                print_yaml([event])
    sys.stdout.flush()


def print_audit(items: Sequence[AuditItem]) -> None:
    """A line for each object that a commit has changed, and what differs."""
    for item in items:
        typer.echo(f"revision {item.revision}  {item.time}  {item.who}")
        for change in item.changes:
            typer.echo(f"  {_DONE[change.operation]} {change.kind} {change.key}")
            if change.operation == "update":
                for line in _changed_fields(change):
                    typer.echo(f"      {line}")


def print_applied(result: ApplyResult) -> None:
    """What has changed."""
    for change in result.changes:
        typer.echo(f"{_DONE[change.operation]} {change.kind} {change.key}{_allocated(change)}")
    number = len(result.changes)
    typer.echo(f"revision {result.revision}: {number} change{'' if number == 1 else 's'}")


def _allocated(change: ObjectChange) -> str:
    """What a port has got that its author did not say."""
    values = [_plain((change.after or {}).get(field)) for field in change.allocated]
    return f" ({', '.join(values)})" if values else ""


def print_status(status: Status) -> None:
    """Switches and links, then whatever is wrong."""
    columns: tuple[str, ...] = (
        *("SWITCH", "STATE", "REVISION", "ENTRIES", "UPDATES", "REFUSED", "PACKETS-IN", "PIPELINE", "ADDRESS"),
    )
    rows = [_switch_row(switch) for switch in status.switches]
    if status.controllers:
        columns = (*columns, "CONTROLLER", "EPOCH")
        rows = [
            (*row, switch.controller or "none", str(switch.epoch))
            for row, switch in zip(rows, status.switches, strict=True)
        ]
    print_table(columns, rows)
    if status.controllers:
        typer.echo()
        controllers = [
            (it.name, "live" if it.is_live else "gone", str(it.compiled_revision), str(it.switches), it.url)
            for it in status.controllers
        ]
        print_table(("CONTROLLER", "STATE", "REVISION", "SWITCHES", "URL"), controllers)
    if status.links:
        typer.echo()
        links = [(link.name, link.state, link.a, link.b, str(link.flaps)) for link in status.links]
        print_table(("LINK", "STATE", "A", "B", "FLAPS"), links)
        typer.echo()
    typer.echo(f"revision {status.revision}, compiled {status.compiled_revision}")
    if status.error:
        typer.echo(f"! {status.error}")
    for switch in status.switches:
        if switch.error:
            typer.echo(f"! {switch.name}: {switch.error}")
        if switch.entries_drifted:
            typer.echo(
                f"! {switch.name}: {switch.entries_drifted} entries were found other than written since the start"
            )
        for problem in switch.problems:
            origins = ", ".join(map(str, problem.origins)) or "no object any more"
            typer.echo(f"! {switch.name}: {origins}: {problem.entry}: {problem.reason}")
    for link in status.links:
        if link.detail:
            typer.echo(f"! link {link.name}: {link.detail}")
    silent = [switch.name for switch in status.switches if switch.port_states == "not_offered"]
    if silent:
        typer.echo(f"port states are not offered by {', '.join(silent)}: links are judged by LLDP")


def print_object_status(status: ObjectStatus) -> None:
    """The switches that an object concerns, and what is wrong with it there."""
    if status.switches:
        rows = [
            (
                at.name,
                "realised" if at.is_realised else "refused" if at.problems else at.state,
                f"{at.settled_revision}/{at.desired_revision}",
                str(at.entries),
            )
            for at in status.switches
        ]
        print_table(("SWITCH", "STATE", "REVISION", "ENTRIES"), rows)
    typer.echo(f"{status.kind} {status.key}: {status.state}, last changed at revision {status.revision}")
    if status.error:
        typer.echo(f"! {status.error}")
    for at in status.switches:
        for problem in at.problems:
            typer.echo(f"! {at.name}: {', '.join(map(str, problem.origins))}: {problem.entry}: {problem.reason}")
        if at.error:
            typer.echo(f"! {at.name}: {at.error}")


def _switch_row(switch: Switch) -> tuple[str, ...]:
    revision = f"{switch.realised_revision}/{switch.desired_revision}"
    return (
        switch.name,
        switch.state if switch.is_realised or switch.state != "ready" else "degraded" if switch.problems else "writing",
        str(switch.realised_revision) if switch.realised_revision == switch.desired_revision else revision,
        str(switch.entries),
        str(switch.updates_written),
        str(switch.updates_refused),
        str(switch.packets_in),
        switch.pipeline,
        switch.address,
    )


def print_drops(drops: Drops, *, is_zero_shown: bool) -> None:
    """A line for each switch and reason."""
    rows = [
        (switch, reason, str(packets))
        for switch, reasons in drops.switches.items()
        for reason, packets in reasons.items()
        if packets or is_zero_shown
    ]
    print_table(("SWITCH", "REASON", "PACKETS"), rows)
    print_unanswered(drops.errors)


def print_counters(counters: Counters, *, is_zero_shown: bool) -> None:
    """A line for each entry that has been hit, or for all."""
    rows = [
        (item.switch, str(item.packets), str(item.bytes), item.entry, ", ".join(map(str, item.origins)))
        for item in counters.counters
        if item.packets or is_zero_shown
    ]
    print_table(("SWITCH", "PACKETS", "BYTES", "ENTRY", "ORIGIN"), rows)
    print_unanswered(counters.errors)


def print_unanswered(errors: Mapping[str, str]) -> None:
    """Which switches could not be read."""
    for switch, error in errors.items():
        typer.echo(f"! {switch}: {error}", err=True)

# SPDX-License-Identifier: Apache-2.0
"""`p4vpc migrate`: a port to another switch port, without losing a packet (docs/adr/0012)."""

from typing import Any

import typer

from p4vpc.client import ApplyResult, Client
from p4vpc.intent import ObjectId, Port, SwitchAttachment
from p4vpc.intent.values import NAME_PATTERN

_MAX_SWITCH_PORT = 509


def parse_place(text: str, vlan: int | None) -> SwitchAttachment:
    """Read SWITCH:PORT.

    Raises:
        typer.BadParameter: it is none.
    """
    switch, _, port = text.rpartition(":")
    if not (switch and port.isascii() and port.isdecimal() and int(port) <= _MAX_SWITCH_PORT):
        raise typer.BadParameter(f"{text!r} is not SWITCH:PORT, such as leaf2:11", param_hint="--to")
    try:
        return SwitchAttachment(switch=switch, port=int(port), vlan=vlan)
    except ValueError:
        raise typer.BadParameter(
            f"{switch!r} is not the name of a switch ({NAME_PATTERN})", param_hint="--to"
        ) from None


def migrate(
    client: Client, port_id: ObjectId, place: SwitchAttachment, *, is_dry_run: bool, wait_seconds: float | None
) -> ApplyResult:
    """Plug a port in somewhere else. Where that is one of its candidates, they change places.

    Raises:
        RefusedError: there is no such port, it cannot be there, or somebody has changed it meanwhile.
    """
    found = client.read(Port, port_id.key)
    before = found.object.attachment
    new: dict[str, Any] = place.model_dump(exclude_none=True)
    old = {} if before is None else before.model_dump(mode="json")
    patch: dict[str, Any] = {"attachment": {**dict.fromkeys(old.keys() - new.keys()), **new}}
    if place in found.object.candidates and isinstance(before, SwitchAttachment):
        moved = found.object.moved_to(place)
        patch["candidates"] = [it.model_dump(exclude_none=True) for it in moved.candidates]
    return client.patch(port_id, patch, is_dry_run=is_dry_run, wait_seconds=wait_seconds, if_revision=found.revision)

# SPDX-License-Identifier: Apache-2.0
"""What intent may ask of an architecture: not everything that the tables have a field for can be done by every one."""

from collections.abc import Iterable, Iterator

from p4vpc.errors import Problem
from p4vpc.intent import Fabric, ForeignVtep, Intent

_WITHOUT_PAYLOAD_CHECKSUM = frozenset({"tna"})
"""Architectures that cannot add up a payload (docs/adr/0013)."""


def check_abilities(objects: Iterable[Intent], architecture: str) -> Iterator[Problem]:
    """Yield a problem for each object that asks for what switches of this architecture (P4Info `arch`) cannot do."""
    if architecture not in _WITHOUT_PAYLOAD_CHECKSUM:
        return
    for intent in objects:
        if isinstance(intent, Fabric | ForeignVtep) and intent.udp_checksum == "computed":
            message = (
                f"the switches ({architecture}) cannot compute it: it covers the whole packet, and they see its head"
            )
            yield Problem(str(intent), "udp_checksum", message, "udp_checksum: zero")

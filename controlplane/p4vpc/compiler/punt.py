# SPDX-License-Identifier: Apache-2.0
"""How much the controller gets to see of what is dropped or logged: a bound for each reason.

A tenant decides how many packets run out of TTL or are too big; the bound keeps one such tenant's packets from taking
the controller's time, and by reason, so that a flood of one kind leaves the others answered. What the controller
answers has a bound of its own, samples have that of the fabric, and where both are asked for the higher one holds.

Writes the meters `punt_meter` and `egress_punt_meter`.
"""

from p4vpc.compiler.drop_reasons import ANSWERED, LOGGED_INBOUND, LOGGED_OUTBOUND, DropReason
from p4vpc.compiler.drops import name_of
from p4vpc.compiler.entries import MeterEntry
from p4vpc.compiler.pieces import Emitted
from p4vpc.intent import ObjectId
from p4vpc.model import Model

FABRIC = ObjectId("fabric", "fabric")
PACKETS_PER_SECOND = 100
BURST_PACKETS = 50


def emit_switch(model: Model) -> Emitted:
    """Yield the bounds; they are the same at every switch."""
    for reason in DropReason:
        sampled = model.drop_samples.get(name_of(reason))
        if sampled is not None:
            yield _cell("egress_punt_meter", reason, sampled.packets, sampled.packets), FABRIC
        if reason in ANSWERED:
            packets = max(PACKETS_PER_SECOND, sampled.packets if sampled else 0)
            yield _cell("punt_meter", reason, packets, max(BURST_PACKETS, sampled.packets if sampled else 0)), FABRIC
        elif sampled is not None:
            yield _cell("punt_meter", reason, sampled.packets, sampled.packets), FABRIC
    logged = model.acl_log.packets
    yield _cell("punt_meter", LOGGED_OUTBOUND, logged, logged), FABRIC
    yield _cell("egress_punt_meter", LOGGED_INBOUND, logged, logged), FABRIC


def _cell(meter: str, reason: int, rate: int, burst: int) -> MeterEntry:
    return MeterEntry(meter, int(reason), rate, burst, rate, burst)

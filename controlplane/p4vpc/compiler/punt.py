# SPDX-License-Identifier: Apache-2.0
"""How much of what is dropped the controller gets to see: a bound for each reason that it answers.

A tenant decides how many packets run out of TTL or are too big; the bound keeps one such tenant's packets from taking
the controller's time, and by reason, so that a flood of one kind leaves the others answered.

Writes the meter `punt_meter`.
"""

from p4vpc.compiler.drop_reasons import ANSWERED
from p4vpc.compiler.entries import MeterEntry
from p4vpc.compiler.pieces import Emitted
from p4vpc.intent import ObjectId

FABRIC = ObjectId("fabric", "fabric")
PACKETS_PER_SECOND = 100
BURST_PACKETS = 50


def emit_switch() -> Emitted:
    """Yield the bounds; they are the same at every switch."""
    for reason in sorted(ANSWERED):
        rate, burst = PACKETS_PER_SECOND, BURST_PACKETS
        yield MeterEntry("punt_meter", reason.value, rate, burst, rate, burst), FABRIC

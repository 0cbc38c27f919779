# SPDX-License-Identifier: Apache-2.0
"""QoS: what ports plugged in here may send and receive, as meters in bytes per second.

Ports behind foreign VTEPs have no cell: they have no port index, and their own edge is the place to limit them.

Writes the meters `port_ingress_meter` (what ports send) and `port_egress_meter` (what they receive).
"""

from p4vpc.compiler.entries import MeterEntry
from p4vpc.compiler.pieces import Emitted
from p4vpc.model import LocalPlace, ModelPort, ModelSwitch

_BITS = 8


def emit_port(port: ModelPort, switch: ModelSwitch) -> Emitted:
    """Yield the limits of a port that is plugged in here."""
    place, policy = port.place, port.qos
    if policy is None or not isinstance(place, LocalPlace) or place.switch != switch.name:
        return
    for meter, limit in (("port_ingress_meter", policy.from_port), ("port_egress_meter", policy.to_port)):
        if limit is None:
            continue
        entry = MeterEntry(
            meter,
            place.port_index,
            cir=limit.rate_bps // _BITS,
            cburst=limit.burst_bytes,
            pir=limit.peak_rate // _BITS,
            pburst=limit.peak_burst,
        )
        yield entry, policy.id
        yield entry, port.id

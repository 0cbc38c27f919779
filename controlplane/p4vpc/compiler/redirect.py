# SPDX-License-Identifier: Apache-2.0
"""Ports that have moved away: what leaves that do not know it yet still send here goes on to where the port is now.

Such a frame is always bridged here, also one that was routed: it was routed where it entered, and comes with the port's
MAC in the VNI of its subnet. So a redirect is the port's MAC with `redirect_mac`, in place of what `mapping` says of
it, and the subnet's VNI both ways, also where no port of the subnet or the VPC is left. Frames of ports that are here
find the port like any that is elsewhere. Copies of flooded frames are not redirected: they must not multiply.

Whom to redirect for, and until when, is the caller's to say; that redirects never lead in a circle follows from when
they are asked for (docs/adr/0012).

Writes `bridge`, `vni_map`, and in egress `bridge_domains`.
"""

from p4vpc.compiler.entries import ActionCall, Exact, TableEntry
from p4vpc.compiler.pieces import Emitted
from p4vpc.compiler.scope import is_elsewhere
from p4vpc.compiler.termination import emit_subnet
from p4vpc.model import LocalPlace, Model, ModelPort, ModelSwitch, ModelVpc, Vtep


def emit_port(model: Model, vpc: ModelVpc, port: ModelPort, switch: ModelSwitch) -> Emitted:
    """Yield what sends on the frames for a port that has left; nothing for one that is here, or unbound."""
    if not is_elsewhere(port, switch):
        return
    match port.place:
        case LocalPlace(switch=there):
            tunnel_index = model.leaf_vteps[there].tunnel_index
        case Vtep(tunnel_index=tunnel_index):
            pass
    for entry in emit_subnet(model, vpc, port.subnet):
        yield entry, port.id
    key = (Exact(port.subnet.bridge_domain), Exact(port.mac.value))
    yield TableEntry("bridge", key, 0, ActionCall("redirect_mac", (tunnel_index, port.label))), port.id

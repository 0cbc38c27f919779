# SPDX-License-Identifier: Apache-2.0
"""ARP answers: for the gateways of subnets, and on fabric ports for the switch's own link addresses.

For all other targets the pipeline answers from `hosts_v4`. Writes `gateway_addresses`.
"""

from p4vpc.compiler.entries import ActionCall, Exact, TableEntry
from p4vpc.compiler.pieces import Emitted
from p4vpc.compiler.scope import entered_subnets
from p4vpc.model import Model, ModelSwitch, ModelVpc

UNDERLAY_BRIDGE_DOMAIN = 0


def emit_switch(model: Model, switch: ModelSwitch) -> Emitted:
    """Yield the addresses that the switch has on its links."""
    answer = ActionCall("answer_gateway", (switch.router_mac.value,))
    for end in model.fabric_ports[switch.name]:
        if end.address is not None:
            key = (Exact(UNDERLAY_BRIDGE_DOMAIN), Exact(int(end.address)))
            yield TableEntry("gateway_addresses", key, 0, answer), end.link


def emit_vpc(vpc: ModelVpc, switch: ModelSwitch) -> Emitted:
    """Yield the gateways of the VPC's subnets that are entered here."""
    for subnet in entered_subnets(vpc, switch):
        key = (Exact(subnet.bridge_domain), Exact(int(subnet.gateway)))
        yield (
            TableEntry("gateway_addresses", key, 0, ActionCall("answer_gateway", (subnet.gateway_mac.value,))),
            subnet.id,
        )

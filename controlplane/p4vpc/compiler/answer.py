# SPDX-License-Identifier: Apache-2.0
"""ARP and neighbour discovery: for the gateways of subnets, and on fabric ports for the switch's own link addresses.

Where there is an IPv6 address there is a link-local one too, made of the MAC that is answered with. For all other
targets the pipeline answers from `hosts_v4`, `hosts_v6` and `bridge`.

Egress knows the MAC of a gateway by its bridge domain. The links together are bridge domain 0, which nothing is sent
into.

Writes `gateway_addresses_v4` and `gateway_addresses_v6`, and in egress `bridge_domains` for the links.
"""

from collections.abc import Iterable, Iterator

from p4vpc.compiler.entries import ActionCall, Exact, TableEntry
from p4vpc.compiler.family import of_family
from p4vpc.compiler.pieces import Emitted
from p4vpc.compiler.scope import entered_subnets
from p4vpc.intent import IpAddress, Mac, link_local_of
from p4vpc.model import FabricPort, ModelSwitch, ModelVpc

UNDERLAY_BRIDGE_DOMAIN = 0
NO_VNI = 0


def emit_switch(switch: ModelSwitch, ends: Iterable[FabricPort]) -> Emitted:
    """Yield the addresses that the switch has on links."""
    for end in ends:
        if end.address is not None:
            own = ActionCall("set_bridge_domain", (NO_VNI, switch.router_mac.value))
            yield TableEntry("bridge_domains", (Exact(UNDERLAY_BRIDGE_DOMAIN),), 0, own), end.link
            for entry in _answers(UNDERLAY_BRIDGE_DOMAIN, end.address, switch.router_mac):
                yield entry, end.link


def emit_vpc(vpc: ModelVpc, switch: ModelSwitch) -> Emitted:
    """Yield the gateways of the VPC's subnets that are entered here."""
    for subnet in entered_subnets(vpc, switch):
        for gateway in subnet.gateways:
            for entry in _answers(subnet.bridge_domain, gateway, subnet.gateway_mac):
                yield entry, subnet.id


def _answers(bridge_domain: int, address: IpAddress, mac: Mac) -> Iterator[TableEntry]:
    for target in (address,) if address.version == 4 else (address, link_local_of(mac)):
        key = (Exact(bridge_domain), Exact(int(target)))
        yield TableEntry(of_family("gateway_addresses", target), key, 0, ActionCall("answer_gateway"))

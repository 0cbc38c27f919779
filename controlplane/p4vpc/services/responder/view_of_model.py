# SPDX-License-Identifier: Apache-2.0
"""From the model to the view of one switch: the only place of the responder that knows the model."""

from ipaddress import IPv4Address
from types import MappingProxyType

from p4vpc.model import LocalPlace, Model, ModelSubnet, Vtep
from p4vpc.services.responder.view import ForeignAttachment, LocalAttachment, SubnetView, SwitchView


def view_of_model(model: Model, switch: str) -> SwitchView:
    """Return what answers at `switch` depend on. KeyError for a switch that the model has not."""
    of = model.switches[switch]
    local: dict[tuple[int, int], tuple[LocalAttachment, SubnetView]] = {}
    foreign: dict[ForeignAttachment, SubnetView] = {}
    candidates: set[tuple[int, int]] = set()
    for key in model.vpcs_of_switch.get(switch, ()):
        vpc = model.vpcs[key]
        broadcasts = frozenset(subnet.ipv4.broadcast_address for subnet in vpc.subnets if subnet.ipv4 is not None)
        subnets = {subnet.id: _subnet(subnet, broadcasts, model.tenant_mtu) for subnet in vpc.subnets}
        for port in vpc.ports:
            subnet = subnets[port.subnet.id]
            for place in (port.place, *port.candidates):
                match place:
                    case LocalPlace(switch=name) if name == switch:
                        attachment = LocalAttachment(place.port, place.vlan_id, place.port_index)
                        local[place.port, place.vlan_id] = (attachment, subnet)
                        if place is not port.place:
                            candidates.add((place.port, place.vlan_id))
                    case Vtep() if switch in vpc.switches:
                        foreign[ForeignAttachment(place.address, port.subnet.vni)] = subnet
    return SwitchView(
        router_mac=of.router_mac,
        fabric_ports=frozenset(end.port for end in model.fabric_ports[switch]),
        vteps=frozenset(() if of.vtep is None else (of.vtep,)),
        locals=MappingProxyType(local),
        foreign=MappingProxyType(foreign),
        candidates=frozenset(candidates),
    )


def _subnet(subnet: ModelSubnet, broadcasts: frozenset[IPv4Address], mtu: int) -> SubnetView:
    return SubnetView(
        gateway_mac=subnet.gateway_mac,
        gateway_v4=subnet.gateway_v4,
        gateway_v6=subnet.gateway_v6,
        prefix_v6=subnet.ipv6,
        mtu=mtu,
        broadcasts=broadcasts,
        is_vlan_transparent=subnet.is_vlan_transparent,
    )

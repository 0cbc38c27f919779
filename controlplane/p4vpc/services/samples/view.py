# SPDX-License-Identifier: Apache-2.0
"""Whose is a frame? What of the model tells it, at one switch.

A frame names its VPC by the VRF that the switch sends along, or by the attachment or VNI that it came in by. Inside of
a VPC addresses name ports; a sender's address counts only if the frame came in where that port is, for it may be a lie.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from p4vpc.intent import AclRule, IpAddress, Mac, PortRange
from p4vpc.model import LocalPlace, Model, ModelAcl, ModelPort, ModelSubnet, ModelVpc
from p4vpc.services.responder.vxlan import unwrap
from p4vpc.services.samples.headers import Headers, read_headers


@dataclass(frozen=True, slots=True)
class Found:
    """Whose a frame is; None where nobody can tell. `headers` are those of the tenant's own frame."""

    headers: Headers
    vpc: ModelVpc | None
    source: ModelPort | None
    destination: ModelPort | None


class _VpcNames:
    """The ports of one VPC by what frames call them."""

    def __init__(self, vpc: ModelVpc):
        self.vpc = vpc
        self._by_address = {address: port for port in vpc.ports for address in port.addresses}
        self._by_mac: dict[Mac, list[ModelPort]] = {}
        for port in vpc.ports:
            self._by_mac.setdefault(port.mac, []).append(port)

    def port(self, address: IpAddress | None, mac: Mac) -> ModelPort | None:
        """The port with an address; else the only one with a MAC (each subnet may have one)."""
        found = self._by_address.get(address) if address is not None else None
        if found is not None:
            return found
        ports = self._by_mac.get(mac, [])
        return ports[0] if len(ports) == 1 else None

    def next_hop(self, address: IpAddress) -> ModelPort | None:
        """The port that the longest route to an address leads to."""
        routes = [route for route in self.vpc.routes if address in route.prefix]
        best = max(routes, key=lambda route: route.prefix.prefixlen, default=None)
        return best.next_hop if best else None


class SampleView:
    """The model as one switch's frames see it; what it looks up in is made when it is first needed."""

    def __init__(self, model: Model, switch: str):
        self._model = model
        self._switch = switch

    @property
    def sampled_reasons(self) -> Mapping[str, int]:
        """Packets a second of each reason that shall be shown."""
        return {name: rate.packets for name, rate in self._model.drop_samples.items()}

    @cached_property
    def _fabric_ports(self) -> frozenset[int]:
        return frozenset(end.port for end in self._model.fabric_ports[self._switch])

    @cached_property
    def _by_vrf(self) -> Mapping[int, _VpcNames]:
        keys = self._model.vpcs_of_switch.get(self._switch, ())
        return {self._model.vpcs[key].vrf: _VpcNames(self._model.vpcs[key]) for key in keys}

    @cached_property
    def _by_vni(self) -> Mapping[int, _VpcNames]:
        return {subnet.vni: names for names in self._by_vrf.values() for subnet in names.vpc.subnets}

    @cached_property
    def _attachments(self) -> Mapping[tuple[int, int], tuple[_VpcNames, ModelPort]]:
        return {
            (port.place.port, port.place.vlan_id): (names, port)
            for names in self._by_vrf.values()
            for port in names.vpc.ports
            if isinstance(port.place, LocalPlace) and port.place.switch == self._switch
        }

    def find(self, frame: bytes, ingress_port: int, vrf: int) -> Found:
        """Return whose frame this is; `vrf` 0: the switch does not know."""
        headers = read_headers(frame)
        names = self._by_vrf.get(vrf)
        is_from_fabric = ingress_port in self._fabric_ports
        if is_from_fabric and headers.ethernet.dst == self._model.switches[self._switch].router_mac:
            tunnelled = unwrap(headers.ethernet)
            if tunnelled is not None:
                tunnel, inner = tunnelled
                headers = read_headers(inner)
                names = names or self._by_vni.get(tunnel.vni)
        attached = None if is_from_fabric else self._attachments.get((ingress_port, headers.ethernet.vlan_id))
        if names is None and attached is not None:
            names = attached[0]
        if names is None:
            return Found(headers, None, None, None)
        source = names.port(headers.src, headers.ethernet.src)
        if source is None or not self._may_come_by(source, ingress_port, is_from_fabric):
            source = attached[1] if attached is not None and attached[0] is names else None
        return Found(headers, names.vpc, source, names.port(headers.dst, headers.ethernet.dst))

    def _may_come_by(self, port: ModelPort, ingress_port: int, is_from_fabric: bool) -> bool:
        place = port.place
        is_here = isinstance(place, LocalPlace) and place.switch == self._switch
        if is_from_fabric:
            return place is not None and not is_here
        return isinstance(place, LocalPlace) and is_here and place.port == ingress_port

    def logged_by(self, found: Found, direction: str) -> tuple[ModelAcl, int, AclRule] | None:
        """Return the rule that has logged a frame: the first that matches, as the switch decides it.

        The switch says only that a rule of this direction has; while an ACL changes it may have been another one.
        """
        if found.vpc is None:
            return None
        subnet = self._subnet(found, direction)
        acl = next((acl for acl in found.vpc.acls if subnet is not None and subnet in acl.subnets), None)
        if acl is None:
            return None
        rules = (acl.inbound if direction == "inbound" else acl.outbound) or ()
        matching = ((position, rule) for position, rule in enumerate(rules) if _matches(rule, found.headers))
        first = next(matching, None)
        return None if first is None else (acl, *first)

    def _subnet(self, found: Found, direction: str) -> ModelSubnet | None:
        if direction == "outbound":
            port, address = found.source, found.headers.src
        else:
            port, address = found.destination, found.headers.dst
            if port is None and found.vpc is not None and address is not None:
                port = self._by_vrf[found.vpc.vrf].next_hop(address)
        if port is not None:
            return port.subnet
        subnets = found.vpc.subnets if found.vpc is not None and address is not None else ()
        return next((it for it in subnets if any(address in prefix for prefix in it.prefixes)), None)


def _matches(rule: AclRule, headers: Headers) -> bool:
    """Whether a rule is about a packet: the same as the entries that the compiler makes of it."""
    if headers.src is None or headers.dst is None or headers.src.version not in rule.families:
        return False
    if rule.protocol_number not in (None, headers.protocol):
        return False
    for prefix, address in ((rule.source, headers.src), (rule.destination, headers.dst)):
        if prefix is not None and address not in prefix:
            return False
    if rule.icmp_type is not None and (not headers.has_l4 or (headers.l4_dst_port or 0) >> 8 != rule.icmp_type):
        return False
    return _is_within(rule.source_ports, headers.l4_src_port) and _is_within(rule.ports, headers.l4_dst_port)


def _is_within(ports: PortRange | None, number: int | None) -> bool:
    if ports is None or (ports.low, ports.high) == (0, 0xFFFF):
        return True
    return number is not None and ports.low <= number <= ports.high

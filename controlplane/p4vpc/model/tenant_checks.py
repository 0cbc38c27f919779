# SPDX-License-Identifier: Apache-2.0
"""Conflicts among the tenants' objects, and between them and the fabric."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from p4vpc.errors import Problem
from p4vpc.intent import (
    IpAddress,
    IpNetwork,
    LinkEnd,
    Port,
    Subnet,
    SwitchAttachment,
    VtepAttachment,
    hosts_of,
    ip_order,
    is_host_of,
    is_within,
)
from p4vpc.model.defaults import gateway_mac, gateway_v4, gateway_v6
from p4vpc.model.fabric_checks import Use, only_once
from p4vpc.model.index import Index, VpcIndex


def check_vpc(members: VpcIndex, *, are_ports_complete: bool = True) -> Iterator[Problem]:
    """Yield every conflict inside of one VPC.

    If some of its ports could not be read, `are_ports_complete` is False, and an address may belong to one of those.
    """
    yield from _check_overlaps(members)
    ports = members.ports.values()
    yield from only_once(
        (
            Use(address, port, f"addresses[{position}]")
            for port in ports
            for position, address in enumerate(port.addresses)
        ),
        "an address belongs to one port of the VPC",
    )
    by_subnet: dict[str, list[Port]] = defaultdict(list)
    for port in ports:
        by_subnet[port.subnet].append(port)
    for some in by_subnet.values():
        macs = (Use(port.mac, port, "mac") for port in some if port.mac is not None)
        yield from only_once(macs, "a MAC belongs to one port of the subnet")
    for port in ports:
        if port.subnet in members.subnets:
            yield from check_port(port, members.subnets[port.subnet])
    yield from _check_routes(members, are_ports_complete)


def check_attachments(index: Index, *, are_links_complete: bool = True) -> Iterator[Problem]:
    """Yield every conflict about where ports are plugged in.

    If some links could not be read, `are_links_complete` is False, and one of those may lead to a foreign VTEP.
    """
    vteps = {switch.vtep: switch.name for switch in index.switches.values() if switch.vtep}
    links = links_at(index)
    uses = []
    for vpc_key in sorted(index.members):
        for port in index.members[vpc_key].ports.values():
            if isinstance(port.attachment, SwitchAttachment):
                yield from check_switch_port(index, links, port, port.attachment, "attachment")
                uses.append(Use(f"{port.attachment},", port, "attachment"))
            elif isinstance(port.attachment, VtepAttachment):
                yield from _check_vtep(index, vteps, port, port.attachment.vtep, are_links_complete)
            for position, candidate in enumerate(port.candidates):
                field = f"candidates[{position}]"
                yield from check_switch_port(index, links, port, candidate, field)
                uses.append(Use(f"{candidate},", port, field))
    yield from only_once(uses, "one port for each switch port and VLAN")
    yield from _check_transparency(index)


def links_at(index: Index) -> Mapping[tuple[str, int], str]:
    """Return the names of links by switch and switch port."""
    links = {}
    for link in index.links.values():
        for end in (link.a, link.b):
            if isinstance(end, LinkEnd):
                links[end.switch, end.port] = link.name
    return links


def _check_overlaps(members: VpcIndex) -> Iterator[Problem]:
    prefixes = ((prefix, subnet) for subnet in members.subnets.values() for prefix in subnet.prefixes)
    widest: tuple[IpNetwork, Subnet] | None = None
    for prefix, subnet in sorted(prefixes, key=lambda found: (ip_order(found[0]), found[1].name)):
        if widest is not None and prefix.overlaps(widest[0]):
            message = f"{prefix} overlaps {widest[0]} of subnet {widest[1].key}"
            yield Problem(str(subnet), f"ipv{prefix.version}", message, "subnets of a VPC are disjoint")
        if widest is None or ip_order(prefix.broadcast_address) > ip_order(widest[0].broadcast_address):
            widest = prefix, subnet


def check_port(port: Port, subnet: Subnet) -> Iterator[Problem]:
    """Yield every conflict between a port and its subnet."""
    prefixes = {prefix.version: prefix for prefix in subnet.prefixes}
    for position, address in enumerate(port.addresses):
        field = f"addresses[{position}]"
        prefix = prefixes.get(address.version)
        if prefix is None:
            message = f"{address} is IPv{address.version}, and subnet {subnet.name} has no ipv{address.version} prefix"
            some = subnet.prefixes[0]
            yield Problem(str(port), field, message, f"give the subnet one, or an address in {some}")
            continue
        first, last = hosts_of(prefix)
        if address not in prefix:
            message = f"{address} is outside of subnet {subnet.name} ({prefix})"
            yield Problem(str(port), field, message, f"{first} to {last}")
        elif not is_host_of(address, prefix):
            yield Problem(str(port), field, f"{address} is not a host address of {prefix}", f"{first} to {last}")
        elif address in (gateway_v4(subnet), gateway_v6(subnet)):
            yield Problem(str(port), field, f"{address} is the gateway of subnet {subnet.name}", "another address")
    if port.mac == gateway_mac(subnet):
        yield Problem(str(port), "mac", f"{port.mac} is the gateway's MAC in subnet {subnet.name}", "another MAC")


def _check_routes(members: VpcIndex, are_ports_complete: bool) -> Iterator[Problem]:
    routes = members.routes.values()
    yield from only_once((Use(route.prefix, route, "prefix") for route in routes), "one route for each prefix")
    owners = {address for port in members.ports.values() for address in port.addresses}
    for route in routes:
        if route.next_hop not in owners and are_ports_complete:
            message = f"no port of the VPC has the address {route.next_hop}"
            yield Problem(str(route), "next_hop", message, "an address of a port in the VPC")
        for subnet in members.subnets.values():
            for prefix in subnet.prefixes:
                if is_within(route.prefix, prefix):
                    message = f"{route.prefix} lies in subnet {subnet.name} ({prefix})"
                    yield Problem(str(route), "prefix", message, "a destination outside of the VPC's subnets")


def check_switch_port(
    index: Index, links: Mapping[tuple[str, int], str], port: Port, attachment: SwitchAttachment, field: str
) -> Iterator[Problem]:
    """Yield every conflict between a port and the switch port that it is plugged into."""
    switch = index.switches.get(attachment.switch)
    if switch is None:
        return
    if switch.role != "leaf":
        leaves = ", ".join(sorted(leaf.name for leaf in index.switches.values() if leaf.role == "leaf"))
        yield Problem(str(port), f"{field}.switch", f"{switch.name} is a spine", f"a leaf: {leaves}")
    link = links.get((attachment.switch, attachment.port))
    if link is not None:
        message = f"port {attachment.port} of {attachment.switch} belongs to link {link}"
        yield Problem(str(port), f"{field}.port", message, "a port without a link")


def _check_transparency(index: Index) -> Iterator[Problem]:
    """Yield a problem for what is in the way of a tenant's own tags: an attachment by VLAN, another on the port."""
    by_switch_port: dict[tuple[str, int], list[tuple[Port, str, bool]]] = defaultdict(list)
    for vpc_key in sorted(index.members):
        members = index.members[vpc_key]
        for port in members.ports.values():
            subnet = members.subnets.get(port.subnet)
            if subnet is None:
                continue
            for field, place in switch_places(port):
                by_switch_port[place.switch, place.port].append((port, field, subnet.vlan_transparent))
                if subnet.vlan_transparent and place.vlan is not None:
                    message = f"subnet {subnet.name} is vlan_transparent, so a tag chooses no attachment of it"
                    remedy = "remove vlan, or vlan_transparent of the subnet"
                    yield Problem(str(port), f"{field}.vlan", message, remedy)
    for (switch, number), there in by_switch_port.items():
        owner = next((port for port, _, is_transparent in there if is_transparent), None)
        for port, field, _ in there:
            if owner is not None and port is not owner:
                message = f"all tags on port {number} of {switch} belong to {owner}, whose subnet is vlan_transparent"
                yield Problem(str(port), field, message, "another switch port")


def switch_places(port: Port) -> Iterator[tuple[str, SwitchAttachment]]:
    """Yield where a port is or may be plugged into a switch, with the fields that say so."""
    if isinstance(port.attachment, SwitchAttachment):
        yield "attachment", port.attachment
    for position, candidate in enumerate(port.candidates):
        yield f"candidates[{position}]", candidate


def _check_vtep(
    index: Index, vteps: Mapping[IpAddress, str], port: Port, vtep: IpAddress, are_links_complete: bool
) -> Iterator[Problem]:
    if vtep in vteps:
        remedy = f"attachment: {{switch: {vteps[vtep]}, port: ...}}"
        yield Problem(str(port), "attachment.vtep", f"{vtep} is the VTEP of our own {vteps[vtep]}", remedy)
    elif are_links_complete and not any(
        vtep in prefix for _, neighbor in index.neighbors for prefix in neighbor.prefixes
    ):
        remedy = "add it to the prefixes of the link that leads there"
        yield Problem(str(port), "attachment.vtep", f"no link leads to {vtep}", remedy)

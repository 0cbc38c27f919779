# SPDX-License-Identifier: Apache-2.0
"""What is asked: a packet of a port, said as a person would say it, and the frame that its host would send.

A host does not send a packet to a neighbour whose MAC nobody tells it. So what is addressed to an address of the subnet
that nobody has is traced as the question that the host asks first.
"""

from dataclasses import dataclass, replace
from ipaddress import ip_address

from p4vpc.errors import IntentError, NotFoundError, Problem
from p4vpc.intent import IpAddress, Mac, ObjectId, closest, link_local_of
from p4vpc.intent.values import PROTOCOL_NUMBERS
from p4vpc.model import LocalPlace, Model, ModelPort, ModelVpc, Vtep
from p4vpc.services.responder.ethernet import EthernetFrame, build_frame, parse_frame
from p4vpc.services.responder.icmp import ECHO_REQUEST_V4, ECHO_REQUEST_V6
from p4vpc.services.responder.packet import PROTOCOL_ICMP, PROTOCOL_ICMPV6
from p4vpc.services.responder.vxlan import Tunnel, wrap
from p4vpc.services.trace.frames import (
    PROTOCOL_TCP,
    Packet,
    build_packet,
    build_question,
    ether_type_of,
    group_mac,
)


class NowhereError(IntentError):
    """No packet of the port gets into the fabric, for where it is."""


EPHEMERAL_PORT = 49152
"""Source port if none is given: the first of those that hosts choose from (RFC 6335 section 6)."""

ARP, ND = "arp", "nd"
PROTOCOLS = (*PROTOCOL_NUMBERS, ARP, ND)
_WITH_PORTS = (6, 17)
_MAX_PACKET = 65535


@dataclass(frozen=True, slots=True)
class Question:
    """A packet, and what to find out about it.

    Attributes:
        source: the port that sends it; None: a raw frame that enters at `place`.
        destination: an address, or the key of a port of the same VPC.
        protocol: a name of `PROTOCOLS`, or an IP protocol number; None: an echo request, or TCP if ports are given.
        family: 4 or 6, where the destination is a port with addresses of both.
        icmp: type and code.
        ttl, length: see `frames.Packet`.
        vlan: the tenant's own tag, in a subnet that carries them.
        source_address, source_mac, destination_mac: other ones than the host's own and the right one.
        frame: a whole frame instead of all that, as the switch receives it.
        place: switch and switch port where `frame` enters.
        is_reply: the answer to it is traced too.
        is_established: a packet of the other direction has passed before.
        is_realised: what switches hold counts, not what they shall hold.
    """

    source: ObjectId | None = None
    destination: str | None = None
    protocol: str | int | None = None
    family: int | None = None
    source_port: int | None = None
    destination_port: int | None = None
    icmp: tuple[int, int] | None = None
    ttl: int = 64
    length: int | None = None
    vlan: int | None = None
    source_address: IpAddress | None = None
    source_mac: Mac | None = None
    destination_mac: Mac | None = None
    frame: bytes | None = None
    place: tuple[str, int] | None = None
    is_reply: bool = False
    is_established: bool = False
    is_realised: bool = False


@dataclass(frozen=True, slots=True)
class Departure:
    """A frame, and where it enters the fabric.

    Attributes:
        sender: whose it is; None if nobody says.
        copies: more of the same frame, for other leaves, as a foreign VTEP sends them.
        note: what is to be known of how the question was understood; empty if nothing.
    """

    switch: str
    port: int
    frame: bytes
    sender: ModelPort | None
    copies: tuple[bytes, ...] = ()
    note: str = ""


def depart(question: Question, model: Model) -> Departure:
    """Return the frame that the question is about.

    Raises:
        NotFoundError: it names what does not exist.
        IntentError: it makes no sense.
    """
    if question.frame is not None and question.place is not None:
        switch, port = question.place
        if switch not in model.switches:
            raise NotFoundError(
                Problem(f"switch {switch[:80]}", "at", "does not exist", closest(switch, model.switches))
            )
        return Departure(switch, port, question.frame, _attached_at(model, switch, port, question.frame))
    if question.source is None:
        raise _mistake("source", "nobody sends", "the key of a port, or frame and at")
    vpc, sender = find_port(model, question.source)
    if question.frame is not None:
        return enter(model, sender, question.frame, None)
    if question.destination is None:
        raise _mistake("destination", "is missing", "an address, the key of a port, or a whole frame")
    target = _target(question, model, vpc, sender)
    frame, note = _frame(question, vpc, sender, target)
    receiver = next((port for port in vpc.ports if target in port.addresses), None)
    return replace(enter(model, sender, frame, receiver), note=note)


def opposite(question: Question, model: Model) -> Question:
    """Return the question about a packet of the other direction: who is asked about sends it, to who sends.

    Raises:
        NotFoundError, IntentError: as `depart`; or nobody has the address.
    """
    if question.source is None or question.frame is not None or question.destination is None:
        raise _mistake("established", "a whole frame has no other direction here", "ask with source and destination")
    if question.protocol in (ARP, ND):
        raise _mistake("established", "questions for neighbours open no flow", "leave it out")
    vpc, sender = find_port(model, question.source)
    target = _target(question, model, vpc, sender)
    other = next((port for port in vpc.ports if target in port.addresses), None)
    if other is None:
        raise _mistake("established", f"nobody of {vpc.id} has {target}, so nobody has opened a flow", "another one")
    is_echo = _protocol(question, target) in (PROTOCOL_ICMP, PROTOCOL_ICMPV6)
    request = ECHO_REQUEST_V4 if target.version == 4 else ECHO_REQUEST_V6
    return Question(
        source=other.id,
        destination=str(_own_address(question, sender, target)),
        protocol=question.protocol,
        source_port=question.destination_port,
        destination_port=EPHEMERAL_PORT if question.source_port is None else question.source_port,
        icmp=(request, 0) if is_echo else None,
    )


def find_port(model: Model, port_id: ObjectId) -> tuple[ModelVpc, ModelPort]:
    """Return a port and its VPC. NotFoundError if there is none."""
    vpc = model.vpcs.get(port_id.key.rpartition("/")[0])
    port = None if vpc is None else vpc.port(port_id)
    if vpc is None or port is None:
        known = [it.id.key for it in vpc.ports] if vpc is not None else []
        raise NotFoundError(Problem(str(port_id), "", "does not exist", closest(port_id.key, known)))
    return vpc, port


def enter(model: Model, sender: ModelPort, frame: bytes, receiver: ModelPort | None) -> Departure:
    """Return the departure of a frame from a port: as it is, or in the tunnel of a foreign VTEP.

    Raises:
        NowhereError: the port is nowhere, or behind a VTEP while its VPC is at no leaf.
    """
    match sender.place:
        case LocalPlace(switch=switch, port=port):
            return Departure(switch, port, frame, sender)
        case Vtep() as vtep:
            return _enter_by_tunnel(model, sender, vtep, frame, receiver)
    raise NowhereError(Problem(str(sender.id), "", "is plugged in nowhere, so it sends nothing", "an attachment"))


def _enter_by_tunnel(
    model: Model, sender: ModelPort, vtep: Vtep, frame: bytes, receiver: ModelPort | None
) -> Departure:
    """A foreign VTEP sends to the leaf of the receiver, or, if that is at none, to the first leaf of the VPC.

    What is for a group it sends to every leaf that the subnet has ports at, in copies.
    """
    vpc, _ = find_port(model, sender.id)
    leaves = sorted(vpc.switches & model.leaf_vteps.keys())
    parsed = parse_frame(frame)
    if parsed is not None and not parsed.dst.is_unicast:
        members = {port.switch for port in vpc.ports if port.subnet.id == sender.subnet.id}
        leaves = [leaf for leaf in leaves if leaf in members] or leaves[:1]
    else:
        leaves = [receiver.switch] if receiver is not None and receiver.switch in leaves else leaves[:1]
    if not leaves:
        message = "is behind a VTEP, and its VPC has no port at a leaf, so nobody takes what it sends"
        raise NowhereError(Problem(str(sender.id), "", message, "a port of the VPC at a leaf"))
    links = (
        (name, end)
        for name, ends in sorted(model.fabric_ports.items())
        for end in ends
        if end.peer_switch is None and any(vtep.address in prefix for prefix in end.prefixes)
    )
    switch, end = next(links)  # the model has made sure of one
    router_mac, vni = model.switches[switch].router_mac, sender.subnet.vni
    tunnels = (Tunnel(end.peer_mac, router_mac, vtep.address, model.leaf_vteps[leaf].address, vni) for leaf in leaves)
    first, *others = (wrap(tunnel, frame, 0) for tunnel in tunnels)
    return Departure(switch, end.port, first, sender, tuple(others))


def _attached_at(model: Model, switch: str, port: int, frame: bytes) -> ModelPort | None:
    parsed = parse_frame(frame)
    vlan_id = 0 if parsed is None else parsed.vlan_id
    for key in model.vpcs_of_switch.get(switch, ()):
        for it in model.vpcs[key].places.at(switch):
            if isinstance(it.place, LocalPlace) and (it.place.port, it.place.vlan_id) == (port, vlan_id):
                return it
    return None


def _target(question: Question, model: Model, vpc: ModelVpc, sender: ModelPort) -> IpAddress:
    text = question.destination or ""
    try:
        return ip_address(text)
    except ValueError:
        pass
    key = text if "/" in text else f"{vpc.id.key}/{text}"
    if key.rpartition("/")[0] != vpc.id.key:
        message = f"{text[:200]} is not in {vpc.id}, whose addresses are its own"
        raise _mistake("destination", message, "an address, or a port of the same VPC")
    _, port = find_port(model, ObjectId("port", key))
    families = [question.family] if question.family else _families(question.protocol)
    for family in families:
        own = any(address.version == family for address in sender.addresses)
        found = next((address for address in port.addresses if address.version == family and own), None)
        if found is not None:
            return found
    raise _mistake("destination", f"{port.id} and {sender.id} have no address of one family that fits", "an address")


def _families(protocol: str | int | None) -> list[int]:
    if protocol in (ARP, "icmp"):
        return [4]
    return [6] if protocol in (ND, "icmpv6") else [4, 6]


def _protocol(question: Question, target: IpAddress) -> int:
    protocol = question.protocol
    if protocol is None:
        if question.destination_port is not None or question.source_port is not None:
            return PROTOCOL_TCP
        return PROTOCOL_ICMP if target.version == 4 else PROTOCOL_ICMPV6
    if isinstance(protocol, int):
        return protocol
    if protocol not in PROTOCOL_NUMBERS:
        raise _mistake("protocol", f"there is no protocol {protocol[:80]!r}", closest(protocol, PROTOCOLS))
    return PROTOCOL_NUMBERS[protocol]


def _own_address(question: Question, sender: ModelPort, target: IpAddress) -> IpAddress:
    if question.source_address is not None:
        if question.source_address.version != target.version:
            raise _mistake("source_address", f"is not of the family of {target}", "one of that family")
        return question.source_address
    if target.version == 6 and target.is_link_local:
        return link_local_of(sender.mac)
    found = next((address for address in sender.addresses if address.version == target.version), None)
    if found is None:
        message = f"{sender.id} has no IPv{target.version} address to ask {target} from"
        raise _mistake("destination", message, f"an IPv{10 - target.version} address")
    return found


def _frame(question: Question, vpc: ModelVpc, sender: ModelPort, target: IpAddress) -> tuple[bytes, str]:
    """Return the frame, and what is to be known of it."""
    own, mac = _own_address(question, sender, target), question.source_mac or sender.mac
    tci = _tci(question, sender)
    if question.protocol in (ARP, ND):
        if target.version != (4 if question.protocol == ARP else 6):
            raise _mistake(
                "protocol", f"{question.protocol} does not ask for {target}", ND if target.version == 6 else ARP
            )
        return build_question(mac, own, target, tci), ""
    packet = _packet(question, own, target)
    destination = question.destination_mac or group_mac(target) or _next_hop(vpc, sender, target)
    if destination is None:
        subnet = f"subnet {sender.subnet.id.key.rpartition('/')[2]}"
        note = f"{target} is in {subnet}, and nobody plugged in there has it: traced is what the host asks first"
        return build_question(mac, own, target, tci), note
    return build_frame(EthernetFrame(destination, mac, tci, ether_type_of(target), build_packet(packet))), ""


def _tci(question: Question, sender: ModelPort) -> int | None:
    if question.vlan is not None:
        if not sender.subnet.is_vlan_transparent:
            raise _mistake("vlan", f"{sender.subnet.id} carries no tags of tenants", "leave it out")
        return question.vlan
    return sender.place.vlan_id or None if isinstance(sender.place, LocalPlace) else None


def _packet(question: Question, own: IpAddress, target: IpAddress) -> Packet:
    protocol = _protocol(question, target)
    is_icmp = protocol in (PROTOCOL_ICMP, PROTOCOL_ICMPV6)
    if is_icmp and (protocol == PROTOCOL_ICMP) != (target.version == 4):
        raise _mistake("protocol", f"is not sent over IPv{target.version}", "icmpv6" if target.version == 6 else "icmp")
    has_ports = question.source_port is not None or question.destination_port is not None
    if protocol not in _WITH_PORTS and has_ports:
        raise _mistake("destination_port", "only TCP and UDP have ports", "protocol: tcp")
    if protocol in _WITH_PORTS and question.destination_port is None:
        raise _mistake("destination_port", "TCP and UDP go to a port", "a number from 0 to 65535, such as 443")
    if question.icmp is not None and not is_icmp:
        raise _mistake("icmp_type", "only ICMP and ICMPv6 have types", "protocol: icmp")
    if question.length is not None and question.length > _MAX_PACKET:
        raise _mistake("length", "no IP packet is that long", f"at most {_MAX_PACKET}")
    request = ECHO_REQUEST_V4 if target.version == 4 else ECHO_REQUEST_V6
    return Packet(
        own,
        target,
        protocol,
        EPHEMERAL_PORT if question.source_port is None else question.source_port,
        question.destination_port or 0,
        question.icmp or (request, 0),
        question.ttl,
        question.length,
    )


def _next_hop(vpc: ModelVpc, sender: ModelPort, target: IpAddress) -> Mac | None:
    """Whom the host addresses its frame to; None if nobody answers its question.

    A tag of the tenant's own leads to no gateway: the frame is bridged, or nobody's.
    """
    subnet = sender.subnet
    if target in subnet.gateways or target == link_local_of(subnet.gateway_mac):
        return subnet.gateway_mac
    is_neighbour = target.is_link_local or any(target in prefix for prefix in subnet.prefixes)
    if not is_neighbour:
        if any(gateway.version == target.version for gateway in subnet.gateways):
            return subnet.gateway_mac
        raise _mistake("destination", f"{subnet.id} has no gateway of the family of {target}", "another address")
    if target.version == 4 and subnet.ipv4 is not None and target == subnet.ipv4.broadcast_address:
        return Mac(0xFFFFFFFFFFFF)
    for port in vpc.ports:
        if (
            port.place is not None
            and port.subnet.id == subnet.id
            and (target in port.addresses or target == link_local_of(port.mac))
        ):
            return port.mac
    return None


def _mistake(field: str, message: str, remedy: str) -> IntentError:
    return IntentError(Problem("trace", field, message, remedy))

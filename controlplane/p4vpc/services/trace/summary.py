# SPDX-License-Identifier: Apache-2.0
"""A frame in one line."""

from p4vpc.intent.values import PROTOCOL_NUMBERS
from p4vpc.services.responder.ethernet import ETHER_TYPE_ARP, ETHER_TYPE_RARP, parse_frame
from p4vpc.services.responder.parse import parse_ip
from p4vpc.services.responder.vxlan import unwrap
from p4vpc.services.samples.headers import Headers, read_headers

_PROTOCOLS = {number: name for name, number in PROTOCOL_NUMBERS.items()}
_ETHER_TYPES = {ETHER_TYPE_ARP: "arp", ETHER_TYPE_RARP: "rarp"}
_ICMP = (1, 58)


def summary_of(frame: bytes, *, is_tunnelled: bool) -> str:
    """Return who sends what to whom; of a tunnel (`is_tunnelled`: the frame is on a link) also what is inside."""
    headers = read_headers(frame)
    outer = parse_frame(frame)
    found = unwrap(outer) if is_tunnelled and outer is not None else None
    if found is None:
        return _plain(headers)
    tunnel, inner = found
    return f"vxlan vni {tunnel.vni} {tunnel.remote} > {tunnel.local} [{_plain(read_headers(inner))}]"


def _plain(headers: Headers) -> str:
    ethernet = headers.ethernet
    tag = "" if ethernet.tci is None else f"vlan {ethernet.vlan_id} "
    macs = f"{tag}{ethernet.src} > {ethernet.dst}"
    if headers.src is None or headers.dst is None:
        return f"{macs} {_ETHER_TYPES.get(ethernet.ether_type, f'ether type {ethernet.ether_type:#06x}')}"
    if ethernet.ether_type == ETHER_TYPE_ARP:
        return f"{macs} arp {headers.src} > {headers.dst}"
    protocol = headers.protocol or 0
    packet = parse_ip(ethernet)
    ttl = "" if packet is None else f" ttl {packet.hop_limit}"
    kind = _PROTOCOLS.get(protocol, f"protocol {protocol}")
    if protocol in _ICMP and headers.l4_dst_port is not None:
        kind += f" type {headers.l4_dst_port >> 8} code {headers.l4_dst_port & 0xFF}"
    ends = (_end(str(headers.src), headers.l4_src_port), _end(str(headers.dst), headers.l4_dst_port, protocol))
    return f"{macs} {kind} {ends[0]} > {ends[1]}{ttl}"


def _end(address: str, port: int | None, protocol: int = 0) -> str:
    if port is None or protocol in _ICMP:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

# SPDX-License-Identifier: Apache-2.0
"""Neighbour discovery (RFC 4861) and duplicate address detection (RFC 4862), asked and answered."""

from ipaddress import IPv6Address

from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from ptf_tests import packets

ALL_NODES, ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"
ALL_ROUTERS, ALL_ROUTERS_MAC = "ff02::2", "33:33:00:00:00:02"
UNSPECIFIED = "::"
_ND_HOP_LIMIT = 255
_IPV6_OFFSET = 14 + 40
_TAGGED_IPV6_OFFSET = 18 + 40


def solicited_node(address: str) -> tuple[str, str]:
    """The group that a host with this address listens to (RFC 4291, section 2.7.1), and the group's MAC."""
    last = int(IPv6Address(address)) & 0xFFFFFF
    group = int(IPv6Address("ff02::1:ff00:0")) | last
    return str(IPv6Address(group)), "33:33:ff:" + last.to_bytes(3, "big").hex(":")


def source_option(mac: str) -> bytes:
    """A source link-layer address option."""
    return bytes(ICMPv6NDOptSrcLLAddr(lladdr=mac))


def target_option(mac: str) -> bytes:
    """A target link-layer address option."""
    return bytes(ICMPv6NDOptDstLLAddr(lladdr=mac))


def nonce_option(nonce: bytes) -> bytes:
    """A nonce of 6 bytes (RFC 3971, section 5.3.2), with which a host knows its own solicitation (RFC 7527)."""
    return b"\x0e\x01" + nonce


def solicitation(
    mac: str,
    sender: str,
    target: str,
    *,
    options: bytes | None = None,
    to_mac: str = "",
    to_address: str = "",
    hop_limit: int = _ND_HOP_LIMIT,
    code: int = 0,
    vlan: int | None = None,
) -> Packet:
    """Who has `target`, tell `sender`: to the target's solicited-node group, with the sender's MAC as the option.

    Nobody's address, `::`, has no option (RFC 4861, section 4.3).
    """
    group, group_mac = solicited_node(target)
    if options is None:
        options = b"" if sender == UNSPECIFIED else source_option(mac)
    header = IPv6(src=sender, dst=to_address or group, hlim=hop_limit, fl=packets.FLOW_LABEL)
    return packets.frame(mac, to_mac or group_mac, header, ICMPv6ND_NS(tgt=target, code=code), Raw(options), vlan=vlan)


def advertisement(request: Packet, mac: str, *, is_router: bool = False) -> Packet:
    """The answer to a solicitation: its target is at `mac`. The tag stays, and what follows the message.

    Who asks from `::` is told with all nodes, and without the flag that says solicited (RFC 4861, section 7.2.4).
    """
    asked = Ether(bytes(request))
    is_detection = asked[IPv6].src == UNSPECIFIED
    vlan = asked.vlan if asked.type == packets.VLAN_TYPE else None
    trailer = bytes(asked)[(_TAGGED_IPV6_OFFSET if vlan else _IPV6_OFFSET) + asked[IPv6].plen :]
    header = IPv6(
        src=asked[ICMPv6ND_NS].tgt,
        dst=ALL_NODES if is_detection else asked[IPv6].src,
        hlim=_ND_HOP_LIMIT,
        fl=asked[IPv6].fl,
        tc=asked[IPv6].tc,
    )
    message = ICMPv6ND_NA(tgt=asked[ICMPv6ND_NS].tgt, R=int(is_router), S=int(not is_detection), O=1)
    answer = packets.frame(
        mac, ALL_NODES_MAC if is_detection else asked.src, header, message, Raw(target_option(mac)), vlan=vlan
    )
    return Ether(bytes(answer) + trailer)


def router_solicitation(
    mac: str,
    sender: str,
    *,
    options: bytes | None = None,
    to_mac: str = ALL_ROUTERS_MAC,
    hop_limit: int = _ND_HOP_LIMIT,
    code: int = 0,
    vlan: int = 0,
) -> Packet:
    """Who is the router here? To all routers, with the sender's MAC as the option if it has an address."""
    if options is None:
        options = b"" if sender == UNSPECIFIED else source_option(mac)
    header = IPv6(src=sender, dst=ALL_ROUTERS, hlim=hop_limit, fl=packets.FLOW_LABEL)
    return packets.frame(mac, to_mac, header, ICMPv6ND_RS(code=code), Raw(options), vlan=vlan)


def announcement(
    mac: str, sender: str, target: str, *, options: bytes | None = None, hop_limit: int = _ND_HOP_LIMIT, vlan: int = 0
) -> Packet:
    """An unsolicited neighbour advertisement: all nodes shall know that `target` is at `mac`."""
    header = IPv6(src=sender, dst=ALL_NODES, hlim=hop_limit, fl=packets.FLOW_LABEL)
    message = ICMPv6ND_NA(tgt=target, R=0, S=0, O=1)
    options = target_option(mac) if options is None else options
    return packets.frame(mac, ALL_NODES_MAC, header, message, Raw(options), vlan=vlan)

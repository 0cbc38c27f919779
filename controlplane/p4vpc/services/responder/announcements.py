# SPDX-License-Identifier: Apache-2.0
"""What hosts say about themselves unasked: gratuitous ARP, RARP, unsolicited neighbour advertisements."""

import struct
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from p4vpc.intent import IpAddress, Mac
from p4vpc.services.responder.ethernet import ETHER_TYPE_ARP, ETHER_TYPE_IPV6, ETHER_TYPE_RARP, EthernetFrame
from p4vpc.services.responder.icmp import NEIGHBOR_ADVERTISEMENT, has_right_checksum, is_icmp
from p4vpc.services.responder.ipv6 import parse_ipv6

_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ARP_OF_IPV4_OVER_ETHERNET = (1, 0x0800, 6, 4)
_ARP_REQUEST, _ARP_REPLY = 1, 2
_RARP_OPERATIONS = (3, 4)

_ADVERTISEMENT_BYTES = 24
_ND_HOP_LIMIT = 255
_IS_SOLICITED = 0x40
_OPTION_UNIT_BYTES = 8
_TARGET_LINK_LAYER_ADDRESS = 2


class Family(StrEnum):
    """What an announcement is about."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Announcement:
    """Here is a MAC, and it has this address; `address` is None if only the MAC is announced (RARP)."""

    mac: Mac
    address: IpAddress | None
    family: Family


def read_announcement(frame: EthernetFrame) -> Announcement | None:
    """Return what a frame announces; None if nothing, or something malformed.

    The MAC announced is always the sender's own: whoever speaks for others is not believed.
    """
    if not frame.src.is_unicast:
        return None
    if frame.ether_type in (ETHER_TYPE_ARP, ETHER_TYPE_RARP):
        return _read_arp(frame)
    return _read_advertisement(frame) if frame.ether_type == ETHER_TYPE_IPV6 else None


def _read_arp(frame: EthernetFrame) -> Announcement | None:
    """RFC 826; gratuitous ARP: RFC 5227 section 3; RARP as hypervisors send it after a migration: RFC 903."""
    if len(frame.payload) < _ARP.size:
        return None
    *kind, operation, sender_mac, sender, _, target = _ARP.unpack_from(frame.payload)
    mac = Mac(int.from_bytes(sender_mac))
    if tuple(kind) != _ARP_OF_IPV4_OVER_ETHERNET or mac != frame.src:
        return None
    if frame.ether_type == ETHER_TYPE_RARP:
        return Announcement(mac, None, Family.LINK) if operation in _RARP_OPERATIONS else None
    # Nobody has to ask a host that we answer for, so each reply is one that nobody asked for.
    if operation != _ARP_REPLY and not (operation == _ARP_REQUEST and sender == target):
        return None
    address = IPv4Address(sender)
    if address.is_unspecified or address.is_multicast:
        return None
    return Announcement(mac, address, Family.IPV4)


def _read_advertisement(frame: EthernetFrame) -> Announcement | None:
    """RFC 4861 sections 7.1.2 (what is valid) and 7.2.6 (unsolicited)."""
    packet = parse_ipv6(frame.payload)
    if packet is None or packet.is_fragment or not is_icmp(packet) or packet.hop_limit != _ND_HOP_LIMIT:
        return None
    message = packet.upper
    if len(message) < _ADVERTISEMENT_BYTES or message[:2] != bytes((NEIGHBOR_ADVERTISEMENT, 0)):
        return None
    if message[4] & _IS_SOLICITED or not has_right_checksum(packet):
        return None
    target = IPv6Address(message[8:24])
    if target.is_multicast or target.is_unspecified or not _is_own(message[_ADVERTISEMENT_BYTES:], frame.src):
        return None
    return Announcement(frame.src, target, Family.IPV6)


def _is_own(options: bytes, mac: Mac) -> bool:
    """Whether the options are well-formed and name no other target link-layer address than `mac`."""
    while options:
        if len(options) < _OPTION_UNIT_BYTES:
            return False
        option_bytes = options[1] * _OPTION_UNIT_BYTES
        if not 0 < option_bytes <= len(options):
            return False
        if options[0] == _TARGET_LINK_LAYER_ADDRESS and options[2:8] != mac.value.to_bytes(6):
            return False
        options = options[option_bytes:]
    return True

# SPDX-License-Identifier: Apache-2.0
"""The underlay's headers around a tenant's frame, over IPv4 and IPv6: as this VTEP sends them, and as others may."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ptf.mask import Mask
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from ptf_tests import entries, leaf, packets
from ptf_tests.base import Expected, Frame
from ptf_tests.p4info import Entry

OVERHEAD = {4: 50, 6: 70}
"""Bytes that encapsulation adds, by the IP version of the underlay."""
_ETHERNET_BYTES = 14
_UDP_OFFSET = {4: 34, 6: 54}
_TTL_AT_ARRIVAL = 62


@dataclass(frozen=True)
class Way:
    """One direction of a tunnel, for one VNI."""

    link: packets.Link
    src: str
    dst: str
    vni: int
    ttl: int = packets.OUTER_TTL

    def around(
        self,
        inner: Frame,
        *,
        tos: int = 0,
        sport: int = 55555,
        flow_label: int = 0x15555,
        flags: int = 0x08,
        policy_flags: int = 0,
        group: int = 0,
    ) -> Packet:
        """The inner frame in outer headers: those that this VTEP sends, if nothing else is said."""
        if packets.is_v6(self.src):
            header: Packet = IPv6(src=self.src, dst=self.dst, tc=tos, fl=flow_label, hlim=self.ttl)
        else:
            header = IP(src=self.src, dst=self.dst, tos=tos, ttl=self.ttl, id=0, flags="DF")
        # By hand: scapy gives some reserved flags a meaning of later drafts and shifts the fields.
        vxlan = struct.pack("!BBHI", flags, policy_flags, group, self.vni << 8)
        return (
            Ether(src=self.link.src_mac, dst=self.link.dst_mac)
            / header
            / UDP(sport=sport, dport=packets.VXLAN_PORT, chksum=0)
            / Raw(vxlan + bytes(inner))
        )


@dataclass(frozen=True)
class Underlay:
    """The leaf's VTEP and those of its peers, by tunnel index; links and uplinks are as in `leaf`."""

    vtep: str
    vteps: Mapping[int, str]

    def sent(self, tunnel: int, subnet: leaf.Subnet) -> Way:
        """What the leaf puts around a frame of the subnet."""
        link = packets.Link(leaf.ROUTER_MAC, leaf.NEIGHBOR_MACS[leaf.UPLINK[tunnel]])
        return Way(link, self.vtep, self.vteps[tunnel], subnet.vni)

    def received(self, tunnel: int, subnet: leaf.Subnet) -> Way:
        """What a peer has put around a frame of the subnet, as it reaches the leaf."""
        link = packets.Link(leaf.NEIGHBOR_MACS[leaf.UPLINK[tunnel]], leaf.ROUTER_MAC)
        return Way(link, self.vteps[tunnel], self.vtep, subnet.vni, ttl=_TTL_AT_ARRIVAL)


OVER_V4 = Underlay(leaf.VTEP, leaf.VTEPS)
OVER_V6 = Underlay("2001:db8:ff::1", {2: "2001:db8:ff::2", 3: "2001:db8:ff::3", 9: "2001:db8:ff::9"})


def any_entropy(packet: Packet) -> Mask:
    """The encapsulated frame, with any UDP source port and any flow label."""
    raw = bytes(packet)
    version = _version(raw)
    mask = Mask(raw)
    mask.set_do_not_care(_UDP_OFFSET[version] * 8, 16)
    if version == 6:
        mask.set_do_not_care(_ETHERNET_BYTES * 8 + 12, 20)
    return mask


def source_port(raw: bytes) -> int:
    """The UDP source port of an encapsulated frame."""
    offset = _UDP_OFFSET[_version(raw)]
    return int.from_bytes(raw[offset : offset + 2], "big")


def with_source_port(raw: bytes, port: int) -> bytes:
    """The frame as one of another flow; for UDP without a checksum, as in tunnels, and quicker than building it."""
    offset = _UDP_OFFSET[_version(raw)]
    return raw[:offset] + port.to_bytes(2, "big") + raw[offset + 2 :]


def tos_of(packet: Packet) -> int:
    """The IPv4 type of service or IPv6 traffic class of a frame."""
    header = packet[IPv6] if IPv6 in packet else packet[IP]
    return int(header.tc if isinstance(header, IPv6) else header.tos)


def with_tos(packet: Packet, tos: int) -> Packet:
    """The frame with another type of service or traffic class, and the right checksum."""
    result = Ether(bytes(packet))
    header = result[IPv6] if IPv6 in result else result[IP]
    if isinstance(header, IPv6):
        header.tc = tos
    else:
        header.tos = tos
        del header.chksum
    return Ether(bytes(result))


def inner_of(raw: bytes) -> bytes:
    """The frame inside an encapsulated one."""
    return raw[OVERHEAD[_version(raw)] :]


def _version(raw: bytes) -> int:
    return 6 if raw[12:14] == b"\x86\xdd" else 4


class TunnelTest(leaf.LeafTest):
    """A test on the leaf of `leaf`, over the underlay that it names."""

    underlay = OVER_V4

    def fabric(self) -> Iterable[Entry]:
        return leaf.fabric(self.underlay.vtep, self.underlay.vteps)

    def sends(self, tunnel: int, subnet: leaf.Subnet, inner: Frame, **fields: int) -> tuple[int, Expected]:
        """Expected: the inner frame on the way to a peer, with any entropy."""
        outer = self.underlay.sent(tunnel, subnet).around(inner, **fields)
        return leaf.UPLINK[tunnel], any_entropy(outer)

    def arrives(self, tunnel: int, subnet: leaf.Subnet, inner: Frame, **fields: int) -> Packet:
        """The inner frame as a peer sends it to this leaf."""
        return self.underlay.received(tunnel, subnet).around(inner, **fields)

    def set_tunnel(self, tunnel: int, **modes: int) -> None:
        """Gives the tunnel to a peer these modes, as `entries.tunnel` names them, and the usual ones else."""
        self.overwrite(entries.tunnel(tunnel, self.underlay.vtep, self.underlay.vteps[tunnel], **modes))

    def set_peer(self, tunnel: int, **modes: int) -> None:
        """Believes a peer what these modes say, as `entries.peer_vtep` names them."""
        address = self.underlay.vteps[tunnel]
        self.overwrite(entries.peer_vtep(address, tunnel, is_trusted=leaf.TRUSTED[tunnel], **modes))

# SPDX-License-Identifier: Apache-2.0
"""Tunnels, both ways: whose packets are let out of VXLAN and into which network; where to send and as which VNI.

A leaf knows those other leaves that it shares a VPC with (docs/adr/0022), and trusts them: source guard and policy were
applied where the packet entered. A foreign VTEP is an untrusted peer, and only at leaves that share a VPC with it
(docs/adr/0003).

Modes of a tunnel are those of the model: of the fabric between leaves, of its `vtep` object to a foreign one. A leaf
of ours needs no group id: policy has been applied where the packet entered.

Writes `local_vteps_v4`, `local_vteps_v6`, `peer_vteps_v4`, `peer_vteps_v6`, `vni_map`; in egress `tunnels` and
`bridge_domains`.
"""

from collections.abc import Iterator

from p4vpc.compiler.entries import ActionCall, Exact, Origin, TableEntry
from p4vpc.compiler.family import of_family
from p4vpc.compiler.pieces import Emitted
from p4vpc.compiler.scope import entered_subnets
from p4vpc.intent import IpAddress
from p4vpc.model import Model, ModelPort, ModelSubnet, ModelSwitch, ModelVpc, Vtep


def emit_switch(switch: ModelSwitch) -> Emitted:
    """Yield the leaf's own VTEP; nothing for a spine."""
    if switch.vtep is not None:
        key = (Exact(int(switch.vtep)),)
        yield TableEntry(of_family("local_vteps", switch.vtep), key, 0, ActionCall("terminate")), switch.id


def emit_peer(switch: ModelSwitch, leaf: Vtep, origin: Origin) -> Emitted:
    """Yield another leaf as a peer, and the tunnel to it."""
    if switch.vtep is not None:
        for entry in _peer(switch.vtep, leaf, is_trusted=True):
            yield entry, origin
            if leaf.modes.origin is not None:
                yield entry, leaf.modes.origin


def emit_vpc(model: Model, vpc: ModelVpc, switch: ModelSwitch) -> Emitted:
    """Yield the VPC's networks."""
    for subnet in entered_subnets(vpc, switch):
        yield _into(model, vpc, subnet), subnet.id
    for subnet in vpc.subnets:
        yield _out_of(subnet), subnet.id


def emit_port(port: ModelPort, switch: ModelSwitch) -> Emitted:
    """Yield the foreign VTEP that a port is behind."""
    if isinstance(port.place, Vtep) and switch.vtep is not None:
        for entry in _peer(switch.vtep, port.place, is_trusted=False):
            yield entry, port.id
            if port.place.modes.origin is not None:
                yield entry, port.place.modes.origin


def emit_subnet(model: Model, vpc: ModelVpc, subnet: ModelSubnet) -> Iterator[TableEntry]:
    """Yield what takes frames of a subnet out of tunnels, and into others."""
    yield _into(model, vpc, subnet)
    yield _out_of(subnet)


def _into(model: Model, vpc: ModelVpc, subnet: ModelSubnet) -> TableEntry:
    network = (subnet.bridge_domain, vpc.vrf, model.tenant_mtu, int(subnet.is_vlan_transparent))
    into = ActionCall("set_vni", network)
    return TableEntry("vni_map", (Exact(subnet.vni),), 0, into)


def _out_of(subnet: ModelSubnet) -> TableEntry:
    out_of = ActionCall("set_bridge_domain", (subnet.vni, subnet.gateway_mac.value))
    return TableEntry("bridge_domains", (Exact(subnet.bridge_domain),), 0, out_of)


def _peer(own: IpAddress, peer: Vtep, *, is_trusted: bool) -> Iterator[TableEntry]:
    modes = peer.modes
    believed = (int(is_trusted), int(modes.is_gbp_trusted), int(modes.is_dscp_uniform))
    known = ActionCall("set_peer", (peer.tunnel_index, *believed))
    yield TableEntry(of_family("peer_vteps", peer.address), (Exact(int(peer.address)),), 0, known)
    said: tuple[int, ...] = (int(modes.is_ecn_compatible), int(modes.is_dscp_uniform), modes.dscp, int(modes.is_gbp))
    if peer.address.version == 6:
        said = (*said, int(modes.is_udp_checksum))
    tunnel = ActionCall(of_family("set_tunnel", peer.address), (int(own), int(peer.address), *said))
    yield TableEntry("tunnels", (Exact(peer.tunnel_index),), 0, tunnel)

# SPDX-License-Identifier: Apache-2.0
"""Tunnels, both ways: whose packets are let out of VXLAN and into which network; where to send and as which VNI.

A leaf trusts every other leaf: source guard and policy were applied where the packet entered. A foreign VTEP is an
untrusted peer, and only at leaves that share a VPC with it (docs/adr/0003).

Writes `local_vteps_v4`, `peer_vteps_v4`, `vni_map`; in egress `tunnels` and `bridge_domains`.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address

from p4vpc.compiler.entries import ActionCall, Exact, TableEntry
from p4vpc.compiler.pieces import Emitted
from p4vpc.compiler.scope import entered_subnets
from p4vpc.model import Model, ModelSwitch, ModelVpc, Vtep


def emit_switch(model: Model, switch: ModelSwitch) -> Emitted:
    """Yield the leaf's own VTEP and all other leaves; nothing for a spine."""
    if switch.vtep is None:
        return
    yield TableEntry("local_vteps_v4", (Exact(int(switch.vtep)),), 0, ActionCall("terminate")), switch.id
    for name, leaf in model.leaf_vteps.items():
        if name != switch.name:
            origin = model.switches[name].id
            for entry in _peer(switch.vtep, leaf, is_trusted=True):
                yield entry, origin


def emit_vpc(vpc: ModelVpc, switch: ModelSwitch) -> Emitted:
    """Yield the VPC's networks, and the foreign VTEPs that it has ports behind."""
    for subnet in entered_subnets(vpc, switch):
        into = ActionCall("set_vni", (subnet.bridge_domain, vpc.vrf))
        yield TableEntry("vni_map", (Exact(subnet.vni),), 0, into), subnet.id
    for subnet in vpc.subnets:
        out_of = ActionCall("set_bridge_domain", (subnet.vni, subnet.gateway_mac.value))
        yield TableEntry("bridge_domains", (Exact(subnet.bridge_domain),), 0, out_of), subnet.id
    for port in vpc.ports:
        if isinstance(port.place, Vtep) and switch.vtep is not None:
            for entry in _peer(switch.vtep, port.place, is_trusted=False):
                yield entry, port.id


def _peer(own: IPv4Address, peer: Vtep, *, is_trusted: bool) -> Iterator[TableEntry]:
    known = ActionCall("set_peer", (peer.tunnel_index, int(is_trusted)))
    yield TableEntry("peer_vteps_v4", (Exact(int(peer.address)),), 0, known)
    tunnel = ActionCall("set_tunnel", (int(own), int(peer.address)))
    yield TableEntry("tunnels", (Exact(peer.tunnel_index),), 0, tunnel)

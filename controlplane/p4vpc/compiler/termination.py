# SPDX-License-Identifier: Apache-2.0
"""Tunnels, both ways: whose packets are let out of VXLAN and into which network; where to send and as which VNI.

A leaf trusts every other leaf: source guard and policy were applied where the packet entered. A foreign VTEP is an
untrusted peer, and only at leaves that share a VPC with it (docs/adr/0003).

Modes of a tunnel: DSCP is neither copied out nor in, so tenants have no say in the underlay's classes nor the underlay
in theirs. A leaf of ours copies ECN both ways; of a foreign VTEP nobody knows whether it does, so what it gets is
Not-ECT outside (RFC 6040 section 4.1, compatibility mode). Group ids are neither sent nor believed.

Writes `local_vteps_v4`, `local_vteps_v6`, `peer_vteps_v4`, `peer_vteps_v6`, `vni_map`; in egress `tunnels` and
`bridge_domains`.
"""

from collections.abc import Iterator

from p4vpc.compiler.entries import ActionCall, Exact, TableEntry
from p4vpc.compiler.family import of_family
from p4vpc.compiler.pieces import Emitted
from p4vpc.compiler.scope import entered_subnets
from p4vpc.intent import IpAddress
from p4vpc.model import Model, ModelSubnet, ModelSwitch, ModelVpc, Vtep

_IS_GBP = 0
_IS_DSCP_UNIFORM = 0
_DSCP = 0


def emit_switch(model: Model, switch: ModelSwitch) -> Emitted:
    """Yield the leaf's own VTEP and all other leaves; nothing for a spine."""
    if switch.vtep is None:
        return
    local = TableEntry(of_family("local_vteps", switch.vtep), (Exact(int(switch.vtep)),), 0, ActionCall("terminate"))
    yield local, switch.id
    for name, leaf in model.leaf_vteps.items():
        if name != switch.name:
            origin = model.switches[name].id
            for entry in _peer(switch.vtep, leaf, is_trusted=True):
                yield entry, origin


def emit_vpc(model: Model, vpc: ModelVpc, switch: ModelSwitch) -> Emitted:
    """Yield the VPC's networks, and the foreign VTEPs that it has ports behind."""
    for subnet in entered_subnets(vpc, switch):
        yield _into(model, vpc, subnet), subnet.id
    for subnet in vpc.subnets:
        yield _out_of(subnet), subnet.id
    yield from emit_foreign(vpc, switch)


def emit_foreign(vpc: ModelVpc, switch: ModelSwitch) -> Emitted:
    """Yield the foreign VTEPs that the VPC has ports behind."""
    for port in vpc.ports:
        if isinstance(port.place, Vtep) and switch.vtep is not None:
            for entry in _peer(switch.vtep, port.place, is_trusted=False):
                yield entry, port.id


def emit_subnet(model: Model, vpc: ModelVpc, subnet: ModelSubnet) -> Iterator[TableEntry]:
    """Yield what takes frames of a subnet out of tunnels, and into others."""
    yield _into(model, vpc, subnet)
    yield _out_of(subnet)


def _into(model: Model, vpc: ModelVpc, subnet: ModelSubnet) -> TableEntry:
    into = ActionCall("set_vni", (subnet.bridge_domain, vpc.vrf, model.tenant_mtu))
    return TableEntry("vni_map", (Exact(subnet.vni),), 0, into)


def _out_of(subnet: ModelSubnet) -> TableEntry:
    out_of = ActionCall("set_bridge_domain", (subnet.vni, subnet.gateway_mac.value))
    return TableEntry("bridge_domains", (Exact(subnet.bridge_domain),), 0, out_of)


def _peer(own: IpAddress, peer: Vtep, *, is_trusted: bool) -> Iterator[TableEntry]:
    known = ActionCall("set_peer", (peer.tunnel_index, int(is_trusted), _IS_GBP, _IS_DSCP_UNIFORM))
    yield TableEntry(of_family("peer_vteps", peer.address), (Exact(int(peer.address)),), 0, known)
    is_ecn_compatible = int(not is_trusted)
    outer = (int(own), int(peer.address), is_ecn_compatible, _IS_DSCP_UNIFORM, _DSCP, _IS_GBP)
    tunnel = ActionCall(of_family("set_tunnel", peer.address), outer)
    yield TableEntry("tunnels", (Exact(peer.tunnel_index),), 0, tunnel)

# SPDX-License-Identifier: Apache-2.0
"""Tunnels: their modes, and what does not go together about them."""

from collections.abc import Iterator

from p4vpc.errors import Problem
from p4vpc.intent import Fabric, ForeignVtep
from p4vpc.model.fabric_checks import Use, only_once
from p4vpc.model.index import Index
from p4vpc.model.types import TunnelModes

UNSAID = TunnelModes(
    is_ecn_compatible=True,
    is_dscp_uniform=False,
    dscp=0,
    is_udp_checksum=False,
    is_gbp=False,
    is_gbp_trusted=False,
    origin=None,
)
"""What a foreign VTEP has that no object describes."""

_MODE_FIELDS = frozenset({"ecn", "dscp", "udp_checksum"})


def modes_between_leaves(fabric: Fabric) -> TunnelModes:
    """Return the modes of the tunnels between our own leaves."""
    return TunnelModes(
        is_ecn_compatible=fabric.ecn == "compatibility",
        is_dscp_uniform=fabric.dscp.mode == "uniform",
        dscp=fabric.dscp.value,
        is_udp_checksum=fabric.udp_checksum == "computed",
        is_gbp=False,
        is_gbp_trusted=False,
        origin=None if _MODE_FIELDS.isdisjoint(fabric.model_fields_set) else fabric.id,
    )


def modes_to(vtep: ForeignVtep | None) -> TunnelModes:
    """Return the modes of the tunnels to a foreign VTEP."""
    if vtep is None:
        return UNSAID
    return TunnelModes(
        is_ecn_compatible=vtep.ecn == "compatibility",
        is_dscp_uniform=vtep.dscp.mode == "uniform",
        dscp=vtep.dscp.value,
        is_udp_checksum=vtep.udp_checksum == "computed",
        is_gbp=vtep.gbp,
        is_gbp_trusted=vtep.trust_gbp,
        origin=vtep.id,
    )


def check_tunnels(index: Index) -> Iterator[Problem]:
    """Yield every conflict about VTEPs that are objects, and about checksums that cannot be."""
    yield from only_once(
        (Use(vtep.address, vtep, "address") for vtep in index.vteps.values()), "one object describes a VTEP"
    )
    leaves = {switch.vtep: switch.name for switch in index.switches.values() if switch.vtep is not None}
    for vtep in index.vteps.values():
        if vtep.address in leaves:
            message = f"{vtep.address} is the VTEP of our own {leaves[vtep.address]}"
            yield Problem(str(vtep), "address", message, "tunnels between our leaves are described by the fabric")
        if vtep.udp_checksum == "computed" and vtep.address.version == 4:
            yield _no_checksum(str(vtep), f"over IPv4, as to {vtep.address}")
    if index.fabric.udp_checksum == "computed" and any(vtep.version == 4 for vtep in leaves):
        yield _no_checksum(str(index.fabric), "over IPv4, as between these leaves")


def _no_checksum(name: str, where: str) -> Problem:
    message = f"the UDP checksum of VXLAN is always 0 {where} (RFC 7348)"
    return Problem(name, "udp_checksum", message, "remove udp_checksum")

# SPDX-License-Identifier: Apache-2.0
"""Conflicts about what limits and copies traffic: network ACLs, QoS policies and mirrors."""

from collections.abc import Iterator

from p4vpc.errors import Problem
from p4vpc.intent import QosPolicy, SwitchAttachment, VtepAttachment
from p4vpc.model.fabric_checks import Use, only_once
from p4vpc.model.index import Index, VpcIndex

FRAME_HEADER_BYTES = 18
"""Ethernet header with a VLAN tag: meters count whole frames, the MTU is that of the packet inside."""


def check_acls(members: VpcIndex) -> Iterator[Problem]:
    """Yield a problem for each subnet of a VPC that more than one network ACL names."""
    yield from only_once(
        (
            Use(f"subnet {subnet}", acl, f"subnets[{position}]")
            for acl in members.acls.values()
            for position, subnet in enumerate(acl.subnets)
        ),
        "a subnet has at most one network ACL",
    )


def check_mirrors(members: VpcIndex) -> Iterator[Problem]:
    """Yield a problem for each port of a mirror that can get no copies, or is not the only one at its leaf."""
    for mirror in members.mirrors.values():
        leaves = []
        for position, name in enumerate(mirror.ports):
            field = f"ports[{position}]"
            attachment = members.ports[name].attachment if name in members.ports else None
            match attachment:
                case SwitchAttachment(switch=switch):
                    leaves.append(Use(f"switch {switch}", mirror, field))
                case VtepAttachment():
                    message = f"port {name} is behind a foreign VTEP, where no copies are sent"
                    yield Problem(str(mirror), field, message, "a port that is plugged into a leaf")
        yield from only_once(leaves, "a mirror has one port at each leaf")


def check_qos(index: Index) -> Iterator[Problem]:
    """Yield a problem for each burst that the longest frame of a tenant exceeds: such a frame could never pass."""
    longest = index.fabric.tenant_mtu + FRAME_HEADER_BYTES
    for policy in index.qos_policies.values():
        for field, burst in _bursts(policy):
            if burst < longest:
                message = f"{burst} bytes are less than one frame of {longest} bytes (tenant_mtu and its header)"
                yield Problem(str(policy), field, message, f"at least {longest}")


def _bursts(policy: QosPolicy) -> Iterator[tuple[str, int]]:
    for direction in ("from_port", "to_port"):
        limit = getattr(policy, direction)
        if limit is not None:
            yield f"{direction}.burst_bytes", limit.burst_bytes
            if limit.peak_burst_bytes is not None:
                yield f"{direction}.peak_burst_bytes", limit.peak_burst_bytes

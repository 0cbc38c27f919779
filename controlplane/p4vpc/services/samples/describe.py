# SPDX-License-Identifier: Apache-2.0
"""From a frame, and whose it is, to a sample: pure."""

from p4vpc.services.samples.sample import Sample, SampledRule
from p4vpc.services.samples.view import Found

KEPT_BYTES = 128
"""As much of a frame is kept: the outer headers of a tunnel and what is inside, down to the ports."""

_ICMP = (1, 58)


def describe(found: Found, frame: bytes, reason: str, rule: SampledRule | None = None) -> Sample:
    """Return what a frame shows; when and where it was seen is for the caller to fill in."""
    headers, ethernet = found.headers, found.headers.ethernet
    is_icmp = headers.protocol in _ICMP
    type_code = headers.l4_dst_port if is_icmp else None
    return Sample(
        reason=reason,
        vpc=None if found.vpc is None else found.vpc.id.key,
        source=None if found.source is None else found.source.id,
        destination=None if found.destination is None else found.destination.id,
        rule=rule,
        source_mac=ethernet.src,
        destination_mac=ethernet.dst,
        ether_type=ethernet.ether_type,
        vlan_id=None if ethernet.tci is None else ethernet.vlan_id,
        source_address=headers.src,
        destination_address=headers.dst,
        protocol=headers.protocol,
        source_port=headers.l4_src_port,
        destination_port=None if is_icmp else headers.l4_dst_port,
        icmp_type=None if type_code is None else type_code >> 8,
        icmp_code=None if type_code is None else type_code & 0xFF,
        length=len(frame),
        frame=frame[:KEPT_BYTES],
    )

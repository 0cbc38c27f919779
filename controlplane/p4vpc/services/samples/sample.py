# SPDX-License-Identifier: Apache-2.0
"""One frame that a switch has shown, in the words of the intent."""

from dataclasses import dataclass

from p4vpc.intent import IpAddress, Mac, ObjectId


@dataclass(frozen=True, slots=True)
class SampledRule:
    """The rule of a network ACL that has logged a frame.

    Attributes:
        position: in its direction, from 0; as in the field's name `inbound[0]`.
        action: `allow` or `deny`.
    """

    acl: ObjectId
    direction: str
    position: int
    action: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What was dropped or logged, and whose it was. None: not known, or the frame has none.

    Attributes:
        number: counts the samples of this controller since its start, over all switches; rises.
        time: when it came to the controller, in seconds since 1970 (UTC).
        port: the switch port that the frame came in by.
        reason: name of the drop reason; `acl_log` for what a rule logs.
        vpc: whose frame it is.
        source, destination: the ports that sent it and that it was for.
        rule: for `acl_log`.
        vlan_id: of the tag that the frame has.
        source_address, destination_address: IP, or those that ARP is about.
        icmp_type, icmp_code: ICMP or ICMPv6.
        length: bytes of the frame as it was shown.
        frame: its first bytes; of what came out of a tunnel and ingress has dropped, the outer headers are among them.
    """

    reason: str
    vpc: str | None
    source: ObjectId | None
    destination: ObjectId | None
    rule: SampledRule | None
    source_mac: Mac
    destination_mac: Mac
    ether_type: int
    vlan_id: int | None
    source_address: IpAddress | None
    destination_address: IpAddress | None
    protocol: int | None
    source_port: int | None
    destination_port: int | None
    icmp_type: int | None
    icmp_code: int | None
    length: int
    frame: bytes
    switch: str = ""
    port: int = 0
    time: float = 0.0
    number: int = 0

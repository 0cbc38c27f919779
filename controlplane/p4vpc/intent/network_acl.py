# SPDX-License-Identifier: Apache-2.0
"""Network ACLs: ordered, stateless rules on subnets, in the way of the public clouds.

Directions are seen from the subnet: inbound is what is routed into it, outbound what is routed out of it. What stays
inside of a subnet is bridged and never meets an ACL.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from p4vpc.intent.addresses import Prefix
from p4vpc.intent.base import Part
from p4vpc.intent.tenancy import VpcMember
from p4vpc.intent.values import PROTOCOL_NUMBERS, Distinct, Name, Ports, Protocol

MAX_RULES = 1000
"""Most rules of one direction."""

_ICMP_FAMILIES = {PROTOCOL_NUMBERS["icmp"]: 4, PROTOCOL_NUMBERS["icmpv6"]: 6}


class AclRule(Part):
    """What one rule decides; what is not given matches everything.

    Attributes:
        protocol: a name, or an IP protocol number.
        source: where the packet comes from, IPv4 or IPv6.
        destination: where it goes, of the same family.
        ports: destination ports (TCP and UDP).
        source_ports: source ports (TCP and UDP).
        icmp_type: type of an ICMP or ICMPv6 message.
        log: whether the controller sees what the rule matches, within the rate of the fabric (`acl_log`).
        mirror: name of a mirror of the same VPC, which gets a copy of what the rule matches.
    """

    action: Literal["allow", "deny"]
    protocol: Protocol = "any"
    source: Prefix | None = None
    destination: Prefix | None = None
    ports: Ports | None = None
    source_ports: Ports | None = None
    icmp_type: Annotated[int, Field(strict=True, ge=0, le=255)] | None = None
    log: Annotated[bool, Field(strict=True)] = False
    mirror: Name | None = None

    @property
    def protocol_number(self) -> int | None:
        """IP protocol number, None for any."""
        if isinstance(self.protocol, int):
            return self.protocol
        return PROTOCOL_NUMBERS.get(self.protocol)

    @property
    def families(self) -> tuple[int, ...]:
        """IP versions of the packets that it can match: those of its prefixes or of its kind of ICMP, else both."""
        prefix = self.source or self.destination
        if prefix is not None:
            return (prefix.version,)
        family = self._protocol_family
        return (4, 6) if family is None else (family,)

    @property
    def _protocol_family(self) -> int | None:
        number = self.protocol_number
        return None if number is None else _ICMP_FAMILIES.get(number)

    @model_validator(mode="after")
    def _is_about_one_family(self) -> Self:
        if self.source is not None and self.destination is not None:
            version = self.source.version
            if self.destination.version != version:
                raise _mistake(
                    "destination", "is of another family than source", f"an IPv{version} prefix, or two rules"
                )
        family = self._protocol_family
        if family is not None and self.families != (family,):
            name = {4: "ICMP", 6: "ICMPv6"}[family]
            other = "icmpv6" if family == 4 else "icmp"
            raise _mistake("protocol", f"{name} is not sent over IPv{10 - family}", f"protocol: {other}")
        return self

    @model_validator(mode="after")
    def _qualifier_fits_protocol(self) -> Self:
        for field in ("ports", "source_ports"):
            if getattr(self, field) is not None and self.protocol_number not in (6, 17):
                raise _mistake(field, "only TCP and UDP have ports", f"protocol: tcp, or remove {field}")
        if self.icmp_type is not None and self._protocol_family is None:
            raise _mistake("icmp_type", "only ICMP and ICMPv6 have types", "protocol: icmp, or remove icmp_type")
        return self


class NetworkAcl(VpcMember):
    """Rules for what is routed into and out of subnets. The first rule that matches decides.

    A direction that is given ends with a rule that denies the rest, so an empty list denies everything; a direction
    that is not given lets everything pass. There is no state: replies need rules of their own.

    Attributes:
        subnets: names of subnets of the same VPC; a subnet has at most one ACL.
        inbound: for packets routed into the subnets.
        outbound: for packets routed out of the subnets.
    """

    collection: ClassVar[str] = "network-acls"
    kind: Literal["network_acl"] = "network_acl"
    subnets: Annotated[tuple[Name, ...], Field(max_length=1000), Distinct] = ()
    inbound: Annotated[tuple[AclRule, ...], Field(max_length=MAX_RULES)] | None = None
    outbound: Annotated[tuple[AclRule, ...], Field(max_length=MAX_RULES)] | None = None


def _mistake(field: str, message: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError("value", "{message}", {"field": field, "message": message, "remedy": remedy})

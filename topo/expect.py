# SPDX-License-Identifier: Apache-2.0
"""Who should reach whom, from the intents alone.

Written from the paragraphs of Contract 4 on policy and network ACLs, without the controller's compiler: a matrix that
asked the compiler what to expect would agree with its mistakes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from p4vpc.intent import AclRule, CidrPeer, GroupPeer, Intent, NetworkAcl, Port, Rule, SecurityGroup
from topo.fabric import of_type

_ICMP = {4: 1, 6: 58}
_ECHO_REPLY = {4: 0, 6: 129}
_ECHO_REQUEST = {4: 8, 6: 128}
"""By IP version."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an echo request should meet.

    Attributes:
        is_reachable: the reply comes back.
        is_delivered: the request arrives, answered or not.
        drop_reason: what a switch should count if no reply comes back.
    """

    is_reachable: bool
    is_delivered: bool
    drop_reason: str | None


class Policy:
    """Answers for ICMP echo between the ports of a set of intents."""

    def __init__(self, objects: Iterable[Intent]) -> None:
        every = tuple(objects)
        self._ports = {port.key: port for port in of_type(every, Port)}
        self._groups = {group.key: group for group in of_type(every, SecurityGroup)}
        self._acls = {f"{acl.vpc_key}/{subnet}": acl for acl in of_type(every, NetworkAcl) for subnet in acl.subnets}

    def echo(self, source: str, target: str, family: int) -> Expectation:
        """What an echo request of IP version `family` between two ports (by key) should meet.

        Groups are stateful: the reply needs no rule. Network ACLs are not: it needs theirs. A packet that neither lets
        pass is dropped as `acl`: for want of a rule it is dropped last, since it might be a reply.
        """
        a, b = self._ports[source], self._ports[target]
        if a.vpc_key != b.vpc_key:
            return Expectation(is_reachable=False, is_delivered=False, drop_reason="no_route")
        if not self._passes_acls(a, b, family, _ECHO_REQUEST[family]):
            return Expectation(is_reachable=False, is_delivered=False, drop_reason="acl")
        if not self._passes(a, b, family):
            return Expectation(is_reachable=False, is_delivered=False, drop_reason="policy")
        if not self._passes_acls(b, a, family, _ECHO_REPLY[family]):
            return Expectation(is_reachable=False, is_delivered=True, drop_reason="acl")
        return Expectation(is_reachable=True, is_delivered=True, drop_reason=None)

    def _passes(self, sender: Port, receiver: Port, family: int) -> bool:
        egress = self._rules(sender, "egress")
        is_let_out = not egress or any(_covers(rule, family) and self._is_peer(rule, receiver) for rule in egress)
        ingress = self._rules(receiver, "ingress")
        return is_let_out and any(_covers(rule, family) and self._is_peer(rule, sender) for rule in ingress)

    def _passes_acls(self, sender: Port, receiver: Port, family: int, icmp_type: int) -> bool:
        """Whether both subnets' ACLs let the message pass; what stays inside of a subnet meets none."""
        if sender.subnet == receiver.subnet:
            return True
        out_of, into = (self._acls.get(f"{port.vpc_key}/{port.subnet}") for port in (sender, receiver))
        directions = (out_of.outbound if out_of is not None else None, into.inbound if into is not None else None)
        source, destination = _address(sender, family), _address(receiver, family)
        return all(rules is None or _first_verdict(rules, source, destination, icmp_type) for rules in directions)

    def _rules(self, port: Port, direction: str) -> list[Rule]:
        groups = (self._groups.get(f"{port.vpc_key}/{name}") for name in port.security_groups)
        return [rule for group in groups if group is not None for rule in group.rules if rule.direction == direction]

    @staticmethod
    def _is_peer(rule: Rule, other: Port) -> bool:
        match rule.peer:
            case GroupPeer(group=name):
                return name in other.security_groups
            case CidrPeer(cidr=prefix):
                # Of its family; the rule then holds for both: labels know no families.
                concerned = [address for address in other.addresses if address.version == prefix.version]
                return bool(concerned) and all(address in prefix for address in concerned)


def _covers(rule: Rule, family: int) -> bool:
    return rule.protocol_number in (None, _ICMP[family]) and rule.icmp_type in (None, _ECHO_REQUEST[family])


def _address(port: Port, family: int) -> IPv4Address | IPv6Address:
    """The address that pings of an IP version come from and go to here (`topo.fabric`)."""
    return next(address for address in port.addresses if address.version == family)


def _first_verdict(
    rules: Iterable[AclRule],
    source: IPv4Address | IPv6Address,
    destination: IPv4Address | IPv6Address,
    icmp_type: int,
) -> bool:
    """Whether the first rule that matches allows it. Where none does, the rest is denied."""
    family = source.version
    for rule in rules:
        is_match = (
            family in rule.families
            and rule.protocol_number in (None, _ICMP[family])
            and rule.icmp_type in (None, icmp_type)
            and (rule.source is None or source in rule.source)
            and (rule.destination is None or destination in rule.destination)
        )
        if is_match:
            return rule.action == "allow"
    return False

# SPDX-License-Identifier: Apache-2.0
"""Who should reach whom, from the intents alone.

Written from the policy paragraph of Contract 4, without the controller's compiler: a matrix that asked the compiler
what to expect would agree with its mistakes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from p4vpc.intent import CidrPeer, GroupPeer, Intent, Port, Rule, SecurityGroup
from topo.fabric import of_type

_ECHO_REQUESTS = {4: (1, 8), 6: (58, 128)}
"""Protocol and type of an echo request, by IP version."""


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

    def echo(self, source: str, target: str, family: int) -> Expectation:
        """What an echo request of IP version `family` between two ports (by key) should meet.

        Groups are stateful: the reply needs no rule.
        """
        a, b = self._ports[source], self._ports[target]
        if a.vpc_key != b.vpc_key:
            return Expectation(is_reachable=False, is_delivered=False, drop_reason="no_route")
        is_allowed = self._passes(a, b, family)
        return Expectation(
            is_reachable=is_allowed, is_delivered=is_allowed, drop_reason=None if is_allowed else "policy"
        )

    def _passes(self, sender: Port, receiver: Port, family: int) -> bool:
        egress = self._rules(sender, "egress")
        is_let_out = not egress or any(_covers(rule, family) and self._is_peer(rule, receiver) for rule in egress)
        ingress = self._rules(receiver, "ingress")
        return is_let_out and any(_covers(rule, family) and self._is_peer(rule, sender) for rule in ingress)

    def _rules(self, port: Port, direction: str) -> list[Rule]:
        groups = (self._groups.get(f"{port.vpc_key}/{name}") for name in port.security_groups)
        return [rule for group in groups if group is not None for rule in group.rules if rule.direction == direction]

    @staticmethod
    def _is_peer(rule: Rule, other: Port) -> bool:
        match rule.peer:
            case GroupPeer(group=name):
                return name in other.security_groups
            case CidrPeer(cidr=prefix):
                # Of the prefix's family; the rule then holds for both: labels know no families.
                addresses = [address for address in other.addresses if address.version == prefix.version]
                return bool(addresses) and all(address in prefix for address in addresses)


def _covers(rule: Rule, family: int) -> bool:
    protocol, kind = _ECHO_REQUESTS[family]
    return rule.protocol_number in (None, protocol) and rule.icmp_type in (None, kind)

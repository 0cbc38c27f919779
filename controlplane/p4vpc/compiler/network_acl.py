# SPDX-License-Identifier: Apache-2.0
"""Network ACLs: the ordered rules of subnets, one entry for each rule, subnet and address family.

Both directions are looked up where the packet enters, as policy is: outbound rules are needed where the source subnet
is entered, inbound rules wherever packets for the VPC may come from, which is every leaf that holds it.

Priorities count down from the first rule, so that a rule that is appended costs one entry and moves no other. The rest
that a direction denies has the lowest priority of all. A rule about ports or ICMP types asks for a packet that shows
them (`has_l4`), as in `policy`: a later fragment shows none, so it is left to the rules about whole protocols.

A rule may ask for copies of what it matches: for the controller (`log`), and for a mirror with a port here.

Writes `acl_ingress_v4` and `acl_ingress_v6` (outbound rules), `acl_egress_v4` and `acl_egress_v6` (inbound rules).
"""

from collections.abc import Mapping, Sequence

from p4vpc.compiler import mirror
from p4vpc.compiler.entries import ActionCall, Exact, Key, Range, TableEntry, Ternary
from p4vpc.compiler.pieces import Emitted
from p4vpc.compiler.scope import entered_subnets
from p4vpc.compiler.traffic import WHOLE, destination_interval
from p4vpc.intent import AclRule, IpNetwork
from p4vpc.intent.network_acl import MAX_RULES
from p4vpc.model import ModelAcl, ModelSubnet, ModelSwitch, ModelVpc

REST_PRIORITY = 1
FIRST_PRIORITY = REST_PRIORITY + MAX_RULES
_ADDRESS_BITS = {4: 32, 6: 128}
_REST = AclRule(action="deny")
_ANY = Ternary(0, 0)


def emit_vpc(vpc: ModelVpc, switch: ModelSwitch) -> Emitted:
    """Yield the rules of the VPC's subnets that packets may meet which enter here."""
    sessions = {name: mirror.session_of(vpc, switch, name) for name in (None, *vpc.mirrors)}
    entered = {subnet.id for subnet in entered_subnets(vpc, switch)}
    for acl in vpc.acls:
        for subnet in acl.subnets:
            if acl.outbound is not None and subnet.id in entered:
                yield from _direction(acl, subnet, "acl_ingress", acl.outbound, sessions)
            if acl.inbound is not None:
                yield from _direction(acl, subnet, "acl_egress", acl.inbound, sessions)


def _direction(
    acl: ModelAcl, subnet: ModelSubnet, tables: str, rules: Sequence[AclRule], sessions: Mapping[str | None, int]
) -> Emitted:
    ordered = ((FIRST_PRIORITY - position, rule) for position, rule in enumerate(rules))
    for priority, rule in (*ordered, (REST_PRIORITY, _REST)):
        verdict = "permit" if rule.action == "allow" else "deny"
        copies = (sessions[rule.mirror], int(rule.log))
        for family in rule.families:
            table = f"{tables}_v{family}"
            key = _key(subnet.bridge_domain, rule, _ADDRESS_BITS[family])
            yield TableEntry(table, key, priority, ActionCall(f"{verdict}_{table}", copies)), acl.id


def _key(bridge_domain: int, rule: AclRule, address_bits: int) -> Key:
    protocol = rule.protocol_number
    source_ports = (rule.source_ports.low, rule.source_ports.high) if rule.source_ports is not None else WHOLE
    destination_ports = destination_interval(rule)
    needs_l4 = source_ports != WHOLE or destination_ports != WHOLE
    return (
        Exact(bridge_domain),
        _addresses(rule.source, address_bits),
        _addresses(rule.destination, address_bits),
        _ANY if protocol is None else Ternary(protocol, 0xFF),
        Range(*source_ports),
        Range(*destination_ports),
        Ternary(1, 1) if needs_l4 else _ANY,
    )


def _addresses(prefix: IpNetwork | None, address_bits: int) -> Ternary:
    if prefix is None:
        return _ANY
    rest = (1 << (address_bits - prefix.prefixlen)) - 1
    return Ternary(int(prefix.network_address), (1 << address_bits) - 1 - rest)

# SPDX-License-Identifier: Apache-2.0
"""Sets of traffic as rules describe it: IP protocols, and per protocol ranges of `l4_dst_port`.

`l4_dst_port` is the destination port for TCP and UDP, `type << 8 | code` for ICMP, 0 for all else. Ranges are disjoint,
not adjacent, sorted: a set has one form, and needs the fewest entries.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from p4vpc.intent import AclRule, Rule

Interval: TypeAlias = tuple[int, int]
WHOLE: Interval = (0, 0xFFFF)


@dataclass(frozen=True, slots=True)
class TrafficSet:
    """All traffic (`is_everything`), or these ranges of these protocols."""

    is_everything: bool = False
    ranges: Mapping[int, tuple[Interval, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def __and__(self, other: "TrafficSet") -> "TrafficSet":
        if self.is_everything:
            return other
        if other.is_everything:
            return self
        common = {
            protocol: _intersect(self.ranges[protocol], other.ranges[protocol])
            for protocol in self.ranges.keys() & other.ranges.keys()
        }
        return TrafficSet(False, {protocol: common[protocol] for protocol in sorted(common) if common[protocol]})

    def overlaps(self, protocol: int | None, interval: Interval) -> bool:
        """Whether some traffic of the protocol (None: any) and interval is in the set."""
        if self.is_everything:
            return True
        wanted = self.ranges.values() if protocol is None else [self.ranges.get(protocol, ())]
        return any(low <= interval[1] and interval[0] <= high for some in wanted for low, high in some)


EVERYTHING = TrafficSet(is_everything=True)


def traffic_of(rules: Iterable[Rule]) -> TrafficSet:
    """Return what at least one of the rules allows, whatever its peer and direction."""
    ranges: dict[int, list[Interval]] = {}
    for rule in rules:
        protocol = rule.protocol_number
        if protocol is None:
            return EVERYTHING
        ranges.setdefault(protocol, []).append(destination_interval(rule))
    return TrafficSet(False, {protocol: _union(ranges[protocol]) for protocol in sorted(ranges)})


def destination_interval(rule: Rule | AclRule) -> Interval:
    """Return which `l4_dst_port` the rule is about."""
    if rule.ports is not None:
        return rule.ports.low, rule.ports.high
    if rule.icmp_type is not None:
        return rule.icmp_type << 8, rule.icmp_type << 8 | 0xFF
    return WHOLE


def _union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _intersect(first: Iterable[Interval], second: Iterable[Interval]) -> tuple[Interval, ...]:
    return _union(
        (max(a_low, b_low), min(a_high, b_high))
        for a_low, a_high in first
        for b_low, b_high in second
        if a_low <= b_high and b_low <= a_high
    )

# SPDX-License-Identifier: Apache-2.0
"""What the switches count when they drop a packet, as the controller's API tells it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Drop:
    """Packets that one switch has dropped for one reason."""

    switch: str
    reason: str
    packets: int

    def __str__(self) -> str:
        times = "" if self.packets == 1 else f" x{self.packets}"
        return f"{self.reason}{times} at {self.switch}"


DropCounters = Mapping[tuple[str, str], int]
"""Packets dropped so far, by switch and reason."""


def difference(before: DropCounters, after: DropCounters) -> tuple[Drop, ...]:
    """What was dropped in between, in order of switch and reason."""
    grown = Counter(after)
    grown.subtract(before)
    return tuple(Drop(switch, reason, count) for (switch, reason), count in sorted(grown.items()) if count > 0)

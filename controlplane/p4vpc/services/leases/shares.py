# SPDX-License-Identifier: Apache-2.0
"""Which switches a controller takes and gives up. No I/O; every controller decides for itself, one after the other.

A controller takes only what it has a session with. Each owns its share of the switches at most, the number of switches
by that of live controllers, rounded up; so what is free finds somebody with room, and a controller that joins gets its
part from those above their share. What nobody else takes is owned beyond the share, and is not given up again.
"""

from collections.abc import Collection
from dataclasses import dataclass

from p4vpc.store import LeaseChanges, LeaseTable


@dataclass(frozen=True, slots=True)
class Situation:
    """What a controller knows of itself.

    Attributes:
        name: its own.
        switches: all that there are.
        connected: those that it has a session with.
        lost: its own ones that it has had no session with for a while.
        spurned: those that have been free for a while, although others have room.
        needed: those that it took because nobody else would.
        is_patient: it has only just got the database back: others may be about to renew, what was theirs is not free.
        is_settled: the same controllers have been live for a while, so leases may move for the sake of balance.
    """

    name: str
    switches: Collection[str]
    connected: Collection[str]
    lost: Collection[str]
    spurned: Collection[str]
    needed: Collection[str]
    is_patient: bool
    is_settled: bool


def decide(table: LeaseTable, it: Situation) -> LeaseChanges:
    """What to do about leases now."""
    live = {name for name, member in table.members.items() if member.is_live}
    share = -(-len(it.switches) // max(1, len(live)))  # rounded up
    mine = sorted(switch for switch, lease in table.leases.items() if lease.owner == it.name)
    forget = [switch for switch in mine if switch not in it.switches]
    kept = [switch for switch in mine if switch in it.switches]
    mark = {
        switch: is_lost
        for switch in kept
        if (is_lost := switch in it.lost) != table.leases[switch].is_unreachable and (is_lost or switch in it.connected)
    }
    optional = [switch for switch in kept if switch not in it.needed]
    give = optional[max(0, share - (len(kept) - len(optional))) :] if it.is_settled else []
    free = [switch for switch in it.connected if switch in it.switches and is_free(table, switch, it.is_patient)]
    stranded = [switch for switch in it.connected if switch in it.switches and _is_stranded(table, it, switch)]
    needed = [switch for switch in free if switch in it.spurned]
    room = max(0, share - len(kept) - len(needed))
    take = {*stranded, *needed, *sorted(set(free) - set(needed))[:room]}
    return LeaseChanges(sorted(take), give, {s: lost for s, lost in mark.items() if s not in give}, forget)


def is_free(table: LeaseTable, switch: str, is_patient: bool = False) -> bool:
    """Whether nobody owns a switch, or whoever does has not renewed its registration."""
    lease = table.leases.get(switch)
    if lease is None or lease.owner is None:
        return True
    owner = table.members.get(lease.owner)
    return owner is None or not (owner.is_live or is_patient)


def _is_stranded(table: LeaseTable, it: Situation, switch: str) -> bool:
    """Whether its live owner cannot reach it."""
    lease = table.leases.get(switch)
    if lease is None or not lease.is_unreachable or lease.owner in (None, it.name):
        return False
    owner = table.members.get(lease.owner or "")
    return owner is not None and owner.is_live

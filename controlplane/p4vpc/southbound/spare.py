# SPDX-License-Identifier: Apache-2.0
"""One member of a group that watches no port, for targets that end when a group has no member left (`quirks`).

The compiler lets each of several next hops watch its port. To such a target one of them is written without; which one
depends on the key of the entry, so that a port that dies is not the unwatched one of all groups. Reading does the
reverse: nobody but the codec knows of it, and what somebody else has written is still seen to differ.
"""

from p4vpc.compiler.entries import ActionSet, Exact, Lpm, Match, WeightedAction
from p4vpc.reconcile.normalise import normalise_action_set

_SPREAD = 251
"""A prime: addresses and prefixes of any length spread over few members."""


def exchange(key: tuple[Match, ...], actions: ActionSet) -> ActionSet:
    """The same group with its spare watched if it was not, or unwatched if it was; in normal form.

    This is its own inverse. A group is left as it is if it has a single member, or if its other members do not each
    watch the port that they send to: the compiler makes none of these.
    """
    normal = normalise_action_set(actions)
    members = normal.members
    if len(members) < 2 or len({member.action for member in members}) < len(members):
        return normal
    place = _place(key, len(members))
    others = (*members[:place], *members[place + 1 :])
    spare, port = members[place], _port(members[place])
    if port is None or spare.watch_port not in (None, port):
        return normal
    if any(member.watch_port is None or member.watch_port != _port(member) for member in others):
        return normal
    other = spare._replace(watch_port=port if spare.watch_port is None else None)
    return ActionSet((*members[:place], other, *members[place + 1 :]))


def _place(key: tuple[Match, ...], members: int) -> int:
    """Which member is the spare one: the same for the same key and number of members, at every switch."""
    return sum(match.value for match in key if isinstance(match, Exact | Lpm)) % _SPREAD % members


def _port(member: WeightedAction) -> int | None:
    """The port that a member sends to; None if that is not all that its action says."""
    params = member.action.params
    return params[0] if len(params) == 1 else None

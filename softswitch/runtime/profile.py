# SPDX-License-Identifier: Apache-2.0
"""Action profiles and selectors: members, groups, one-shot groups, watch ports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from softswitch.errors import (
    EntryExistsError,
    EntryInUseError,
    EntryNotFoundError,
    InvalidEntryError,
    TableFullError,
)
from softswitch.runtime.entries import ActionCall, ActionInfo, ActionSet, Entry, check_call

MAX_GROUP_WEIGHT = 65536


class Member:
    """An action with its parameters that entries and groups refer to; ``code`` is -1 for "do nothing"."""

    __slots__ = ("action", "args", "code", "entries", "group_count", "member_id")

    def __init__(self, member_id: int, action: ActionCall, code: int) -> None:
        self.member_id = member_id
        self.action = action
        self.code = code
        self.args = action.params
        self.entries: set[Entry] = set()
        self.group_count = 0


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member's place in a group; it is skipped while ``watch_port`` is down."""

    member_id: int
    weight: int = 1
    watch_port: int | None = None


@dataclass(frozen=True, slots=True)
class _Share:
    member: Member
    weight: int
    watch_port: int | None


_NOTHING = Member(0, ActionCall(""), -1)


class Group:
    """A selector group. ``live`` is what the packet path indexes with ``hash % len(live)``.

    It holds each member as often as its weight; with no member left it holds one that does nothing, which is what BMv2
    does for an empty group. While a watched port is down, only the places of its members are given to others, so that
    only the flows on that port move: the table is repeated once for each place that is left, and each repetition
    fills the gaps with another one, which spreads those flows over all of them.
    """

    __slots__ = ("entry_count", "group_id", "live", "max_size", "members", "shares")

    def __init__(self, group_id: int, max_size: int) -> None:
        self.group_id = group_id
        self.max_size = max_size
        self.members: tuple[GroupMember, ...] = ()
        self.shares: tuple[_Share, ...] = ()
        self.live: tuple[Member, ...] = (_NOTHING,)
        self.entry_count = 0

    def refresh(self, down_ports: set[int]) -> None:
        """Work out ``live`` anew."""
        places: list[Member | None] = []
        for share in self.shares:
            places.extend([None if share.watch_port in down_ports else share.member] * share.weight)
        left = [member for member in places if member is not None]
        if not left or len(left) == len(places):
            self.live = tuple(left) or (_NOTHING,)
            return
        # Hashes of 16 bits see no more than so many repetitions.
        repetitions = min(len(left), max(1, MAX_GROUP_WEIGHT // len(places)))
        live: list[Member] = []
        for turn in range(repetitions):
            gaps = count(turn)
            live.extend(left[next(gaps) % len(left)] if member is None else member for member in places)
        self.live = tuple(live)


class ActionProfile:
    """The members and groups of one action profile; ``has_selector`` says whether groups are allowed."""

    def __init__(
        self,
        name: str,
        max_size: int,
        actions: Mapping[str, ActionInfo],
        *,
        has_selector: bool,
        down_ports: set[int],
    ) -> None:
        self.name = name
        self.max_size = max_size
        self.actions = actions
        self.has_selector = has_selector
        self._down_ports = down_ports
        self._members: dict[int, Member] = {}
        self._groups: dict[int, Group] = {}
        self._one_shot: set[Group] = set()
        self._one_shot_members = 0

    @property
    def members(self) -> Mapping[int, Member]:
        """Members by id, without those of one-shot groups."""
        return self._members

    @property
    def groups(self) -> Mapping[int, Group]:
        """Groups by id, without one-shot groups."""
        return self._groups

    @property
    def has_one_shot_groups(self) -> bool:
        """True while a table entry uses a one-shot group."""
        return bool(self._one_shot)

    def insert_member(self, member_id: int, action: ActionCall) -> Member:
        """Create a member.

        :raises InvalidEntryError: unknown action or parameters that do not fit.
        :raises EntryExistsError: the id is taken.
        :raises TableFullError: the profile is full.
        """
        info = check_call(action, self.actions, f"action profile {self.name}")
        if member_id in self._members:
            raise EntryExistsError(f"action profile {self.name}: member {member_id} exists")
        self._reserve(1)
        member = self._members[member_id] = Member(member_id, action, info.code)
        return member

    def modify_member(self, member_id: int, action: ActionCall) -> Member:
        """Change a member's action for all that refers to it; raises as `insert_member`, or EntryNotFoundError."""
        info = check_call(action, self.actions, f"action profile {self.name}")
        member = self.member(member_id)
        member.action, member.code, member.args = action, info.code, action.params
        for entry in member.entries:
            entry.code, entry.args = member.code, member.args
        return member

    def delete_member(self, member_id: int) -> None:
        """Remove a member.

        :raises EntryNotFoundError: there is none.
        :raises EntryInUseError: an entry or a group refers to it.
        """
        member = self.member(member_id)
        if member.entries or member.group_count:
            raise EntryInUseError(f"action profile {self.name}: member {member_id} is in use")
        del self._members[member_id]

    def member(self, member_id: int) -> Member:
        """Return a member.

        :raises EntryNotFoundError: there is none.
        """
        member = self._members.get(member_id)
        if member is None:
            raise EntryNotFoundError(f"action profile {self.name}: no member {member_id}")
        return member

    def insert_group(self, group_id: int, members: Sequence[GroupMember], max_size: int = 0) -> Group:
        """Create a group; ``max_size`` bounds the sum of weights, 0 does not.

        :raises InvalidEntryError: no selector here, a weight below 1, a member twice or too many.
        :raises EntryNotFoundError: a member does not exist.
        :raises EntryExistsError: the id is taken.
        """
        self._require_selector()
        if group_id in self._groups:
            raise EntryExistsError(f"action profile {self.name}: group {group_id} exists")
        group = Group(group_id, max_size)
        self._fill(group, members, max_size)
        self._groups[group_id] = group
        return group

    def modify_group(self, group_id: int, members: Sequence[GroupMember], max_size: int | None = None) -> Group:
        """Replace a group's members; ``max_size`` None keeps it. Raises as `insert_group`, or EntryNotFoundError."""
        group = self.group(group_id)
        self._fill(group, members, group.max_size if max_size is None else max_size)
        return group

    def delete_group(self, group_id: int) -> None:
        """Remove a group; its members stay.

        :raises EntryNotFoundError: there is none.
        :raises EntryInUseError: an entry refers to it.
        """
        group = self.group(group_id)
        if group.entry_count:
            raise EntryInUseError(f"action profile {self.name}: group {group_id} is in use")
        self._count_group(group, -1)
        del self._groups[group_id]

    def group(self, group_id: int) -> Group:
        """Return a group.

        :raises EntryNotFoundError: there is none.
        """
        group = self._groups.get(group_id)
        if group is None:
            raise EntryNotFoundError(f"action profile {self.name}: no group {group_id}")
        return group

    def create_one_shot(self, actions: ActionSet, replacing: Group | None = None) -> Group:
        """Make the group of a one-shot entry (called by `Table`); `release_one_shot` frees it.

        The members of the group that it replaces, which the caller is about to free, count as free already.

        :raises InvalidEntryError: no selector here, no member, unknown action, a weight below 1.
        :raises TableFullError: the profile is full.
        """
        self._require_selector()
        owner = f"action profile {self.name}: one-shot group"
        if not actions.members:
            raise InvalidEntryError(f"{owner} has no member")
        shares: list[_Share] = []
        for number, weighted in enumerate(actions.members):
            info = check_call(weighted.action, self.actions, f"action profile {self.name}")
            shares.append(_Share(Member(number, weighted.action, info.code), weighted.weight, weighted.watch_port))
        self._check_weights(owner, (share.weight for share in shares), 0)
        self._reserve(len(shares) - (len(replacing.shares) if replacing else 0))
        group = Group(0, 0)
        group.shares = tuple(shares)
        group.refresh(self._down_ports)
        self._one_shot.add(group)
        self._one_shot_members += len(shares)
        return group

    def release_one_shot(self, group: Group) -> None:
        """Free the group of a one-shot entry that is gone."""
        self._one_shot.remove(group)
        self._one_shot_members -= len(group.shares)

    def refresh(self, port: int) -> None:
        """Work out the live members of the groups that watch a port, after it went up or down."""
        for group in (*self._groups.values(), *self._one_shot):
            if any(share.watch_port == port for share in group.shares):
                group.refresh(self._down_ports)

    def clear(self) -> None:
        """Remove all groups and members; the tables that refer to them must have been cleared first."""
        self._groups.clear()
        self._members.clear()
        self._one_shot.clear()
        self._one_shot_members = 0

    def _require_selector(self) -> None:
        if not self.has_selector:
            raise InvalidEntryError(f"action profile {self.name} has no selector, so no groups")

    def _reserve(self, wanted: int) -> None:
        if self.max_size and len(self._members) + self._one_shot_members + wanted > self.max_size:
            raise TableFullError(f"action profile {self.name} holds {self.max_size} members, no more")

    def _fill(self, group: Group, members: Sequence[GroupMember], max_size: int) -> None:
        owner = f"action profile {self.name}: group {group.group_id}"
        seen: set[int] = set()
        for item in members:
            if item.member_id in seen:
                raise InvalidEntryError(f"{owner}: member {item.member_id} is given twice")
            seen.add(item.member_id)
        self._check_weights(owner, (item.weight for item in members), max_size)
        ordered = sorted(members, key=lambda item: item.member_id)
        shares = tuple(_Share(self.member(item.member_id), item.weight, item.watch_port) for item in ordered)
        self._count_group(group, -1)
        group.members = tuple(members)
        group.shares = shares
        group.max_size = max_size
        self._count_group(group, 1)
        group.refresh(self._down_ports)

    @staticmethod
    def _check_weights(owner: str, weights: Iterable[int], max_size: int) -> None:
        total = 0
        for weight in weights:
            if weight < 1:
                raise InvalidEntryError(f"{owner}: a weight is at least 1, not {weight}")
            total += weight
        limit = max_size or MAX_GROUP_WEIGHT
        if total > limit:
            raise InvalidEntryError(f"{owner}: the weights add up to {total}, more than {limit}")

    @staticmethod
    def _count_group(group: Group, step: int) -> None:
        for share in group.shares:
            share.member.group_count += step

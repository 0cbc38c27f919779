# SPDX-License-Identifier: Apache-2.0
"""Members and groups of action profiles (P4Runtime 1.5, sections 9.2.1 and 9.2.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from finsy.proto import p4i, p4r

from softswitch.p4runtime import bytestring
from softswitch.p4runtime.action_codec import ActionSetCodec
from softswitch.p4runtime.entities import DELETE, INSERT, EntityHandler, Undo, UpdateType, look_up, select
from softswitch.p4runtime.status import invalid
from softswitch.p4runtime.table_codec import check_group_size, decode_watch_port, decode_weight
from softswitch.runtime.profile import ActionProfile, GroupMember


@dataclass
class ProfileCodec:
    """One action profile; `groups` keeps each group as it is read back."""

    info: p4i.ActionProfile
    profile: ActionProfile
    actions: ActionSetCodec
    groups: dict[int, p4r.ActionProfileGroup] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """The name that errors begin with."""
        return f"action profile {self.info.preamble.name}"

    @property
    def profile_id(self) -> int:
        """The P4Info id."""
        return self.info.preamble.id

    def check_style(self) -> None:
        """Refuse members and groups beside action sets (P4Runtime 1.5, section 9.2.3)."""
        if self.profile.has_one_shot_groups:
            raise invalid(f"{self.what}: table entries use action sets; members and groups cannot be used beside them")


class Members(EntityHandler):
    """`action_profile_member`."""

    def __init__(self, profiles: Mapping[int, ProfileCodec]) -> None:
        self._profiles = profiles

    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        message = entity.action_profile_member
        codec = look_up(self._profiles, message.action_profile_id, "action_profile_id")
        profile, member_id = codec.profile, message.member_id
        if not member_id:
            raise invalid(f"{codec.what}: member_id is 0; member ids begin at 1")
        if kind == DELETE:
            before = profile.member(member_id).action
            profile.delete_member(member_id)
            return lambda: _discard(profile.insert_member(member_id, before))
        if not message.HasField("action"):
            raise invalid(f"{codec.what}: member {member_id}: action is not set")
        call = codec.actions.decode(message.action)
        if kind == INSERT:
            codec.check_style()
            profile.insert_member(member_id, call)
            return lambda: profile.delete_member(member_id)
        before = profile.member(member_id).action
        profile.modify_member(member_id, call)
        return lambda: _discard(profile.modify_member(member_id, before))

    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        wanted = entity.action_profile_member
        for codec in select(self._profiles, wanted.action_profile_id, "action_profile_id"):
            for member in codec.profile.members.values():
                if wanted.member_id in (0, member.member_id):
                    entity = p4r.Entity()
                    message = entity.action_profile_member
                    message.action_profile_id = codec.profile_id
                    message.member_id = member.member_id
                    codec.actions.encode(member.action, message.action)
                    yield entity


class Groups(EntityHandler):
    """`action_profile_group`."""

    def __init__(self, profiles: Mapping[int, ProfileCodec]) -> None:
        self._profiles = profiles

    def write(self, kind: UpdateType, entity: p4r.Entity) -> Undo:
        message = entity.action_profile_group
        codec = look_up(self._profiles, message.action_profile_id, "action_profile_id")
        profile, group_id = codec.profile, message.group_id
        if not group_id:
            raise invalid(f"{codec.what}: group_id is 0; group ids begin at 1")
        if not codec.info.with_selector:
            raise invalid(f"{codec.what}: it has no selector, so it has no groups")
        if kind == INSERT:
            codec.check_style()
            members, stored = self._decode(codec, message)
            profile.insert_group(group_id, members)
            codec.groups[group_id] = stored
            return lambda: self._delete(codec, group_id)
        before = profile.group(group_id).members
        stored_before = codec.groups[group_id]
        if kind == DELETE:
            self._delete(codec, group_id)

            def insert_again() -> None:
                profile.insert_group(group_id, before)
                codec.groups[group_id] = stored_before

            return insert_again
        if message.max_size != stored_before.max_size:
            raise invalid(
                f"{codec.what}: group {group_id}: max_size is {message.max_size}, but it was made with "
                f"{stored_before.max_size} and cannot change"
            )
        members, stored = self._decode(codec, message)
        profile.modify_group(group_id, members)
        codec.groups[group_id] = stored

        def restore() -> None:
            profile.modify_group(group_id, before)
            codec.groups[group_id] = stored_before

        return restore

    def read(self, entity: p4r.Entity) -> Iterator[p4r.Entity]:
        wanted = entity.action_profile_group
        for codec in select(self._profiles, wanted.action_profile_id, "action_profile_id"):
            for group_id, message in codec.groups.items():
                if wanted.group_id in (0, group_id):
                    yield p4r.Entity(action_profile_group=message)

    @staticmethod
    def _delete(codec: ProfileCodec, group_id: int) -> None:
        codec.profile.delete_group(group_id)
        del codec.groups[group_id]

    @staticmethod
    def _decode(
        codec: ProfileCodec, message: p4r.ActionProfileGroup
    ) -> tuple[list[GroupMember], p4r.ActionProfileGroup]:
        """The members for the engine, and the canonical message that reads give back."""
        what = f"{codec.what}: group {message.group_id}"
        stored = p4r.ActionProfileGroup()
        stored.CopyFrom(message)
        members = []
        for item, kept in zip(message.members, stored.members, strict=True):
            member_what = f"{what}: member {item.member_id}"
            watch_port = decode_watch_port(item, member_what)
            members.append(GroupMember(item.member_id, decode_weight(item.weight, codec.info, member_what), watch_port))
            if item.watch_port and watch_port is not None:
                kept.watch_port = bytestring.encode(watch_port)
        _check_max_size(codec.info, message.max_size, what)
        weights = [member.weight for member in members]
        check_group_size(weights, codec.info, what)
        is_by_members = codec.info.WhichOneof("selector_size_semantics") == "sum_of_members"
        size = len(weights) if is_by_members else sum(weights)
        if message.max_size and size > message.max_size:
            raise invalid(f"{what}: its size is {size}, above its max_size {message.max_size}")
        return members, stored


def _check_max_size(info: p4i.ActionProfile, max_size: int, what: str) -> None:
    limit = info.max_group_size
    if max_size < 0 or (limit and max_size > limit):
        raise invalid(f"{what}: max_size is {max_size}; it must be {f'0 to {limit}' if limit else '0 or more'}")


def _discard(_result: object) -> None:
    """An undo gives nothing back."""

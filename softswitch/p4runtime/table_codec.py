# SPDX-License-Identifier: Apache-2.0
"""One table of the running pipeline: P4Info ids on one side, the engine's table on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finsy.proto import p4i, p4r
from grpc import StatusCode

from softswitch.p4runtime import bytestring
from softswitch.p4runtime.action_codec import ActionCodec, ActionSetCodec
from softswitch.p4runtime.entities import decode_port
from softswitch.p4runtime.match_codec import Key, KeyCodec, field_codec, needs_priority
from softswitch.p4runtime.status import StatusError, invalid, not_found, unimplemented
from softswitch.runtime.entries import ActionCall, ActionRef, ActionSet, GroupRef, MemberRef, WeightedAction
from softswitch.runtime.table import Table

ENTRY_SCOPES = (p4i.ActionRef.TABLE_AND_DEFAULT, p4i.ActionRef.TABLE_ONLY)
DEFAULT_SCOPES = (p4i.ActionRef.TABLE_AND_DEFAULT, p4i.ActionRef.DEFAULT_ONLY)


@dataclass(frozen=True, slots=True)
class Extras:
    """What a client wrote on an entry that means nothing to the engine and is only given back."""

    controller_metadata: int = 0
    selection_mode: p4r.ActionProfileActionSet.ActionSelectionMode.ValueType = (
        p4r.ActionProfileActionSet.DEFAULT_MODE_DETERMINED_BY_ACTION_SELECTOR
    )
    size_semantics: p4r.ActionProfileActionSet.SizeSemantics.ValueType = (
        p4r.ActionProfileActionSet.DEFAULT_SIZE_DETERMINED_BY_ACTION_SELECTOR
    )


NO_EXTRAS = Extras()


class TableCodec:
    """Decodes and encodes everything in a TableEntry of one table."""

    def __init__(
        self,
        info: p4i.Table,
        table: Table,
        actions: Mapping[int, ActionCodec],
        profile: p4i.ActionProfile | None,
        meter: p4i.DirectMeter | None,
    ) -> None:
        self.table_id = info.preamble.id
        self.name = info.preamble.name
        self.what = f"table {self.name}"
        self.table = table
        self.profile = profile
        self.meter_spec = None if meter is None else meter.spec
        self.extras: dict[tuple[Key, int], Extras] = {}
        self.is_const = info.is_const_table
        self.needs_priority = needs_priority(info.match_fields)
        self.key = KeyCodec(
            [field_codec(field, key, self.what) for field, key in zip(info.match_fields, table.key, strict=True)],
            self.what,
        )
        scopes = {ref.id: ref.scope for ref in info.action_refs}
        self._all_actions = ActionSetCodec(self.what, {number: actions[number] for number in scopes})
        self._not_for_entries = {number for number, scope in scopes.items() if scope not in ENTRY_SCOPES}
        self._not_for_default = {number for number, scope in scopes.items() if scope not in DEFAULT_SCOPES}

    def decode_key(self, message: p4r.TableEntry) -> tuple[Key, int]:
        """Key and priority of an entry that is not the default entry. Raises StatusError."""
        key = self.key.decode(message.match)
        priority = message.priority
        if self.needs_priority:
            if priority <= 0:
                raise invalid(
                    f"{self.what}: priority is {priority}; its key has a ternary, range or optional field, "
                    f"so an entry needs a priority above 0"
                )
        elif priority:
            raise invalid(
                f"{self.what}: priority is {priority}; its key is exact or lpm only, so leave the priority out"
            )
        return key, priority

    def decode_action(self, message: p4r.TableAction) -> ActionRef:
        """The action of an entry. Raises StatusError when it does not suit the table."""
        kind = message.WhichOneof("type")
        if self.profile is None:
            if kind != "action":
                raise invalid(f"{self.what}: it is a direct table, so give it an action, not {kind or 'nothing'}")
            if message.action.action_id in self._not_for_entries:
                name = self._all_actions.check_id(message.action.action_id)
                raise StatusError(
                    StatusCode.PERMISSION_DENIED, f"{self.what}: action {name} may only be its default action"
                )
            return self._all_actions.decode(message.action)
        return self._decode_indirect(message, kind, self.profile)

    def decode_default(self, message: p4r.TableAction) -> ActionCall:
        """The default action. Raises StatusError when it may not be that."""
        if message.WhichOneof("type") != "action":
            raise invalid(f"{self.what}: the default entry takes an action, not a member, group or action set")
        if message.action.action_id in self._not_for_default:
            name = self._all_actions.check_id(message.action.action_id)
            raise StatusError(StatusCode.PERMISSION_DENIED, f"{self.what}: action {name} may not be its default action")
        return self._all_actions.decode(message.action)

    def decode_extras(self, message: p4r.TableEntry) -> Extras:
        """What only the client understands."""
        cookie = message.controller_metadata
        if self.profile is None or not message.action.HasField("action_profile_action_set"):
            return Extras(cookie) if cookie else NO_EXTRAS
        action_set = message.action.action_profile_action_set
        if not (cookie or action_set.action_selection_mode or action_set.size_semantics):
            return NO_EXTRAS
        return Extras(cookie, action_set.action_selection_mode, action_set.size_semantics)

    def encode_action(self, action: ActionRef, extras: Extras, message: p4r.TableAction) -> None:
        """Fill in the canonical TableAction."""
        if isinstance(action, ActionCall):
            self._all_actions.encode(action, message.action)
        elif isinstance(action, MemberRef):
            message.action_profile_member_id = action.member_id
        elif isinstance(action, GroupRef):
            message.action_profile_group_id = action.group_id
        else:
            action_set = message.action_profile_action_set
            action_set.action_selection_mode = extras.selection_mode
            action_set.size_semantics = extras.size_semantics
            for weighted in action.members:
                item = action_set.action_profile_actions.add(weight=weighted.weight)
                self._all_actions.encode(weighted.action, item.action)
                if weighted.watch_port is not None:
                    item.watch_port = bytestring.encode(weighted.watch_port)

    def action_name(self, action_id: int) -> str:
        """The name of an action that a read filters by. Raises StatusError when the table has no such action."""
        return self._all_actions.check_id(action_id)

    def _decode_indirect(self, message: p4r.TableAction, kind: str | None, profile: p4i.ActionProfile) -> ActionRef:
        if kind == "action_profile_member_id":
            if not message.action_profile_member_id:
                raise invalid(f"{self.what}: action_profile_member_id is 0; member ids begin at 1")
            return MemberRef(message.action_profile_member_id)
        choices = "a member id, a group id or an action set" if profile.with_selector else "a member id"
        if kind is None or kind == "action" or not profile.with_selector:
            raise invalid(
                f"{self.what}: it uses action profile {profile.preamble.name}, so give it {choices}, "
                f"not {kind or 'nothing'}"
            )
        if kind == "action_profile_group_id":
            if not message.action_profile_group_id:
                raise invalid(f"{self.what}: action_profile_group_id is 0; group ids begin at 1")
            return GroupRef(message.action_profile_group_id)
        return self._decode_action_set(message.action_profile_action_set, profile)

    def _decode_action_set(self, message: p4r.ActionProfileActionSet, profile: p4i.ActionProfile) -> ActionSet:
        self._check_selector_settings(message, profile)
        members = []
        for number, item in enumerate(message.action_profile_actions, 1):
            what = f"{self.what}: action {number} of the action set"
            if item.action.action_id in self._not_for_entries:
                raise StatusError(StatusCode.PERMISSION_DENIED, f"{what}: it may only be the default action")
            members.append(
                WeightedAction(
                    self._all_actions.decode(item.action),
                    decode_weight(item.weight, profile, what),
                    decode_watch_port(item, what),
                )
            )
        if self.table.profile is not None and (self.table.profile.members or self.table.profile.groups):
            raise invalid(
                f"{self.what}: action profile {profile.preamble.name} has members or groups; "
                f"an action set cannot be used beside them"
            )
        check_group_size([member.weight for member in members], profile, f"{self.what}: the action set")
        return ActionSet(tuple(members))

    def _check_selector_settings(self, message: p4r.ActionProfileActionSet, profile: p4i.ActionProfile) -> None:
        if message.action_selection_mode == p4r.ActionProfileActionSet.RANDOM:
            raise unimplemented(f"{self.what}: action_selection_mode RANDOM is not supported; selection is by hash")
        by_members = profile.WhichOneof("selector_size_semantics") == "sum_of_members"
        other = p4r.ActionProfileActionSet.SUM_OF_WEIGHTS if by_members else p4r.ActionProfileActionSet.SUM_OF_MEMBERS
        if message.size_semantics == other:
            raise unimplemented(
                f"{self.what}: size_semantics cannot differ from those of action profile {profile.preamble.name}"
            )


def decode_weight(weight: int, profile: p4i.ActionProfile, what: str) -> int:
    """The weight of a member or action (P4Runtime 1.5, section 9.2.2); one where weights are not allowed."""
    if profile.weights_disallowed:
        if weight:
            raise invalid(f"{what}: weight is {weight}, but action profile {profile.preamble.name} disallows weights")
        return 1
    if weight <= 0:
        raise invalid(f"{what}: weight is {weight}; it must be 1 or more")
    limit = profile.sum_of_members.max_member_weight
    if limit and weight > limit:
        raise invalid(f"{what}: weight is {weight}, above the max_member_weight {limit}")
    return weight


def decode_watch_port(item: p4r.ActionProfileAction | p4r.ActionProfileGroup.Member, what: str) -> int | None:
    """The watch port of a member or action, None when it has none; the deprecated integer form is understood."""
    if item.WhichOneof("watch_kind") == "watch":
        return decode_port(item.watch.to_bytes(4, "big", signed=True), f"{what}: watch") if item.watch else None
    if not item.watch_port:
        return None
    return decode_port(item.watch_port, f"{what}: watch_port")


def check_group_size(weights: list[int], profile: p4i.ActionProfile, what: str) -> None:
    """Refuse a group above the P4Info's max_group_size, in members or in weight as its semantics say."""
    limit = profile.max_group_size
    is_by_members = profile.WhichOneof("selector_size_semantics") == "sum_of_members"
    size = len(weights) if is_by_members else sum(weights)
    if limit and size > limit:
        unit = "members" if is_by_members else "weight in sum"
        raise invalid(f"{what}: {size} {unit}, above max_group_size {limit} of {profile.preamble.name}")


def no_entry(codec: TableCodec, key: Key, priority: int) -> StatusError:
    """The NOT_FOUND error for an entry that is not there."""
    shown = codec.key.describe(key) + (f", priority {priority}" if priority else "")
    return not_found(f"{codec.what}: there is no entry with {shown}")

# SPDX-License-Identifier: Apache-2.0
"""What a table entry is made of: match values, actions, and the entry object that the packet path reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from softswitch.errors import InvalidEntryError

if TYPE_CHECKING:
    from softswitch.runtime.externs import MeterState
    from softswitch.runtime.profile import Group

MatchValue: TypeAlias = int | tuple[int, int] | None
"""Exact ``v``; LPM ``(v, prefix_len)``; ternary ``(v, mask)``; range ``(low, high)``; optional ``v`` or ``None``.

The values that match everything are ``(0, 0)`` for LPM and ternary, ``(0, 2**width - 1)`` for range and ``None`` for
optional. Bits outside a prefix or a mask must be zero.
"""


class MatchKind(StrEnum):
    """How one key field is compared."""

    EXACT = "exact"
    LPM = "lpm"
    TERNARY = "ternary"
    RANGE = "range"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class KeyField:
    """One field of a table key: its control-plane name, kind and width in bits."""

    name: str
    kind: MatchKind
    width: int

    def check(self, value: MatchValue, table: str) -> None:
        """Refuse a value of the wrong shape or size.

        :raises InvalidEntryError: naming the table, the field and what would be right.
        """
        limit = 1 << self.width
        match self.kind, value:
            case MatchKind.EXACT, int(exact):
                self._require(0 <= exact < limit, table, f"is {self.width} bits wide, not {exact:#x}")
            case MatchKind.OPTIONAL, None:
                return
            case MatchKind.OPTIONAL, int(exact):
                self._require(0 <= exact < limit, table, f"is {self.width} bits wide, not {exact:#x}")
            case MatchKind.LPM, (int(prefix), int(length)):
                self._require(
                    0 <= length <= self.width, table, f"has a prefix length of 0 to {self.width}, not {length}"
                )
                self._require(0 <= prefix < limit, table, f"is {self.width} bits wide, not {prefix:#x}")
                host_bits = (1 << (self.width - length)) - 1
                self._require(not prefix & host_bits, table, f"has bits set beyond its prefix: {prefix:#x}/{length}")
            case MatchKind.TERNARY, (int(bits), int(mask)):
                self._require(0 <= mask < limit, table, f"has a mask of {self.width} bits, not {mask:#x}")
                self._require(0 <= bits < limit, table, f"is {self.width} bits wide, not {bits:#x}")
                self._require(not bits & ~mask, table, f"has bits set outside its mask: {bits:#x} &&& {mask:#x}")
            case MatchKind.RANGE, (int(low), int(high)):
                self._require(
                    0 <= low <= high < limit, table, f"is a range within 0..{limit - 1:#x}, not {low}..{high}"
                )
            case _:
                self._require(False, table, f"is matched {self.kind}, which {value!r} is not")

    def _require(self, is_right: bool, table: str, problem: str) -> None:
        if not is_right:
            raise InvalidEntryError(f"table {table}: key field {self.name} {problem}")

    @property
    def wildcard(self) -> MatchValue:
        """The value that matches everything; an exact field has none and gives 0."""
        match self.kind:
            case MatchKind.EXACT:
                return 0
            case MatchKind.OPTIONAL:
                return None
            case MatchKind.RANGE:
                return (0, (1 << self.width) - 1)
            case _:
                return (0, 0)


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """An action that a table may call: parameter names and widths in bits.

    ``code`` is what generated code dispatches on; it is unique for the action name within one program.
    """

    name: str
    params: tuple[tuple[str, int], ...]
    code: int


@dataclass(frozen=True, slots=True)
class ActionCall:
    """An action with its parameters, in declaration order."""

    name: str
    params: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MemberRef:
    """A member of the table's action profile."""

    member_id: int


@dataclass(frozen=True, slots=True)
class GroupRef:
    """A group of the table's action selector."""

    group_id: int


@dataclass(frozen=True, slots=True)
class WeightedAction:
    """One alternative of a one-shot selector group; skipped while ``watch_port`` is down."""

    action: ActionCall
    weight: int = 1
    watch_port: int | None = None


@dataclass(frozen=True, slots=True)
class ActionSet:
    """A one-shot selector group: it lives and dies with its table entry."""

    members: tuple[WeightedAction, ...]


ActionRef: TypeAlias = ActionCall | MemberRef | GroupRef | ActionSet


class Entry:
    """A table entry. ``key``, ``priority`` and ``action`` are as the control plane gave them.

    ``code``, ``args`` and ``group`` are the resolved form that the packet path reads: an action code with its
    arguments, or a selector group. ``packets`` and ``bytes`` are the direct counter, ``meter`` the direct meter.
    ``idle_timeout_ns``, ``metadata`` and ``is_const`` are kept for the control plane; ``last_hit_us`` is maintained
    only in tables that support idle timeouts.
    """

    __slots__ = (
        "action",
        "args",
        "bytes",
        "code",
        "group",
        "idle_timeout_ns",
        "is_const",
        "key",
        "last_hit_us",
        "metadata",
        "meter",
        "packets",
        "priority",
    )

    def __init__(self, key: tuple[MatchValue, ...], priority: int, action: ActionRef) -> None:
        self.key = key
        self.priority = priority
        self.action = action
        self.code = -1
        self.args: tuple[int, ...] = ()
        self.group: Group | None = None
        self.packets = 0
        self.bytes = 0
        self.meter: MeterState | None = None
        self.last_hit_us = 0
        self.idle_timeout_ns = 0
        self.metadata = b""
        self.is_const = False

    def __repr__(self) -> str:
        return f"Entry(key={self.key}, priority={self.priority}, action={self.action})"


def check_call(call: ActionCall, actions: Mapping[str, ActionInfo], owner: str) -> ActionInfo:
    """Refuse an unknown action or parameters that do not fit it; ``owner`` names the table or profile.

    :raises InvalidEntryError: naming the action and the parameter.
    """
    info = actions.get(call.name)
    if info is None:
        raise InvalidEntryError(f"{owner}: no action {call.name}; it has {', '.join(sorted(actions))}")
    if len(call.params) != len(info.params):
        raise InvalidEntryError(
            f"{owner}: action {call.name} takes {len(info.params)} parameters, not {len(call.params)}"
        )
    for (name, width), value in zip(info.params, call.params, strict=True):
        if not 0 <= value < 1 << width:
            raise InvalidEntryError(
                f"{owner}: action {call.name}: parameter {name} is {width} bits wide, not {value:#x}"
            )
    return info

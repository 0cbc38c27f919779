# SPDX-License-Identifier: Apache-2.0
"""Lookup structures: from the values of a packet to the entry that matches best.

Each stores entries by their key as the control plane gave it. `resolve` may be slow-ish, since a table caches its
results per looked-up key (see `Table`); inserting and removing never rebuilds what other entries use.
"""

from __future__ import annotations

from bisect import insort
from itertools import count
from typing import Protocol

from softswitch.runtime.entries import Entry, KeyField, MatchKind, MatchValue


class Lookup(Protocol):
    """A set of entries that can be searched with packet values, one int per key field."""

    def insert(self, entry: Entry) -> None:
        """Add an entry whose key was checked."""

    def remove(self, entry: Entry) -> None:
        """Take out an entry that was added before."""

    def resolve(self, values: tuple[int, ...]) -> Entry | None:
        """Return the best entry that matches, or None."""

    def clear(self) -> None:
        """Take out everything."""


class LpmLookup:
    """Exact fields and one LPM field: a dict per prefix length, the longest tried first."""

    def __init__(self, key: tuple[KeyField, ...]) -> None:
        self._lpm = next(index for index, field in enumerate(key) if field.kind is MatchKind.LPM)
        self._width = key[self._lpm].width
        self._by_length: dict[int, dict[tuple[int, ...], Entry]] = {}
        self._lengths: list[tuple[int, int]] = []

    def insert(self, entry: Entry) -> None:
        """Add an entry; see `Lookup`."""
        length, values = self._split(entry)
        entries = self._by_length.get(length)
        if entries is None:
            entries = self._by_length[length] = {}
            mask = ((1 << length) - 1) << (self._width - length)
            insort(self._lengths, (-length, mask))
        entries[values] = entry

    def remove(self, entry: Entry) -> None:
        """Take out an entry; see `Lookup`."""
        length, values = self._split(entry)
        entries = self._by_length[length]
        del entries[values]
        if not entries:
            del self._by_length[length]
            self._lengths = [item for item in self._lengths if item[0] != -length]

    def resolve(self, values: tuple[int, ...]) -> Entry | None:
        """Return the entry with the longest matching prefix, or None."""
        index = self._lpm
        head, prefix, tail = values[:index], values[index], values[index + 1 :]
        for negative_length, mask in self._lengths:
            entry = self._by_length[-negative_length].get((*head, prefix & mask, *tail))
            if entry is not None:
                return entry
        return None

    def clear(self) -> None:
        """Take out everything."""
        self._by_length.clear()
        self._lengths.clear()

    def _split(self, entry: Entry) -> tuple[int, tuple[int, ...]]:
        values: list[int] = []
        length = 0
        for value in entry.key:
            if isinstance(value, tuple):
                prefix, length = value
                values.append(prefix)
            elif value is not None:
                values.append(value)
        return length, tuple(values)


class _MaskGroup:
    """Entries that share one mask over the concatenated key."""

    __slots__ = ("buckets", "mask", "priorities", "top")

    def __init__(self, mask: int) -> None:
        self.mask = mask
        self.buckets: dict[int, list[_Rule]] = {}
        self.priorities: dict[int, int] = {}
        self.top = -1


class _Rule:
    """One entry in a bucket: buckets are sorted best first."""

    __slots__ = ("entry", "order", "priority", "ranges")

    def __init__(self, entry: Entry, order: int, ranges: tuple[tuple[int, int, int], ...]) -> None:
        self.entry = entry
        self.priority = entry.priority
        self.order = order
        self.ranges = ranges

    def __lt__(self, other: _Rule) -> bool:
        return (-self.priority, self.order) < (-other.priority, other.order)


class TernaryLookup:
    """Any mix of kinds with priorities, by tuple space search.

    All fields are concatenated to one wide number, so entries with the same masks share a dict; ranges are checked on
    what the dict returns. Groups are tried in the order of their highest priority, and the search ends when no
    group left can win. Of equal priorities the entry inserted first wins.
    """

    def __init__(self, key: tuple[KeyField, ...]) -> None:
        self._key = key
        shifts: list[int] = []
        shift = 0
        for field in reversed(key):
            shifts.append(shift)
            shift += field.width
        self._shifts = tuple(reversed(shifts))
        self._groups: dict[int, _MaskGroup] = {}
        self._ordered: list[_MaskGroup] = []
        self._order = count()

    def insert(self, entry: Entry) -> None:
        """Add an entry; see `Lookup`."""
        value, mask, ranges = self._encode(entry.key)
        group = self._groups.get(mask)
        if group is None:
            group = self._groups[mask] = _MaskGroup(mask)
            self._ordered.append(group)
        insort(group.buckets.setdefault(value, []), _Rule(entry, next(self._order), ranges))
        group.priorities[entry.priority] = group.priorities.get(entry.priority, 0) + 1
        if entry.priority > group.top:
            self._set_top(group, entry.priority)

    def remove(self, entry: Entry) -> None:
        """Take out an entry; see `Lookup`."""
        value, mask, _ = self._encode(entry.key)
        group = self._groups[mask]
        bucket = group.buckets[value]
        bucket[:] = [rule for rule in bucket if rule.entry is not entry]
        if not bucket:
            del group.buckets[value]
        group.priorities[entry.priority] -= 1
        if not group.priorities[entry.priority]:
            del group.priorities[entry.priority]
        if not group.buckets:
            del self._groups[mask]
            self._ordered.remove(group)
        elif group.top not in group.priorities:
            self._set_top(group, max(group.priorities))

    def resolve(self, values: tuple[int, ...]) -> Entry | None:
        """Return the matching entry of the highest priority, or None."""
        wide = 0
        for value, shift in zip(values, self._shifts, strict=True):
            wide |= value << shift
        best: _Rule | None = None
        for group in self._ordered:
            if best is not None and best.priority > group.top:
                break
            for rule in group.buckets.get(wide & group.mask, ()):
                if best is not None and best < rule:
                    break
                if all(low <= values[index] <= high for index, low, high in rule.ranges):
                    best = rule
                    break
        return best.entry if best else None

    def clear(self) -> None:
        """Take out everything."""
        self._groups.clear()
        self._ordered.clear()

    def _set_top(self, group: _MaskGroup, top: int) -> None:
        group.top = top
        self._ordered.sort(key=lambda item: -item.top)

    def _encode(self, key: tuple[MatchValue, ...]) -> tuple[int, int, tuple[tuple[int, int, int], ...]]:
        """Return the masked wide value, the wide mask, and the ranges as (field index, low, high)."""
        wide_value = wide_mask = 0
        ranges: list[tuple[int, int, int]] = []
        for index, (field, value, shift) in enumerate(zip(self._key, key, self._shifts, strict=True)):
            full = (1 << field.width) - 1
            if value is None:
                continue
            if isinstance(value, int):
                bits, mask = value, full
            elif field.kind is MatchKind.TERNARY:
                bits, mask = value
            elif field.kind is MatchKind.LPM:
                bits, mask = value[0], full ^ (full >> value[1])
            elif value[0] == value[1]:
                bits, mask = value[0], full
            else:
                bits = mask = 0
                if value != (0, full):
                    ranges.append((index, *value))
            wide_value |= bits << shift
            wide_mask |= mask << shift
        return wide_value, wide_mask, tuple(ranges)

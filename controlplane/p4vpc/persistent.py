# SPDX-License-Identifier: Apache-2.0
"""A mapping that never changes, of which a changed copy costs what has changed.

It is a few small dicts; a copy shares all of those that are the same. So whoever keeps an old version keeps it whole,
and two versions of one lineage are compared without looking at what they share. A version knows by which keys it
differs from the few before it: comparing it with one of those costs that many.
"""

from collections.abc import ItemsView, Iterable, Iterator, Mapping, Set, ValuesView
from itertools import chain, compress
from operator import is_not
from typing import Any, Generic, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

_ABSENT: Any = object()

_USUAL = 8
"""Items in one dict when all are made; once there are four times as many they are spread over more dicts."""

_MOST_BUCKETS = 4096

_MOST_STEPS = 4
"""Versions before that are known; of any other the dicts are compared."""


class PersistentMap(Mapping[K, V], Generic[K, V]):
    """An immutable mapping; `after` gives changed ones. The order of the keys means nothing."""

    __slots__ = ("_buckets", "_length", "_lineage", "_steps", "_version")

    def __init__(self, items: Mapping[K, V] | Iterable[tuple[K, V]] = ()):
        known = dict(items)
        number = 1
        while number * _USUAL < len(known) and number < _MOST_BUCKETS:
            number *= 2
        buckets: list[dict[K, V]] = [{} for _ in range(number)]
        for key, value in known.items():
            buckets[hash(key) & number - 1][key] = value
        self._buckets = buckets
        self._length = len(known)
        self._lineage = object()
        self._version = object()
        self._steps: tuple[tuple[object, Set[K], bool], ...] = ()

    def __getitem__(self, key: K) -> V:
        return self._buckets[hash(key) & len(self._buckets) - 1][key]

    def __contains__(self, key: object) -> bool:
        return key in self._buckets[hash(key) & len(self._buckets) - 1]

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: V | T) -> V | T: ...
    def get(self, key: K, default: Any = None) -> Any:
        """As of any mapping."""
        return self._buckets[hash(key) & len(self._buckets) - 1].get(key, default)

    def items(self) -> ItemsView[K, V]:
        """As of any mapping."""
        return _Items(self)

    def values(self) -> ValuesView[V]:
        """As of any mapping."""
        return _Values(self)

    @property
    def buckets(self) -> Iterable[Mapping[K, V]]:
        """The dicts that it consists of."""
        return self._buckets

    def __iter__(self) -> Iterator[K]:
        return chain.from_iterable(self._buckets)

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"PersistentMap({dict(self)!r})"

    def after(self, puts: Mapping[K, V], deletes: Iterable[K] = (), *, is_exact: bool = False) -> "PersistentMap[K, V]":
        """Return a copy with some items put in, and some keys, which may be absent, left out.

        `is_exact`: every item differs from what is there, and every key is there. Then it need not be looked up again.
        """
        touched = set(puts)
        buckets = self._buckets.copy()
        length = self._length
        own: dict[int, dict[K, V]] = {}
        mask = len(buckets) - 1
        for key in deletes:
            touched.add(key)
            number = hash(key) & mask
            if number not in own:
                length -= len(buckets[number])
                buckets[number] = own[number] = buckets[number].copy()
            own[number].pop(key, None)
        for key, value in puts.items():
            number = hash(key) & mask
            if number not in own:
                length -= len(buckets[number])
                buckets[number] = own[number] = buckets[number].copy()
            own[number][key] = value
        length += sum(map(len, own.values()))
        result = self._of(buckets, length)
        result._steps = ((self._version, touched, is_exact), *self._steps[: _MOST_STEPS - 1])
        if length > 4 * _USUAL * len(buckets) and len(buckets) < _MOST_BUCKETS:
            grown = PersistentMap(result)
            grown._lineage = self._lineage
            grown._steps = result._steps
            return grown
        return result

    def _of(self, buckets: list[dict[K, V]], length: int) -> "PersistentMap[K, V]":
        result: PersistentMap[K, V] = object.__new__(PersistentMap)
        result._buckets = buckets
        result._length = length
        result._lineage = self._lineage
        result._version = object()
        return result

    def is_of_lineage(self, other: "PersistentMap[K, V]") -> bool:
        """Whether one has come from the other, or both from a third, by `after`."""
        return self._lineage is other._lineage

    def changed_from(self, before: "PersistentMap[K, V]") -> Set[K]:
        """Return the keys whose values are not the very same objects in both; what is shared costs nothing."""
        touched = self._touched_since(before)
        if touched is not None:
            return {key for key in touched if self.get(key, _ABSENT) is not before.get(key, _ABSENT)}
        return self._changed_buckets(before)

    def differing_from(self, before: "PersistentMap[K, V]") -> Set[K]:
        """Return the keys whose values are not equal, or are in one of both only; what is shared costs nothing."""
        if self._steps and self._steps[0][0] is before._version and self._steps[0][2]:
            return self._steps[0][1]
        touched = self._touched_since(before)
        if touched is None:
            touched = self._changed_buckets(before)
        return {key for key in touched if self.get(key, _ABSENT) != before.get(key, _ABSENT)}

    def _touched_since(self, before: "PersistentMap[K, V]") -> Set[K] | None:
        """Return the keys that have been put in or left out since; None if that is not known."""
        if before._version is self._version:
            return frozenset()
        touched: Set[K] = frozenset()
        for version, keys, _ in self._steps:
            touched = touched | keys if touched else keys
            if version is before._version:
                return touched
        return None

    def _changed_buckets(self, before: "PersistentMap[K, V]") -> Set[K]:
        if len(self._buckets) == len(before._buckets):
            pairs = zip(before._buckets, self._buckets, strict=True)
            differing = list(compress(pairs, map(is_not, before._buckets, self._buckets)))
        else:
            differing = [(dict(before), dict(self))]
        changed: set[K] = set()
        for old, new in differing:
            changed.update(key for key, value in old.items() if key not in new or new[key] is not value)
            changed.update(key for key in new if key not in old)
        return changed


class _Items(ItemsView[K, V]):
    """The items as the dicts have them, rather than by a look-up for each key."""

    _mapping: PersistentMap[K, V]

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return chain.from_iterable(bucket.items() for bucket in self._mapping.buckets)


class _Values(ValuesView[V]):
    """The same for values."""

    _mapping: PersistentMap[Any, V]

    def __iter__(self) -> Iterator[V]:
        return chain.from_iterable(bucket.values() for bucket in self._mapping.buckets)

# SPDX-License-Identifier: Apache-2.0
"""A mapping that never changes, of which a changed copy costs what has changed.

It is a few small dicts; a copy shares all of those that are the same. So whoever keeps an old version keeps it whole,
and two versions of one lineage are compared without looking at what they share.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import chain, compress
from operator import is_not
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_USUAL = 8
"""Items in one dict when all are made; once there are four times as many they are spread over more dicts."""

_MOST_BUCKETS = 4096


class PersistentMap(Mapping[K, V], Generic[K, V]):
    """An immutable mapping; `after` gives changed ones. The order of the keys means nothing."""

    __slots__ = ("_buckets", "_length", "_lineage")

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

    def __getitem__(self, key: K) -> V:
        return self._buckets[hash(key) & len(self._buckets) - 1][key]

    def __iter__(self) -> Iterator[K]:
        return chain.from_iterable(self._buckets)

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"PersistentMap({dict(self)!r})"

    def after(self, puts: Mapping[K, V], deletes: Iterable[K] = ()) -> "PersistentMap[K, V]":
        """Return a copy with some items put in, and some keys, which may be absent, left out."""
        buckets = list(self._buckets)
        length = self._length
        by_bucket: defaultdict[int, list[tuple[K, bool]]] = defaultdict(list)
        mask = len(buckets) - 1
        for key in deletes:
            by_bucket[hash(key) & mask].append((key, False))
        for key in puts:
            by_bucket[hash(key) & mask].append((key, True))
        for number, keys in by_bucket.items():
            bucket = dict(buckets[number])
            before = len(bucket)
            for key, is_put in keys:
                if is_put:
                    bucket[key] = puts[key]
                else:
                    bucket.pop(key, None)
            length += len(bucket) - before
            buckets[number] = bucket
        result = self._of(buckets, length)
        if length > 4 * _USUAL * len(buckets) and len(buckets) < _MOST_BUCKETS:
            grown = PersistentMap(result)
            grown._lineage = self._lineage
            return grown
        return result

    def _of(self, buckets: list[dict[K, V]], length: int) -> "PersistentMap[K, V]":
        result: PersistentMap[K, V] = object.__new__(PersistentMap)
        result._buckets = buckets
        result._length = length
        result._lineage = self._lineage
        return result

    def is_of_lineage(self, other: "PersistentMap[K, V]") -> bool:
        """Whether one has come from the other, or both from a third, by `after`."""
        return self._lineage is other._lineage

    def changed_from(self, before: "PersistentMap[K, V]") -> Set[K]:
        """Return the keys whose values are not the very same objects in both; what is shared costs nothing."""
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

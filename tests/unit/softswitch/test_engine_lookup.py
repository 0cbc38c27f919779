# SPDX-License-Identifier: Apache-2.0
"""A table finds what a naive search over its entries finds, after any history of writes."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from softswitch.errors import EntryExistsError
from softswitch.runtime import ActionCall, ActionInfo, KeyField, MatchKind, MatchValue, Table

WIDTH = 6
FULL = (1 << WIDTH) - 1
ACTIONS = {"act": ActionInfo("act", (("value", 32),), 0)}

VALUES = st.integers(0, FULL)
MATCHES = {
    MatchKind.EXACT: VALUES,
    MatchKind.LPM: st.tuples(VALUES, st.integers(0, WIDTH)).map(lambda m: (m[0] & FULL & ~(FULL >> m[1]), m[1])),
    MatchKind.TERNARY: st.tuples(VALUES, VALUES).map(lambda m: (m[0] & m[1], m[1])),
    MatchKind.RANGE: st.tuples(VALUES, VALUES).map(lambda m: (min(m), max(m))),
    MatchKind.OPTIONAL: st.none() | VALUES,
}


def covers(kind: MatchKind, match: MatchValue, value: int) -> bool:
    if match is None:
        return True
    if isinstance(match, int):
        return match == value
    if kind is MatchKind.LPM:
        return value >> (WIDTH - match[1]) == match[0] >> (WIDTH - match[1])
    if kind is MatchKind.TERNARY:
        return value & match[1] == match[0]
    return match[0] <= value <= match[1]


@dataclass(frozen=True)
class History:
    kinds: tuple[MatchKind, ...]
    writes: list[tuple[bool, tuple[MatchValue, ...], int]]
    lookups: list[tuple[int, ...]]


@st.composite
def histories(draw: st.DrawFn) -> History:
    kinds = tuple(draw(st.lists(st.sampled_from(list(MatchKind)), min_size=1, max_size=3)))
    if kinds.count(MatchKind.LPM) > 1:
        kinds = (MatchKind.LPM,)
    needs_priority = any(kind not in (MatchKind.EXACT, MatchKind.LPM) for kind in kinds)
    priorities = st.integers(1, 4) if needs_priority else st.just(0)
    keys = st.tuples(*(MATCHES[kind] for kind in kinds))
    writes = draw(st.lists(st.tuples(st.booleans(), keys, priorities), max_size=25))
    return History(kinds, writes, draw(st.lists(st.tuples(*(VALUES for _ in kinds)), min_size=1, max_size=10)))


def naive(kinds: tuple[MatchKind, ...], entries: list[tuple[tuple[MatchValue, ...], int]], values: tuple[int, ...]):
    """Highest priority wins, then the longest prefix, then the entry inserted first."""
    best = None
    for key, priority in entries:
        if all(covers(kind, match, value) for kind, match, value in zip(kinds, key, values, strict=True)):
            length = 0
            if priority == 0:
                length = sum(m[1] for k, m in zip(kinds, key, strict=True) if k is MatchKind.LPM)
            if best is None or (priority, length) > best[0]:
                best = ((priority, length), key)
    return best and best[1]


@given(histories())
def test_lookup_equals_naive_search(history: History) -> None:
    key = tuple(KeyField(f"f{index}", kind, WIDTH) for index, kind in enumerate(history.kinds))
    table = Table("t", key, ACTIONS, 1000)
    model: list[tuple[tuple[MatchValue, ...], int]] = []
    for number, (is_insert, match, priority) in enumerate(history.writes):
        if is_insert:
            try:
                table.insert(match, ActionCall("act", (number,)), priority)
                model.append((match, priority))
            except EntryExistsError:
                assert (match, priority) in model
        elif (match, priority) in model:
            table.delete(match, priority)
            model.remove((match, priority))
        elif model:
            victim = model.pop(number % len(model))
            table.delete(*victim)
        for values in history.lookups:
            expected = naive(history.kinds, model, values)
            packet_key = values[0] if len(values) == 1 else values
            found = table.index.get(packet_key) or table.resolve(packet_key)
            cached = table.index.get(packet_key) or table.resolve(packet_key)
            assert found is cached
            assert (None if found is table.default_entry else found.key) == expected
            entry = table.lookup(*values)
            assert (entry and entry.key) == expected
    assert {(entry.key, entry.priority) for entry in table} == set(model)

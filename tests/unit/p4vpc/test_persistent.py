# SPDX-License-Identifier: Apache-2.0
"""A persistent map is a dict whose old versions stay as they are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.persistent import PersistentMap

_keys = st.integers(0, 400)
_steps = st.lists(st.tuples(st.dictionaries(_keys, st.integers(), max_size=200), st.lists(_keys, max_size=50)))


@settings(deadline=None)
@given(st.dictionaries(_keys, st.integers()), _steps)
def test_it_is_a_dict(first: dict[int, int], steps: list[tuple[dict[int, int], list[int]]]) -> None:
    versions = [(PersistentMap(first), dict(first))]
    for puts, deletes in steps:
        known, plain = versions[-1]
        plain = {key: value for key, value in plain.items() if key not in deletes} | puts
        versions.append((known.after(puts, deletes), plain))
    for version, plain in versions:
        assert dict(version) == plain
        assert len(version) == len(plain)
        for other, other_plain in versions:
            changed = version.changed_from(other)
            differing = {key for key in plain.keys() | other_plain.keys() if plain.get(key) != other_plain.get(key)}
            assert differing <= changed <= plain.keys() | other_plain.keys()
            assert version.differing_from(other) == differing
            assert version.is_of_lineage(other)


@settings(deadline=None)
@given(st.dictionaries(_keys, st.integers()), _steps)
def test_exact_steps_are_believed(first: dict[int, int], steps: list[tuple[dict[int, int], list[int]]]) -> None:
    versions = [(PersistentMap(first), dict(first))]
    for wanted, deletes in steps:
        known, plain = versions[-1]
        puts = {key: value for key, value in wanted.items() if plain.get(key) != value}
        gone = {key for key in deletes if key in plain and key not in puts}
        plain = {key: value for key, value in plain.items() if key not in gone} | puts
        versions.append((known.after(puts, gone, is_exact=True), plain))
    for version, plain in versions:
        assert (dict(version), len(version)) == (plain, len(plain))
        for other, other_plain in versions:
            differing = {key for key in plain.keys() | other_plain.keys() if plain.get(key) != other_plain.get(key)}
            assert version.differing_from(other) == differing


def test_a_change_touches_one_bucket_of_many() -> None:
    """Else it would be a copy of everything."""
    known = PersistentMap({number: object() for number in range(10_000)})
    assert known.after({5: object()}).changed_from(known) == {5}
    assert not known.after({}).changed_from(known)
    assert not PersistentMap(known).is_of_lineage(known)

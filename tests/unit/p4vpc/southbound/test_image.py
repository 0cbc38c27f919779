# SPDX-License-Identifier: Apache-2.0
"""An image is a dict of what was written, however it is kept."""

from hypothesis import given
from hypothesis import strategies as st

from p4vpc.compiler.entries import (
    ActionCall,
    ActionSet,
    DesiredEntry,
    Entry,
    Exact,
    Identity,
    MulticastEntry,
    TableEntry,
    WeightedAction,
)
from p4vpc.intent import ObjectId
from p4vpc.persistent import PersistentMap
from p4vpc.reconcile import Change, Operation
from p4vpc.reconcile.planner import members_of
from p4vpc.southbound.image import Image

_ORIGIN = (ObjectId("port", "red/prod/one"),)


def _action(name: str) -> WeightedAction:
    return WeightedAction(ActionCall(name))


_actions = st.one_of(
    st.sampled_from(["a", "b"]).map(ActionCall),
    st.sets(st.sampled_from("cde"), min_size=1).map(lambda names: ActionSet(tuple(map(_action, sorted(names))))),
)
_entries: st.SearchStrategy[Entry] = st.one_of(
    st.builds(
        TableEntry,
        st.sampled_from(["one", "other"]),
        st.integers(0, 5).map(lambda value: (Exact(value),)),
        st.just(0),
        _actions,
    ),
    st.builds(MulticastEntry, st.integers(1, 3), st.just(((1, 1),))),
)
_states = st.lists(_entries, max_size=12).map(lambda entries: {entry.identity: entry for entry in entries})


def _desired(state: dict[Identity, Entry]) -> PersistentMap[Identity, DesiredEntry]:
    return PersistentMap({identity: DesiredEntry(entry, _ORIGIN) for identity, entry in state.items()})


def _changes(before: dict[Identity, Entry], after: dict[Identity, Entry]) -> list[Change]:
    made = [
        Change(Operation.MODIFY if identity in before else Operation.INSERT, entry, _ORIGIN)
        for identity, entry in after.items()
        if before.get(identity) != entry
    ]
    return [*made, *(Change(Operation.DELETE, entry) for identity, entry in before.items() if identity not in after)]


def _check(image: Image, plain: dict[Identity, Entry]) -> None:
    assert len(image) == len(plain)
    assert dict(image) == plain
    assert all(image.get(identity) == entry and identity in image for identity, entry in plain.items())
    tables = {identity[0] for identity in plain}
    for table in {"one", "other", *tables}:
        entries = [entry for identity, entry in plain.items() if identity[0] == table]
        assert image.sizes[table] == len(entries)
        assert image.members[table] == sum(map(members_of, entries))


@given(_states, st.lists(st.tuples(_states, st.booleans(), st.booleans()), max_size=6))
def test_it_is_what_was_written_whenever_it_is_looked_at(
    read: dict[Identity, Entry], steps: list[tuple[dict[Identity, Entry], bool, bool]]
) -> None:
    image, plain = Image(read), read
    for state, is_looked_at, is_settled in steps:
        changes = _changes(plain, state)
        middle = len(changes) // 2
        image.written(changes[:middle])
        if is_looked_at:
            assert image.get(("one", (Exact(0),), 0)) in (plain.get(("one", (Exact(0),), 0)), *state.values(), None)
        image.written(changes[middle:])
        plain = state
        if is_settled:
            image.settled(_desired(state))
        if is_looked_at:
            _check(image, plain)
    _check(image, plain)


@given(_states, _states)
def test_what_is_not_all_there_is_not_taken_for_settled(
    have: dict[Identity, Entry], want: dict[Identity, Entry]
) -> None:
    image = Image(have)
    image.settled(_desired(want))
    _check(image, have)


@given(_states, st.lists(_entries, max_size=6))
def test_what_the_switch_says_is_right(have: dict[Identity, Entry], told: list[Entry]) -> None:
    image, plain = Image(have), dict(have)
    image.settled(_desired(have))
    for position, entry in enumerate(told):
        if position % 2:
            image.correct(entry.identity, entry)
            plain[entry.identity] = entry
        else:
            image.correct(entry.identity, None)
            plain.pop(entry.identity, None)
    _check(image, plain)

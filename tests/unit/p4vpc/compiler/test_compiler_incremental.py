# SPDX-License-Identifier: Apache-2.0
"""Compiling what differs gives what compiling everything gives, whatever has happened before."""

from collections.abc import Mapping, Set
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.compiler import Compilation, Input, Moved, compile_all, compile_switch, recompile
from p4vpc.errors import ModelError
from p4vpc.intent import Identifiers, Intent, ObjectId, from_document
from p4vpc.model import Model, ModelKeeper, build_model, check_objects
from tests.unit.p4vpc.model.histories import Edit, edits, happen
from tests.unit.p4vpc.model.world import WIDER, number, world

_NAMES = (
    "leaf1-spine1",
    "leaf2-spine1",
    "leaf2-router",
    "leaf1-spine2",
    "leaf2-spine2",
    "leaf3-spine1",
    "leaf3-spine2",
)
LINKS = tuple(ObjectId("link", name) for name in _NAMES)
SWITCHES = ("leaf1", "leaf2", "leaf3")
PORTS = tuple(it.id for it in world() if it.kind == "port")
_moved = st.dictionaries(st.sampled_from(SWITCHES), st.frozensets(st.sampled_from(PORTS)), max_size=2)
_awaited = st.dictionaries(
    st.sampled_from(["red/prod", "red/lab"]), st.frozensets(st.sampled_from(SWITCHES)), max_size=2
)
_steps = st.lists(
    st.tuples(st.lists(edits(), max_size=3), _moved, st.frozensets(st.sampled_from(LINKS), max_size=3), _awaited),
    min_size=1,
    max_size=8,
)
_Step: TypeAlias = tuple[list[Edit], Mapping[str, Moved], frozenset[ObjectId], Mapping[str, Set[str]]]


def check(compilation: Compilation, before: Compilation | None) -> None:
    """The states, and what is said to have changed, against the whole."""
    of = compilation.input
    assert compilation.states.keys() == of.model.switches.keys()
    for name, state in compilation.states.items():
        whole = compile_switch(of.model, name, of.moved.get(name, frozenset()), of.down_links, of.guests)
        assert dict(state.entries) == dict(whole.entries)
        known = before.states.get(name) if before is not None else None
        if known is not None:
            keys = known.entries.keys() | state.entries.keys()
            differing = {key for key in keys if known.entries.get(key) != state.entries.get(key)}
            assert compilation.changed.get(name, set()) == differing
            assert (state is known) == (not differing)


@settings(max_examples=150, deadline=None)
@given(_steps, st.booleans(), st.booleans())
def test_what_differs_and_everything_compile_to_the_same(steps: list[_Step], is_wide: bool, is_kept: bool) -> None:
    """Of models made of everything, in which nothing is the same object, and of those that are kept."""
    objects = {intent.id: intent for intent in world(WIDER if is_wide else "")}
    held = number(objects.values())
    keeper = ModelKeeper()
    compilation = compile_all(Input(keeper.whole(objects.values(), held, 0)))
    check(compilation, None)
    for revision, (some, moved, down_links, awaited) in enumerate(steps, start=1):
        known = objects
        try:
            objects, held = after(objects, held, some)
        except ModelError as error:
            assert error.problems
        differing = {key: objects.get(key) for key, _ in some if objects.get(key) is not known.get(key)}
        model = keeper.advance(differing, held, revision) if is_kept else build_model(objects.values(), held, revision)
        assert model is not None
        before, compilation = compilation, recompile(compilation, Input(model, moved, down_links, awaited))
        check(compilation, before)


def after(
    objects: dict[ObjectId, Intent], held: Identifiers, some: list[Edit]
) -> tuple[dict[ObjectId, Intent], Identifiers]:
    changed = happen(objects, some)
    check_objects(changed.values())
    return changed, number(changed.values(), held)


def test_a_switch_that_is_not_concerned_keeps_its_very_state() -> None:
    leaf3 = {"kind": "switch", "name": "leaf3", "role": "leaf", "vtep": "10.255.0.3", "p4runtime": "h:1"}
    objects = {it.id: it for it in (*world(), from_document(leaf3))}
    held = number(objects.values())

    def model_of(revision: int) -> Model:
        return build_model(objects.values(), held, revision)

    first = compile_all(Input(model_of(1)))
    del objects[ObjectId("port", "red/lab/web-1")]
    second = recompile(first, Input(model_of(2)))
    assert second.changed.keys() == {"leaf1"}
    assert second.states["leaf2"] is first.states["leaf2"]
    assert second.states["leaf1"].revision == 2

# SPDX-License-Identifier: Apache-2.0
"""Whatever has changed, tenants' objects or the fabric's: planning what differs is planning everything."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4vpc.compiler import Compilation, Input, compile_all, recompile
from p4vpc.errors import ModelError
from p4vpc.model import ModelKeeper, check_objects
from p4vpc.reconcile import Operation, Schema, plan, plan_some
from p4vpc.southbound import Pipeline
from p4vpc.southbound.image import Image
from tests.unit.p4vpc.model.histories import Edit, edits, happen
from tests.unit.p4vpc.model.world import number, world

PIPELINE = Path(__file__).parents[4] / "p4src" / "build" / "v1model"


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Pipeline.load(PIPELINE).info.schema


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(edits(), min_size=1, max_size=3), min_size=1, max_size=6))
def test_what_a_change_concerns_is_all_that_is_to_be_planned(schema: Schema, steps: list[list[Edit]]) -> None:
    objects = {intent.id: intent for intent in world()}
    held = number(objects.values())
    keeper = ModelKeeper()
    compilation = compile_all(Input(keeper.whole(objects.values(), held, 0)))
    images: dict[str, Image] = {}
    _write(compilation, images, schema)
    for revision, some in enumerate(steps, start=1):
        changed = happen(objects, some)
        try:
            check_objects(changed.values())
            held = number(changed.values(), held)
        except ModelError:
            continue
        differing = {key: changed.get(key) for key, _ in some if changed.get(key) is not objects.get(key)}
        objects = changed
        model = keeper.advance(differing, held, revision)
        assert model is not None
        compilation = recompile(compilation, Input(model))
        _write(compilation, images, schema)


def _write(compilation: Compilation, images: dict[str, Image], schema: Schema) -> None:
    """Bring the switches up to date by what is said to differ, and see that nothing is left to do anywhere."""
    for name in images.keys() - compilation.states.keys():
        del images[name]
    for name, differing in compilation.changed.items():
        entries = compilation.states[name].entries
        image = images.setdefault(name, Image({}))
        whole = plan(entries, image, schema)
        assert whole.left_out == ()
        some = plan_some(
            entries.keys() if differing is None else differing,
            entries,
            image,
            image.sizes,
            schema,
            members=image.members,
        )
        assert some is not None
        assert Counter(some.changes) == Counter(whole.changes)
        for change in some.changes:
            if change.operation is Operation.DELETE:
                image.drop(change.entry.identity)
            else:
                image.put(change.entry)
    for name, state in compilation.states.items():
        assert plan(state.entries, images[name], schema).batches == ()

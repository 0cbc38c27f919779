# SPDX-License-Identifier: Apache-2.0
"""Whatever a client sends is accepted or refused with a reason; nothing else."""

from finsy.proto import p4r
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softswitch.errors import SoftswitchError
from softswitch.p4runtime.batch import apply_update

IDS = {
    "table_id": "tables",
    "action_id": "actions",
    "action_profile_id": "action_profiles",
    "counter_id": "counters",
    "meter_id": "meters",
    "register_id": "registers",
    "value_set_id": "value_sets",
    "digest_id": "digests",
}


def fill(data, message, ids: dict[str, list[int]], depth: int = 0) -> None:
    """Set some fields of a message, ids often to ones that exist and numbers often to the edges of their type."""
    for field in message.DESCRIPTOR.fields:
        is_id = field.name in ids or field.name in ("field_id", "param_id")
        if depth > 6 or not (is_id or data.draw(st.booleans())):
            continue
        if field.message_type is not None:
            if field.message_type.full_name == "google.protobuf.Any":
                continue
            targets = [getattr(message, field.name)]
            if field.is_repeated:
                targets = [targets[0].add() for _ in range(data.draw(st.integers(1, 2)))]
            for target in targets:
                target.SetInParent()
                fill(data, target, ids, depth + 1)
            continue
        if field.type == field.TYPE_BYTES:
            value = data.draw(st.sampled_from([b"", b"\0", b"\x01", b"\0\0\x01", b"\x01\xff", b"\xff" * 7]))
        elif field.type == field.TYPE_BOOL:
            value = data.draw(st.booleans())
        elif field.type == field.TYPE_STRING:
            value = "x"
        elif field.type == field.TYPE_ENUM:
            value = data.draw(st.integers(0, 3))
        elif is_id:
            value = data.draw(st.sampled_from([1, *ids.get(field.name, [1, 2, 3])]))
        else:
            is_signed = field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_INT64)
            bits = 31 if field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32) else 63
            value = data.draw(st.sampled_from([0, 1, 2, 7, (1 << bits) - 1, -1 if is_signed else 1 << bits]))
        if field.is_repeated:
            continue
        setattr(message, field.name, value)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_update_and_any_filter_is_answered(pipeline, info, data):
    ids = {name: [item.preamble.id for item in getattr(info, kind)] for name, kind in IDS.items()}
    update = p4r.Update(type=data.draw(st.sampled_from([1, 2, 3])))
    field = data.draw(st.sampled_from(sorted(pipeline.handlers)))
    getattr(update.entity, field).SetInParent()
    fill(data, getattr(update.entity, field), ids)
    try:
        undo = apply_update(pipeline.handlers, update)
    except SoftswitchError as error:
        assert str(error)
    else:
        undo()
    try:
        for entity in pipeline.handlers[field].read(update.entity):
            entity.SerializeToString()
    except SoftswitchError as error:
        assert str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=60))
def test_noise_that_parses_is_answered(pipeline, noise):
    try:
        update = p4r.Update.FromString(noise)
    except DecodeError:
        return
    try:
        apply_update(pipeline.handlers, update)()
    except SoftswitchError as error:
        assert str(error)

# SPDX-License-Identifier: Apache-2.0
import pytest
from finsy.proto import p4r
from grpc import StatusCode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softswitch.p4runtime.batch import ENTITIES_PER_RESPONSE, MAX_RESPONSE_BYTES, read_batch, write_batch
from softswitch.p4runtime.entities import DELETE, INSERT, MODIFY, EntityHandler
from softswitch.p4runtime.pipeline import build_pipeline
from softswitch.p4runtime.status import BatchError
from softswitch.runtime.entries import ActionCall

CONTINUE = p4r.WriteRequest.CONTINUE_ON_ERROR
ROLLBACK = p4r.WriteRequest.ROLLBACK_ON_ERROR
ATOMIC = p4r.WriteRequest.DATAPLANE_ATOMIC

EVERYTHING = [
    p4r.Entity(table_entry=p4r.TableEntry(counter_data=p4r.CounterData(), meter_config=p4r.MeterConfig())),
    p4r.Entity(table_entry=p4r.TableEntry(is_default_action=True)),
    p4r.Entity(action_profile_member=p4r.ActionProfileMember()),
    p4r.Entity(action_profile_group=p4r.ActionProfileGroup()),
]


def mac_entry(names, mac: int, port: int | None = None, **fields) -> p4r.Entity:
    match = p4r.FieldMatch(field_id=1, exact=p4r.FieldMatch.Exact(value=bytes([mac])))
    action = names.action("send_counted", port) if port is not None else None
    return names.entry("l2", match, action=action, **fields)


def update(kind, entity: p4r.Entity) -> p4r.Update:
    return p4r.Update(type=kind, entity=entity)


async def state(pipeline) -> list[bytes]:
    """All that can be read, in an order that does not depend on history."""
    responses, failure = await read_batch(pipeline.handlers, EVERYTHING)
    assert failure is None
    entities = [entity for data in responses for entity in p4r.ReadResponse.FromString(data).entities]
    return sorted(entity.SerializeToString(deterministic=True) for entity in entities)


async def test_a_batch_goes_on_after_an_error_and_reports_each_update(pipeline, names):
    updates = [
        update(INSERT, mac_entry(names, 1, 1)),
        update(INSERT, mac_entry(names, 1, 1)),
        update(INSERT, mac_entry(names, 2, 600)),
        p4r.Update(entity=mac_entry(names, 3, 1)),
        p4r.Update(type=INSERT),
        update(INSERT, p4r.Entity(extern_entry=p4r.ExternEntry())),
        update(INSERT, mac_entry(names, 4, 1)),
    ]
    with pytest.raises(BatchError, match="5 of 7 updates failed") as caught:
        await write_batch(pipeline.handlers, updates, CONTINUE)
    status = caught.value.to_status()
    assert status.code == StatusCode.UNKNOWN.value[0]
    codes = []
    for detail in status.details:
        error = p4r.Error()
        assert detail.Unpack(error)
        assert bool(error.canonical_code) == bool(error.message)
        codes.append(error.canonical_code)
    assert codes == [0, 6, 11, 3, 3, 12, 0]
    assert len(pipeline.switch.tables["l2"]) == 2


@pytest.mark.parametrize("atomicity", [ROLLBACK, ATOMIC])
async def test_an_atomic_batch_that_fails_changes_nothing(pipeline, names, atomicity):
    await write_batch(pipeline.handlers, [update(INSERT, mac_entry(names, 1, 1, metadata=b"note"))], CONTINUE)
    before = await state(pipeline)
    updates = [
        update(MODIFY, mac_entry(names, 1, 2)),
        update(DELETE, mac_entry(names, 1)),
        update(INSERT, mac_entry(names, 2, 2)),
        update(MODIFY, names.entry("l2", action=names.action("punt", 1), is_default_action=True)),
        update(DELETE, mac_entry(names, 9)),
        update(INSERT, mac_entry(names, 3, 3)),
    ]
    with pytest.raises(BatchError, match=r"1 of 6 updates failed; the first: .*no entry with dst_mac=0x9") as caught:
        await write_batch(pipeline.handlers, updates, atomicity)
    aborted = StatusCode.ABORTED
    assert [error.code for error in caught.value.errors] == [aborted] * 4 + [StatusCode.NOT_FOUND, aborted]
    assert await state(pipeline) == before
    await write_batch(pipeline.handlers, updates[:4], atomicity)
    assert [entry.key for entry in pipeline.switch.tables["l2"]] == [(2,)]


KINDS = st.sampled_from([INSERT, MODIFY, DELETE])


@st.composite
def any_update(draw, names):
    kind = draw(KINDS)
    what = draw(st.sampled_from(["l2", "default", "acl", "one_shot"]))
    if what == "l2":
        counter = draw(st.none() | st.builds(p4r.CounterData, packet_count=st.integers(0, 9)))
        port = draw(st.none() | st.integers(0, 520))
        return update(kind, mac_entry(names, draw(st.integers(1, 3)), port, counter_data=counter))
    if what == "default":
        action = draw(st.none() | st.just(names.action("flood", 1)))
        return update(
            kind, names.entry("l2", action=action, is_default_action=True, metadata=draw(st.binary(max_size=2)))
        )
    if what == "acl":
        rates = draw(st.none() | st.builds(p4r.MeterConfig, cir=st.integers(0, 2), pir=st.integers(0, 2)))
        action = names.action(draw(st.sampled_from(["allow", "deny"])))
        return update(kind, names.entry("acl", action=action, priority=draw(st.integers(1, 2)), meter_config=rates))
    entity = names.entry("ecmp", p4r.FieldMatch(field_id=1, exact=p4r.FieldMatch.Exact(value=b"\1")))
    for port in draw(st.lists(st.integers(0, 3), max_size=3)):
        entity.table_entry.action.action_profile_action_set.action_profile_actions.add(
            action=names.action("send", port), weight=1
        )
    return update(kind, entity)


def rich_state(names) -> list[p4r.Update]:
    """Something of every kind that `any_update` changes, with every property that an undo could forget."""
    note = {"metadata": b"note", "controller_metadata": 5, "counter_data": p4r.CounterData(packet_count=7)}
    one_shot = names.entry("ecmp", p4r.FieldMatch(field_id=1, exact=p4r.FieldMatch.Exact(value=b"\1")))
    one_shot.table_entry.action.action_profile_action_set.action_profile_actions.add(
        action=names.action("send", 1), weight=2
    )
    rates = p4r.MeterConfig(cir=1, pir=2)
    return [
        update(INSERT, mac_entry(names, 1, 1, **note)),
        update(INSERT, mac_entry(names, 2, 2, **note)),
        update(MODIFY, names.entry("l2", action=names.action("punt", 1), is_default_action=True, **note)),
        update(INSERT, names.entry("acl", action=names.action("deny"), priority=1, meter_config=rates)),
        update(INSERT, one_shot),
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_whatever_is_rolled_back_leaves_the_same_state(info, switch_of, names, data):
    pipeline = build_pipeline(p4r.ForwardingPipelineConfig(p4info=info), switch_of(info))
    await write_batch(pipeline.handlers, rich_state(names), CONTINUE)
    before = await state(pipeline)
    impossible = p4r.Update(type=INSERT)
    accepted = []
    for step in data.draw(st.lists(any_update(names), min_size=1, max_size=6)):
        try:
            await write_batch(pipeline.handlers, [*accepted, step, impossible], ROLLBACK)
        except BatchError as error:
            if error.errors[-1].code is StatusCode.INVALID_ARGUMENT:
                accepted.append(step)
    assert await state(pipeline) == before


async def test_reads_report_each_request_and_return_the_good_ones(pipeline, names):
    await write_batch(pipeline.handlers, [update(INSERT, mac_entry(names, 1, 1))], CONTINUE)
    requests = [names.entry("l2"), p4r.Entity(), p4r.Entity(table_entry=p4r.TableEntry(table_id=1))]
    responses, failure = await read_batch(pipeline.handlers, requests)
    assert sum(len(p4r.ReadResponse.FromString(data).entities) for data in responses) == 1
    assert [error and error.code for error in failure.errors] == [None] + [StatusCode.INVALID_ARGUMENT] * 2


async def test_large_reads_come_in_chunks(pipeline, names):
    table = pipeline.switch.tables["l2"]
    for mac in range(2 * ENTITIES_PER_RESPONSE + 1):
        table.insert((mac,), ActionCall("send_counted", (1,)), metadata=bytes(8192))
    responses, failure = await read_batch(pipeline.handlers, [names.entry("l2")])
    assert failure is None
    assert all(len(data) <= MAX_RESPONSE_BYTES for data in responses)
    macs = [
        int.from_bytes(entity.table_entry.match[0].exact.value, "big")
        for data in responses
        for entity in p4r.ReadResponse.FromString(data).entities
    ]
    assert macs == list(range(2 * ENTITIES_PER_RESPONSE + 1))


class Broken(EntityHandler):
    def write(self, kind, entity):
        raise ZeroDivisionError

    def read(self, entity):
        raise ZeroDivisionError


@pytest.mark.parametrize("atomicity", [CONTINUE, ROLLBACK])
async def test_a_defect_is_internal_and_hurts_only_its_update(pipeline, names, atomicity):
    handlers = {**pipeline.handlers, "extern_entry": Broken()}
    entity = p4r.Entity(extern_entry=p4r.ExternEntry())
    with pytest.raises(BatchError) as caught:
        await write_batch(handlers, [update(INSERT, entity)], atomicity)
    assert [error.code for error in caught.value.errors] == [StatusCode.INTERNAL]
    responses, failure = await read_batch(handlers, [entity, names.entry("fixed")])
    assert [error and error.code for error in failure.errors] == [StatusCode.INTERNAL, None]
    assert responses

# SPDX-License-Identifier: Apache-2.0
"""Everything that is not a table entry."""

import pytest
from finsy.proto import p4d, p4r
from grpc import StatusCode

from softswitch.errors import SoftswitchError
from softswitch.p4runtime.entities import DELETE, INSERT, MODIFY, to_status_error


def refused(handler, kind, entity) -> tuple[StatusCode, str]:
    with pytest.raises(SoftswitchError) as caught:
        handler.write(kind, entity)
    error = to_status_error(caught.value)
    return error.code, error.message


class Profile:
    """Members, groups and table entries of the selector `ways`."""

    def __init__(self, pipeline, names) -> None:
        self.members = pipeline.handlers["action_profile_member"]
        self.groups = pipeline.handlers["action_profile_group"]
        self.entries = pipeline.handlers["table_entry"]
        self.names = names
        self.profile_id = names.id_of("action_profiles", "ways")

    def member(self, number: int, port: int | None = None) -> p4r.Entity:
        message = p4r.ActionProfileMember(action_profile_id=self.profile_id, member_id=number)
        if port is not None:
            message.action.CopyFrom(self.names.action("send", port))
        return p4r.Entity(action_profile_member=message)

    def group(self, number: int, *members: tuple[int, int], max_size: int = 0, watch_port: bytes = b"") -> p4r.Entity:
        message = p4r.ActionProfileGroup(action_profile_id=self.profile_id, group_id=number, max_size=max_size)
        for member_id, weight in members:
            item = message.members.add(member_id=member_id, weight=weight)
            if watch_port:
                item.watch_port = watch_port
        return p4r.Entity(action_profile_group=message)

    def entry(self, port: int, action: p4r.TableAction) -> p4r.Entity:
        match = p4r.FieldMatch(field_id=1, exact=p4r.FieldMatch.Exact(value=bytes([port])))
        entity = self.names.entry("ecmp", match)
        entity.table_entry.action.CopyFrom(action)
        return entity

    def one_shot(self, *ways: tuple[int, int, bytes], **fields) -> p4r.TableAction:
        action_set = p4r.ActionProfileActionSet(**fields)
        for port, weight, watch_port in ways:
            item = action_set.action_profile_actions.add(action=self.names.action("send", port), weight=weight)
            if watch_port:
                item.watch_port = watch_port
        return p4r.TableAction(action_profile_action_set=action_set)


@pytest.fixture
def profile(pipeline, names):
    return Profile(pipeline, names)


def test_members_and_groups_live_and_die_in_order(profile):
    profile.members.write(INSERT, profile.member(1, 1))
    profile.members.write(INSERT, profile.member(2, 2))
    profile.groups.write(INSERT, profile.group(1, (1, 1), (2, 3), watch_port=b"\0\x05"))
    profile.entries.write(INSERT, profile.entry(1, p4r.TableAction(action_profile_group_id=1)))
    profile.entries.write(INSERT, profile.entry(2, p4r.TableAction(action_profile_member_id=2)))
    assert refused(profile.members, DELETE, profile.member(1))[0] is StatusCode.FAILED_PRECONDITION
    assert refused(profile.groups, DELETE, profile.group(1))[0] is StatusCode.FAILED_PRECONDITION
    (group,) = profile.groups.read(profile.group(0))
    assert group == profile.group(1, (1, 1), (2, 3), watch_port=b"\x05")
    assert len(list(profile.members.read(p4r.Entity(action_profile_member=p4r.ActionProfileMember())))) == 2
    profile.members.write(MODIFY, profile.member(1, 4))
    (member,) = profile.members.read(profile.member(1))
    assert member.action_profile_member.action.params[0].value == b"\x04"
    profile.groups.write(MODIFY, profile.group(1, (2, 1)))
    profile.entries.write(DELETE, profile.entry(1, p4r.TableAction()))
    profile.groups.write(DELETE, profile.group(1))
    profile.members.write(DELETE, profile.member(1))
    assert refused(profile.members, DELETE, profile.member(2))[0] is StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize(
    ("make", "code", "message"),
    [
        (lambda p: ("members", INSERT, p.member(0, 1)), StatusCode.INVALID_ARGUMENT, "member_id is 0"),
        (lambda p: ("members", INSERT, p.member(1, 1)), StatusCode.ALREADY_EXISTS, "member 1 exists"),
        (lambda p: ("members", INSERT, p.member(5)), StatusCode.INVALID_ARGUMENT, "member 5: action is not set"),
        (lambda p: ("members", MODIFY, p.member(5, 1)), StatusCode.NOT_FOUND, "no member 5"),
        (lambda p: ("members", DELETE, p.member(5)), StatusCode.NOT_FOUND, "no member 5"),
        (lambda p: ("groups", INSERT, p.group(0)), StatusCode.INVALID_ARGUMENT, "group_id is 0"),
        (lambda p: ("groups", INSERT, p.group(1)), StatusCode.ALREADY_EXISTS, "group 1 exists"),
        (lambda p: ("groups", INSERT, p.group(2, (9, 1))), StatusCode.NOT_FOUND, "no member 9"),
        (lambda p: ("groups", INSERT, p.group(2, (1, 0))), StatusCode.INVALID_ARGUMENT, "weight is 0"),
        (lambda p: ("groups", INSERT, p.group(2, (1, 1), (1, 1))), StatusCode.INVALID_ARGUMENT, "given twice"),
        (
            lambda p: ("groups", INSERT, p.group(2, (1, 5), max_size=4)),
            StatusCode.INVALID_ARGUMENT,
            "above its max_size",
        ),
        (lambda p: ("groups", MODIFY, p.group(1, max_size=4)), StatusCode.INVALID_ARGUMENT, "cannot change"),
        (lambda p: ("groups", MODIFY, p.group(2)), StatusCode.NOT_FOUND, "no group 2"),
        (
            lambda p: ("groups", INSERT, p.group(2, (1, 1), watch_port=b"\x02\0")),
            StatusCode.INVALID_ARGUMENT,
            "not a port",
        ),
        (
            lambda p: ("entries", INSERT, p.entry(1, p4r.TableAction(action_profile_group_id=9))),
            StatusCode.NOT_FOUND,
            "9",
        ),
        (
            lambda p: ("entries", INSERT, p.entry(1, p4r.TableAction(action_profile_member_id=0))),
            StatusCode.INVALID_ARGUMENT,
            "0",
        ),
        (lambda p: ("entries", INSERT, p.entry(1, p.one_shot((1, 1, b"")))), StatusCode.INVALID_ARGUMENT, "beside"),
    ],
)
def test_wrong_members_and_groups_are_refused(profile, make, code, message):
    profile.members.write(INSERT, profile.member(1, 1))
    profile.groups.write(INSERT, profile.group(1, (1, 1)))
    handler, kind, entity = make(profile)
    got, text = refused(getattr(profile, handler), kind, entity)
    assert got is code, text
    assert message in text
    assert len(profile.groups._profiles[profile.profile_id].profile.groups) == 1


def test_one_shot_sets_read_back_as_written(profile):
    written = profile.one_shot((1, 1, b"\x01"), (1, 2, b""), (2, 1, b"\x02"))
    entity = profile.entry(1, written)
    profile.entries.write(INSERT, entity)
    (found,) = profile.entries.read(profile.names.entry("ecmp"))
    assert [
        (item.action.params[0].value, item.weight, item.watch_port)
        for item in found.table_entry.action.action_profile_action_set.action_profile_actions
    ] == [(b"\x01", 1, b"\x01"), (b"\x01", 2, b""), (b"\x02", 1, b"\x02")]
    assert list(profile.members.read(profile.member(0))) == []
    assert refused(profile.members, INSERT, profile.member(1, 1))[0] is StatusCode.INVALID_ARGUMENT
    profile.entries.write(DELETE, entity)
    profile.members.write(INSERT, profile.member(1, 1))


@pytest.mark.parametrize(
    ("ways", "fields", "code"),
    [
        ([(1, 0, b"")], {}, StatusCode.INVALID_ARGUMENT),
        ([(1, -1, b"")], {}, StatusCode.INVALID_ARGUMENT),
        ([], {}, StatusCode.INVALID_ARGUMENT),
        ([(512, 1, b"")], {}, StatusCode.OUT_OF_RANGE),
        ([(1, 1, b"")], {"action_selection_mode": p4r.ActionProfileActionSet.RANDOM}, StatusCode.UNIMPLEMENTED),
        ([(1, 1, b"")], {"size_semantics": p4r.ActionProfileActionSet.SUM_OF_MEMBERS}, StatusCode.UNIMPLEMENTED),
    ],
)
def test_wrong_one_shot_sets_are_refused(profile, ways, fields, code):
    assert refused(profile.entries, INSERT, profile.entry(1, profile.one_shot(*ways, **fields)))[0] is code


def test_the_selection_mode_of_a_one_shot_set_is_given_back(profile):
    mode = p4r.ActionProfileActionSet.HASH
    profile.entries.write(INSERT, profile.entry(1, profile.one_shot((1, 1, b""), action_selection_mode=mode)))
    (found,) = profile.entries.read(profile.names.entry("ecmp"))
    assert found.table_entry.action.action_profile_action_set.action_selection_mode == mode


def _multicast(group_id: int, *replicas: tuple[bytes, int], **fields) -> p4r.Entity:
    group = p4r.MulticastGroupEntry(multicast_group_id=group_id, **fields)
    for port, instance in replicas:
        group.replicas.add(port=port, instance=instance)
    return p4r.Entity(packet_replication_engine_entry=p4r.PacketReplicationEngineEntry(multicast_group_entry=group))


def _clone(session_id: int, *ports: int, **fields) -> p4r.Entity:
    session = p4r.CloneSessionEntry(session_id=session_id, **fields)
    for port in ports:
        session.replicas.add(egress_port=port, instance=1)
    return p4r.Entity(packet_replication_engine_entry=p4r.PacketReplicationEngineEntry(clone_session_entry=session))


def test_multicast_groups(pipeline):
    handler = pipeline.handlers["packet_replication_engine_entry"]
    handler.write(INSERT, _multicast(1, (b"\0\x01", 1), (b"\x02", 2), metadata=b"note"))
    assert list(handler.read(_multicast(0))) == [_multicast(1, (b"\x01", 1), (b"\x02", 2), metadata=b"note")]
    assert refused(handler, INSERT, _multicast(1))[0] is StatusCode.ALREADY_EXISTS
    assert refused(handler, INSERT, _multicast(0))[0] is StatusCode.INVALID_ARGUMENT
    assert refused(handler, MODIFY, _multicast(2))[0] is StatusCode.NOT_FOUND
    assert refused(handler, INSERT, _multicast(2, (b"\x01", 1), (b"\x01", 1)))[0] is StatusCode.INVALID_ARGUMENT
    assert refused(handler, INSERT, _multicast(2, (b"\x02\0", 1)))[0] is StatusCode.INVALID_ARGUMENT
    handler.write(MODIFY, _multicast(1, (b"\x03", 1)))
    assert [replica.port for replica in pipeline.switch.multicast[1]] == [3]
    handler.write(DELETE, _multicast(1))
    assert refused(handler, DELETE, _multicast(1))[0] is StatusCode.NOT_FOUND
    assert list(handler.read(_multicast(1))) == []


def test_backup_replicas_are_unimplemented(pipeline):
    entity = _multicast(1, (b"\x01", 1))
    entity.packet_replication_engine_entry.multicast_group_entry.replicas[0].backup_replicas.add(port=b"\x02")
    handler = pipeline.handlers["packet_replication_engine_entry"]
    assert refused(handler, INSERT, entity)[0] is StatusCode.UNIMPLEMENTED


def test_clone_sessions(pipeline):
    handler = pipeline.handlers["packet_replication_engine_entry"]
    written = _clone(7, 510, 1, packet_length_bytes=64)
    handler.write(INSERT, written)
    assert list(handler.read(_clone(0))) == [written]
    assert pipeline.switch.clone_sessions[7].packet_length_bytes == 64
    assert refused(handler, INSERT, _clone(7))[0] is StatusCode.ALREADY_EXISTS
    assert refused(handler, INSERT, _clone(0))[0] is StatusCode.INVALID_ARGUMENT
    undo = handler.write(DELETE, _clone(7))
    assert not pipeline.switch.clone_sessions
    undo()
    assert list(handler.read(_clone(7))) == [written]


def test_counters(pipeline, names):
    handler = pipeline.handlers["counter_entry"]
    counter_id = names.id_of("counters", "port_counter")

    def entity(index: int | None = None, packets: int | None = None) -> p4r.Entity:
        message = p4r.CounterEntry(counter_id=counter_id)
        if index is not None:
            message.index.index = index
        if packets is not None:
            message.data.packet_count = packets
        return p4r.Entity(counter_entry=message)

    handler.write(MODIFY, entity(3, 9))
    (found,) = handler.read(entity(3))
    assert found.counter_entry.data.packet_count == 9
    assert len(list(handler.read(entity()))) == 512
    handler.write(MODIFY, entity(3))
    assert pipeline.switch.counters["port_counter"].read(3) == (9, 0)
    undo = handler.write(MODIFY, entity(packets=1))
    assert {found.counter_entry.data.packet_count for found in handler.read(entity())} == {1}
    undo()
    assert pipeline.switch.counters["port_counter"].read(3) == (9, 0)
    assert refused(handler, MODIFY, entity(512))[0] is StatusCode.OUT_OF_RANGE
    assert refused(handler, MODIFY, entity(-1))[0] is StatusCode.INVALID_ARGUMENT
    assert refused(handler, INSERT, entity(1))[0] is StatusCode.INVALID_ARGUMENT


def test_meters(pipeline, names):
    handler = pipeline.handlers["meter_entry"]
    meter_id = names.id_of("meters", "port_meter")
    rates = p4r.MeterConfig(cir=1, cburst=2, pir=3, pburst=4)

    def entity(index: int, config: p4r.MeterConfig | None = None) -> p4r.Entity:
        return p4r.Entity(meter_entry=p4r.MeterEntry(meter_id=meter_id, index=p4r.Index(index=index), config=config))

    handler.write(MODIFY, entity(2, rates))
    assert list(handler.read(entity(2))) == [entity(2, rates)]
    assert list(handler.read(entity(1))) == [entity(1)]
    handler.write(MODIFY, entity(2))
    assert list(handler.read(entity(2))) == [entity(2)]
    assert refused(handler, MODIFY, entity(16, rates))[0] is StatusCode.OUT_OF_RANGE
    wrong = p4r.MeterConfig(cir=1, cburst=2, pir=3, pburst=4, eburst=1)
    assert refused(handler, MODIFY, entity(2, wrong))[0] is StatusCode.INVALID_ARGUMENT


def test_registers(pipeline, names):
    handler = pipeline.handlers["register_entry"]
    register_id = names.id_of("registers", "hits")

    def entity(index: int | None, value: bytes | None = None) -> p4r.Entity:
        message = p4r.RegisterEntry(register_id=register_id)
        if index is not None:
            message.index.index = index
        if value is not None:
            message.data.bitstring = value
        return p4r.Entity(register_entry=message)

    handler.write(MODIFY, entity(2, b"\0\x07"))
    assert list(handler.read(entity(2))) == [entity(2, b"\x07")]
    assert len(list(handler.read(entity(None)))) == 8
    assert refused(handler, MODIFY, entity(2, b"\x01\0"))[0] is StatusCode.OUT_OF_RANGE
    assert refused(handler, MODIFY, entity(8, b"\x01"))[0] is StatusCode.OUT_OF_RANGE
    assert refused(handler, MODIFY, entity(2))[0] is StatusCode.INVALID_ARGUMENT
    wrong = entity(2)
    wrong.register_entry.data.CopyFrom(p4d.P4Data(bool=True))
    assert refused(handler, MODIFY, wrong)[0] is StatusCode.INVALID_ARGUMENT


def test_value_sets(pipeline, names):
    handler = pipeline.handlers["value_set_entry"]
    value_set_id = names.id_of("value_sets", "special_types")

    def entity(*values: int) -> p4r.Entity:
        message = p4r.ValueSetEntry(value_set_id=value_set_id)
        for value in values:
            member = message.members.add()
            member.match.add(field_id=1).exact.value = value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")
        return p4r.Entity(value_set_entry=message)

    handler.write(MODIFY, entity(0x800, 0x86DD))
    assert list(handler.read(entity())) == [entity(0x800, 0x86DD)]
    assert refused(handler, MODIFY, entity(1, 1))[0] is StatusCode.ALREADY_EXISTS
    assert refused(handler, MODIFY, entity(1, 2, 3, 4, 5))[0] is StatusCode.RESOURCE_EXHAUSTED
    assert refused(handler, INSERT, entity(1))[0] is StatusCode.INVALID_ARGUMENT
    assert list(handler.read(entity())) == [entity(0x800, 0x86DD)]
    handler.write(MODIFY, entity())
    assert list(handler.read(entity())) == [entity()]


def test_unknown_ids_are_refused_by_every_reader(pipeline):
    for entity in (
        p4r.Entity(table_entry=p4r.TableEntry(table_id=1)),
        p4r.Entity(counter_entry=p4r.CounterEntry(counter_id=1)),
        p4r.Entity(meter_entry=p4r.MeterEntry(meter_id=1)),
        p4r.Entity(register_entry=p4r.RegisterEntry(register_id=1)),
        p4r.Entity(value_set_entry=p4r.ValueSetEntry(value_set_id=1)),
        p4r.Entity(digest_entry=p4r.DigestEntry(digest_id=1)),
        p4r.Entity(action_profile_member=p4r.ActionProfileMember(action_profile_id=1)),
        p4r.Entity(action_profile_group=p4r.ActionProfileGroup(action_profile_id=1)),
    ):
        handler = pipeline.handlers[entity.WhichOneof("entity")]
        with pytest.raises(SoftswitchError, match="is not in the P4Info") as caught:
            list(handler.read(entity))
        assert to_status_error(caught.value).code is StatusCode.INVALID_ARGUMENT

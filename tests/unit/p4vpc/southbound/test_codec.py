# SPDX-License-Identifier: Apache-2.0
"""Entries survive the way to P4Runtime and back; what does not fit the pipeline never gets there."""

import pytest
from finsy.proto import p4r
from hypothesis import given
from hypothesis import strategies as st

from p4vpc.compiler.entries import (
    ActionCall,
    ActionSet,
    CloneEntry,
    Entry,
    Exact,
    Lpm,
    MulticastEntry,
    Range,
    TableEntry,
    Ternary,
    WeightedAction,
)
from p4vpc.reconcile import Operation, normalise
from p4vpc.southbound import DecodeError, EncodeError
from p4vpc.southbound.match_codec import canonical, number
from tests.unit.p4vpc.southbound.small_pipeline import small_pipeline

PIPELINE = small_pipeline()
CODEC = PIPELINE.codec

u8, u9, u16, u32, u48, u128 = (st.integers(0, 2**width - 1) for width in (8, 9, 16, 32, 48, 128))
local_host = st.builds(lambda *params: ActionCall("set_local_host", params), u9, u16, u48)
remote_host = st.builds(lambda *params: ActionCall("set_remote_host", params), u16, u48)
members = st.builds(
    lambda port, weight, watch: WeightedAction(ActionCall("set_next_hop", (port,)), weight, watch),
    u9,
    st.integers(1, 9),
    st.none() | u9,
)
entries: st.SearchStrategy[Entry] = st.one_of(
    st.builds(
        lambda vrf, address, action: TableEntry("hosts_v4", (Exact(vrf), Exact(address)), 0, action),
        u16,
        u32,
        local_host | remote_host,
    ),
    st.builds(
        lambda vrf, address, length, action: TableEntry("routes_v4", (Exact(vrf), Lpm(address, length)), 0, action),
        u16,
        u32,
        st.integers(0, 32),
        local_host | st.just(ActionCall("drop_route")),
    ),
    st.builds(
        lambda label, mask, protocol, bounds, priority: TableEntry(
            "policy",
            (Ternary(label, mask), Ternary(protocol or 0, 0 if protocol is None else 255), Range(*sorted(bounds))),
            priority,
            ActionCall("permit"),
        ),
        u16,
        u16,
        st.none() | u8,
        st.tuples(u16, u16),
        st.integers(1, 2**31 - 1),
    ),
    st.builds(
        lambda address, length, actions: TableEntry(
            "underlay_routes", (Lpm(address, length),), 0, ActionSet(tuple(actions))
        ),
        u32,
        st.integers(0, 32),
        st.lists(members, min_size=1, max_size=4),
    ),
    st.builds(
        lambda vrf, address, action: TableEntry("hosts_v6", (Exact(vrf), Exact(address)), 0, action),
        u16,
        u128,
        remote_host,
    ),
    st.builds(
        lambda address, length: TableEntry("routes_v6", (Exact(1), Lpm(address, length)), 0, ActionCall("drop_route")),
        u128,
        st.integers(0, 128),
    ),
    st.builds(
        lambda value, mask, bounds: TableEntry(
            "acl_v6", (Ternary(value, mask), Range(*sorted(bounds))), 1, ActionCall("deny")
        ),
        u128,
        u128,
        st.tuples(u128, u128),
    ),
    st.builds(
        lambda *params: TableEntry("tunnels_v6", (Exact(1),), 0, ActionCall("set_tunnel_v6", params)), u128, u128
    ),
    st.builds(
        lambda index, actions: TableEntry("tunnel_next_hops", (Exact(index),), 0, ActionSet(tuple(actions))),
        u16,
        st.lists(members, min_size=1, max_size=4),
    ),
    st.builds(
        lambda group, replicas: MulticastEntry(group, tuple(replicas)),
        st.integers(1, 2**32 - 1),
        st.lists(st.tuples(u9, u16), max_size=4),
    ),
    st.builds(
        lambda session, replicas, length: CloneEntry(session, tuple(replicas), length),
        st.integers(1, 2**32 - 1),
        st.lists(st.tuples(u9, u16), max_size=4),
        st.integers(0, 2**31 - 1),
    ),
)


def encoded(entry: Entry, operation: Operation = Operation.INSERT) -> p4r.Update:
    update = p4r.Update()
    update.MergeFromString(CODEC.encode(operation, entry))
    return update


@given(entries, st.sampled_from(Operation))
def test_what_is_encoded_is_decoded_to_the_same(entry: Entry, operation: Operation) -> None:
    entry = normalise(entry, PIPELINE.info.schema)
    update = encoded(entry, operation)
    assert update.type == operation.value
    assert CODEC.decode(p4r.Entity.FromString(update.entity.SerializeToString())) == entry


@given(st.integers(0, 2**64))
def test_byte_strings_are_canonical_and_read_with_any_padding(value: int) -> None:
    data = canonical(value)
    assert data == b"\0" or data[0] != 0
    assert number(data) == number(b"\0\0" + data) == value


def test_the_message_is_what_p4runtime_wants() -> None:
    entry = TableEntry("hosts_v4", (Exact(0), Exact(0x0A000001)), 0, ActionCall("set_remote_host", (7, 0xAABBCC)))
    message = encoded(entry).entity.table_entry
    assert message.table_id == 0x02000002
    assert [(match.field_id, match.exact.value) for match in message.match] == [(1, b"\0"), (2, b"\x0a\0\0\x01")]
    assert message.action.action.action_id == 0x01000003
    assert [(param.param_id, param.value) for param in message.action.action.params] == [
        (1, b"\x07"),
        (2, b"\xaa\xbb\xcc"),
    ]
    assert message.priority == 0


def test_the_end_of_a_range_has_the_width_of_its_field() -> None:
    # ICMP type 0 with any code; a target takes the single byte 0xff for the end of any field.
    update = encoded(TableEntry("policy", (Ternary(0, 0), Ternary(0, 0), Range(0, 255)), 1, ActionCall("permit")))
    [match] = update.entity.table_entry.match
    assert (match.range.low, match.range.high) == (b"\0", b"\0\xff")


def test_wildcards_are_left_out_and_come_back_as_wildcards() -> None:
    entry = TableEntry("policy", (Ternary(0, 0), Ternary(0, 0), Range(0, 65535)), 1, ActionCall("deny"))
    update = encoded(entry)
    assert not update.entity.table_entry.match
    assert CODEC.decode(update.entity) == entry


def test_padded_unmasked_and_explicit_wildcards_mean_the_same() -> None:
    update = encoded(TableEntry("policy", (Ternary(0, 0), Ternary(0, 0), Range(0, 65535)), 1, ActionCall("deny")))
    message = update.entity.table_entry
    ternary = message.match.add(field_id=1).ternary
    ternary.value, ternary.mask = b"\x12\x34", b"\xff\x00"
    bounds = message.match.add(field_id=3).range
    bounds.low, bounds.high = b"\x00\x00", b"\xff\xff"
    assert CODEC.decode(update.entity) == TableEntry(
        "policy", (Ternary(0x1200, 0xFF00), Ternary(0, 0), Range(0, 65535)), 1, ActionCall("deny")
    )


def test_a_member_of_somebody_else_equals_nothing_that_we_want() -> None:
    message = p4r.Entity()
    message.table_entry.table_id = 0x02000005
    message.table_entry.action.action_profile_group_id = 5
    assert CODEC.decode(message) == TableEntry("underlay_routes", (Lpm(0, 0),), 0, ActionSet(()))


@pytest.mark.parametrize("change", ["is_default_action", "is_const"])
def test_default_and_constant_entries_are_not_ours(change: str) -> None:
    update = encoded(TableEntry("tunnels", (Exact(1),), 0, ActionCall("set_tunnel", (1, 2))))
    setattr(update.entity.table_entry, change, True)
    assert CODEC.decode(update.entity) is None


def test_entries_of_constant_tables_are_not_ours() -> None:
    message = p4r.Entity(table_entry=p4r.TableEntry(table_id=0x02000007))
    assert CODEC.decode(message) is None


def tunnel_key(*key: Exact | Lpm) -> TableEntry:
    return TableEntry("tunnels", key, 0, ActionCall("set_tunnel", (1, 2)))


def policy(*key: Ternary | Range | Exact, priority: int = 1) -> TableEntry:
    return TableEntry("policy", key, priority, ActionCall("permit"))


def route(match: Lpm | Exact) -> TableEntry:
    return TableEntry("routes_v4", (Exact(1), match), 0, ActionCall("drop_route"))


ANY, PORTS = Ternary(0, 0), Range(0, 65535)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (TableEntry("nowhere", (), 0, ActionCall("permit")), "the pipeline has no table nowhere"),
        (tunnel_key(), "table tunnels: the key has 1 fields, the entry 0"),
        (tunnel_key(Exact(1), Exact(2)), "table tunnels: the key has 1 fields, the entry 2"),
        (tunnel_key(Lpm(1, 1)), "table tunnels, key field tunnel_index: a match of kind exact is needed"),
        (tunnel_key(Exact(65536)), "table tunnels, key field tunnel_index: .* is beyond its 16 bits"),
        (tunnel_key(Exact(-1)), "table tunnels, key field tunnel_index: .* is beyond its 16 bits"),
        (route(Exact(1)), "table routes_v4, key field dst_address: a match of kind lpm is needed"),
        (route(Lpm(0, 33)), "prefix length 33 is not in 0..32"),
        (route(Lpm(1, 31)), "value 0x1 has bits beyond its prefix of 31"),
        (route(Lpm(2**32, 32)), "is beyond its 32 bits"),
        (policy(Ternary(3, 1), ANY, PORTS), "src_label: value 0x3 has bits outside of its mask 0x1"),
        (policy(Ternary(0, 2**16), ANY, PORTS), "src_label: .* is beyond its 16 bits"),
        (policy(ANY, Ternary(6, 6), PORTS), "ip_protocol: an optional field is compared whole or not at all"),
        (policy(ANY, ANY, Range(2, 1)), "l4_dst_port: the range begins at 2, after its end 1"),
        (policy(ANY, ANY, Range(0, 65536)), "l4_dst_port: .* is beyond its 16 bits"),
        (policy(ANY, ANY, ANY), "l4_dst_port: a match of kind range is needed"),
        (policy(ANY, ANY, PORTS, priority=0), "table policy: priority 0 is not in 1.."),
        (
            TableEntry("tunnels", (Exact(1),), 3, ActionCall("set_tunnel", (1, 2))),
            "table tunnels takes no priority, the entry has 3",
        ),
        (TableEntry("tunnels", (Exact(1),), 0, ActionCall("permit")), "tunnels has no action permit, only set_tunnel"),
        (
            TableEntry("tunnels", (Exact(1),), 0, ActionCall("set_tunnel", (1,))),
            "table tunnels, action set_tunnel takes 2 parameters, the entry has 1",
        ),
        (
            TableEntry("tunnels", (Exact(1),), 0, ActionCall("set_tunnel", (1, 2**32))),
            "action set_tunnel: parameter dst_address is 4294967296, beyond its 32 bits",
        ),
        (
            TableEntry("tunnels", (Exact(1),), 0, ActionSet((WeightedAction(ActionCall("set_tunnel", (1, 2))),))),
            "table tunnels has no action selector",
        ),
        (
            TableEntry("underlay_routes", (Lpm(0, 0),), 0, ActionCall("set_next_hop", (1,))),
            "table underlay_routes has an action selector: it takes an action set",
        ),
        (TableEntry("underlay_routes", (Lpm(0, 0),), 0, ActionSet(())), "needs at least one member"),
        (
            TableEntry(
                "underlay_routes", (Lpm(0, 0),), 0, ActionSet((WeightedAction(ActionCall("set_next_hop", (1,)), 0),))
            ),
            "weight 0 is not positive",
        ),
        (MulticastEntry(0, ()), "multicast group 0 is not in 1.."),
        (MulticastEntry(1, ((1, -1),)), "multicast group 1: no replica has port 1, instance -1"),
        (CloneEntry(0, ()), "clone session 0 is not in 1.."),
        (CloneEntry(1, ((-1, 0),)), "clone session 1: no replica has port -1, instance 0"),
        (CloneEntry(1, ((1, 0),), -1), "clone session 1: no packet has -1 bytes"),
    ],
)
def test_what_does_not_fit_is_refused_with_table_field_and_reason(entry: Entry, reason: str) -> None:
    with pytest.raises(EncodeError, match=reason):
        encoded(entry)


def unknown_table() -> p4r.TableEntry:
    return p4r.TableEntry(table_id=0x02FFFFFF)


def unknown_field() -> p4r.TableEntry:
    message = p4r.TableEntry(table_id=0x02000001)
    message.match.add(field_id=9).exact.value = b"\1"
    return message


def unknown_action() -> p4r.TableEntry:
    message = p4r.TableEntry(table_id=0x02000001)
    message.action.action.action_id = 9
    return message


def missing_param() -> p4r.TableEntry:
    message = p4r.TableEntry(table_id=0x02000001)
    message.action.action.action_id = 0x01000001
    return message


@pytest.mark.parametrize("message", [unknown_table(), unknown_field(), unknown_action(), missing_param()])
def test_what_the_pipeline_does_not_have_is_not_decoded(message: p4r.TableEntry) -> None:
    with pytest.raises(DecodeError, match="the switch has sent"):
        CODEC.decode(p4r.Entity(table_entry=message))

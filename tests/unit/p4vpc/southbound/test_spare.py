# SPDX-License-Identifier: Apache-2.0
"""One member of each group watches no port where a target needs that, and nobody but the codec knows of it."""

from itertools import chain, combinations
from typing import Any

import grpc
import pytest
from finsy.proto import gnmi, gnmi_grpc, p4r
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from p4vpc.cli.serve import default_pipeline
from p4vpc.compiler import Origin, compile_switch
from p4vpc.compiler.entries import ActionCall, ActionSet, DesiredState, Exact, Lpm, TableEntry, WeightedAction
from p4vpc.intent import load_yaml
from p4vpc.reconcile import Operation
from p4vpc.reconcile.normalise import normalise_action_set
from p4vpc.southbound.codec import Codec
from p4vpc.southbound.pipeline import Pipeline
from p4vpc.southbound.port_states import has_gnmi
from p4vpc.southbound.rpc import RpcError
from p4vpc.southbound.spare import exchange
from tests.unit.p4vpc.compiler.test_compiler_underlay import EXAMPLE
from tests.unit.p4vpc.model.world import build
from tests.unit.p4vpc.southbound.small_pipeline import small_pipeline

PIPELINE = small_pipeline()

ports = st.integers(0, 5)
keys = st.tuples(st.builds(Lpm, st.integers(0, 2**32 - 1), st.integers(0, 32)))
anything = st.builds(
    lambda items: ActionSet(
        tuple(WeightedAction(ActionCall("set_next_hop", (port,)), weight, watch) for port, weight, watch in items)
    ),
    st.lists(st.tuples(ports, st.integers(1, 3), st.none() | ports), min_size=1, max_size=5),
)
compiled = st.builds(lambda chosen: next_hops(*sorted(chosen)), st.sets(ports, min_size=2))


def next_hops(*of: int) -> ActionSet:
    return ActionSet(tuple(WeightedAction(ActionCall("set_next_hop", (port,)), 1, port) for port in of))


def unwatched(actions: ActionSet) -> list[int]:
    return [member.action.params[0] for member in actions.members if member.watch_port is None]


def message(codec: Codec, entry: TableEntry) -> p4r.Entity:
    update = p4r.Update()
    update.MergeFromString(codec.encode(Operation.INSERT, entry))
    return update.entity


def watched_ports(entity: p4r.Entity) -> list[int | None]:
    """Of each member, as it is sent."""
    actions = entity.table_entry.action.action_profile_action_set.action_profile_actions
    return [int.from_bytes(it.watch_port, "big") if it.HasField("watch_port") else None for it in actions]


@given(keys, anything | compiled)
def test_exchanging_twice_leads_back_whatever_the_group(key: tuple[Lpm], actions: ActionSet) -> None:
    """So two groups that differ are read as two that differ."""
    once = exchange(key, actions)
    assert exchange(key, once) == normalise_action_set(actions)
    assert once == normalise_action_set(once)


@given(keys, compiled)
def test_of_several_next_hops_one_is_unwatched(key: tuple[Lpm], actions: ActionSet) -> None:
    spared = exchange(key, actions)
    assert len(unwatched(spared)) == 1
    assert [it._replace(watch_port=None) for it in spared.members] == [
        it._replace(watch_port=None) for it in actions.members
    ]


def test_a_single_next_hop_and_groups_of_somebody_else_are_left_as_they_are() -> None:
    single = ActionSet((WeightedAction(ActionCall("set_next_hop", (1,)), 1, None),))
    crossed = ActionSet(
        (
            WeightedAction(ActionCall("set_next_hop", (1,)), 1, 2),
            WeightedAction(ActionCall("set_next_hop", (2,)), 1, 1),
        )
    )
    for actions in (single, crossed, ActionSet(())):
        assert exchange((Exact(1),), actions) == actions


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_port_that_dies_is_not_the_unwatched_one_of_all_groups(count: int) -> None:
    actions = next_hops(*range(count))
    for entry_keys in ([Exact(n) for n in range(1, 25)], [Lpm(0x0A000000 + (n << 8), 24) for n in range(24)]):
        chosen = [unwatched(exchange((key,), actions))[0] for key in entry_keys]
        assert all(chosen.count(port) >= 24 // count // 2 for port in range(count)), chosen


def test_what_is_read_back_is_what_was_wanted_and_all_watched_is_not() -> None:
    entry = TableEntry("underlay_routes", (Lpm(0x0A000000, 8),), 0, next_hops(1, 2, 3))
    plain, sparing = PIPELINE.codec, PIPELINE.sparing_codec
    assert watched_ports(message(plain, entry)) == [1, 2, 3]
    assert watched_ports(message(sparing, entry)).count(None) == 1
    assert sparing.decode(message(sparing, entry)) == entry
    assert plain.decode(message(plain, entry)) == entry
    assert sparing.decode(message(plain, entry)) != entry, "written before, or by somebody else: it is put right"
    assert plain.decode(message(sparing, entry)) != entry


def test_every_group_of_the_example_keeps_a_member_whatever_links_are_down() -> None:
    """What is written to BMv2 over all compiled states: with all ports down no group is empty."""
    pipeline = Pipeline.load(default_pipeline())
    model = build(load_yaml(EXAMPLE.read_text(), "example"))
    links = [Origin("link", f"leaf{leaf}-spine{spine}") for leaf in (1, 2, 3) for spine in (1, 2)]
    groups: dict[bool, int] = {True: 0, False: 0}
    for down in chain.from_iterable(combinations(links, number) for number in range(4)):
        for switch in model.switches:
            for entry in selected(compile_switch(model, switch, down_links=frozenset(down))):
                watched = watched_ports(message(pipeline.sparing_codec, entry))
                assert watched.count(None) == 1
                all_watched = watched_ports(message(pipeline.codec, entry))
                assert all_watched.count(None) == (len(all_watched) == 1), "other targets keep all watch ports"
                groups[len(watched) > 1] += 1
    assert min(groups.values()) > 0


class Gnmi(gnmi_grpc.gNMIServicer):
    """Answers Capabilities, or with an error."""

    def __init__(self, code: grpc.StatusCode):
        self._code = code

    @override
    async def Capabilities(self, request: gnmi.CapabilityRequest, context: Any) -> gnmi.CapabilityResponse:
        if self._code is not grpc.StatusCode.OK:
            await context.abort(self._code, "so it is")
        return gnmi.CapabilityResponse(gNMI_version="0.10.0")


@pytest.mark.parametrize(
    ("code", "is_there"),
    [
        (grpc.StatusCode.OK, True),
        (grpc.StatusCode.PERMISSION_DENIED, True),
        (grpc.StatusCode.UNIMPLEMENTED, False),
        (grpc.StatusCode.UNAVAILABLE, None),
    ],
)
async def test_what_counts_as_gnmi(code: grpc.StatusCode, is_there: bool | None) -> None:
    """Who refuses us has it; who cannot be reached is asked again."""
    server = grpc.aio.server()
    gnmi_grpc.add_gNMIServicer_to_server(Gnmi(code), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            if is_there is None:
                with pytest.raises(RpcError, match="gNMI capabilities: UNAVAILABLE: so it is"):
                    await has_gnmi(channel, 20.0)
            else:
                assert await has_gnmi(channel, 20.0) is is_there
    finally:
        await server.stop(grace=None)


def selected(state: DesiredState) -> list[TableEntry]:
    """The entries that are groups."""
    entries = (desired.entry for desired in state.values())
    return [entry for entry in entries if isinstance(entry, TableEntry) and isinstance(entry.action, ActionSet)]

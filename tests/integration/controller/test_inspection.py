# SPDX-License-Identifier: Apache-2.0
"""What a switch does behind our back: other entries than were written, lost ones, and ones that make no sense."""

import pytest
from finsy.proto import p4r, rpc_code

from p4vpc.compiler.entries import ActionCall, Origin, TableEntry
from p4vpc.reconcile import Operation
from p4vpc.southbound import AgentOptions, SwitchState, refusals
from p4vpc.southbound.readback import parts_of
from tests.integration.controller.fake_switch import FakeSwitch, identity_of
from tests.integration.controller.test_agent import FULL, PIPELINE, host, rule, running, state, switch, tunnel
from tests.unit.p4vpc.southbound.small_pipeline import TABLES

__all__ = ("switch",)

INSPECTING = AgentOptions(batch_size=4, first_backoff=0.01, last_backoff=0.05, inspection_round=0.1)
POLICY = TABLES["policy"][0]


def entity(entry: TableEntry) -> p4r.Entity:
    update = p4r.Update()
    update.MergeFromString(PIPELINE.codec.encode(Operation.INSERT, entry))
    return update.entity


async def test_what_somebody_else_has_changed_is_found_and_put_right_and_nothing_else_is_written(
    switch: FakeSwitch,
) -> None:
    """An entry that is gone, one with another action, and one that nobody wants."""
    async with running(switch, options=INSPECTING) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
        right, writes = dict(switch.entries), switch.updates
        del switch.entries[identity_of(entity(tunnel(1)))]
        other = TableEntry("tunnels", tunnel(2).key, 0, ActionCall("set_tunnel", (7, 7)))
        for entry in (other, rule(9)):
            switch.entries[identity_of(entity(entry))] = entity(entry)
        await switch.until(lambda: switch.entries == right)
        status = await watched.until(lambda status: status.has_realised(1) and status.state is SwitchState.READY)
        assert (status.entries_drifted, switch.updates - writes) == (3, 3)
        assert (status.problems, status.entries) == ((), len(FULL))


async def test_a_settled_switch_is_read_part_by_part_and_never_written(switch: FakeSwitch) -> None:
    async with running(switch, options=INSPECTING) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
        writes, asked = switch.writes, len(switch.asked)
        parts = parts_of(PIPELINE.codec)
        await switch.until(lambda: len(switch.asked) >= asked + 3 * len(parts))
        reads = [it.SerializeToString() for entities in switch.asked[asked:] for it in entities]
        assert len(reads) == len(switch.asked) - asked, "one part in each read"
        assert set(reads[: len(parts)]) == {part.wildcard.SerializeToString() for part in parts}
        assert (watched.agent.status.entries_drifted, switch.writes) == (0, writes)


async def test_a_table_that_acknowledges_and_forgets_is_reported_with_the_objects_that_miss_it(
    switch: FakeSwitch,
) -> None:
    """It is found by inspection, tried again, and right as soon as the switch keeps what it is told."""
    switch.forgetful_tables.add(POLICY)
    async with running(switch, options=INSPECTING) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))  # so the switch says
        status = await watched.until(lambda status: bool(status.problems) and status.has_settled(1))
        assert not status.has_realised(1)
        assert [(problem.table, problem.origins) for problem in status.problems] == [
            ("policy", (Origin("port", "red/prod/5"),))
        ]
        assert status.problems[0].reason == "it was acknowledged, but not done"
        switch.forgetful_tables.clear()
        status = await watched.until(lambda status: status.has_realised(1))
        assert (status.problems, len(switch.entries)) == ((), len(FULL))


async def test_entries_that_make_no_sense_are_told_and_the_rest_is_managed(switch: FakeSwitch) -> None:
    garbage = p4r.Entity(table_entry=p4r.TableEntry(table_id=0x02FFFFFF))
    nonsense = entity(rule(7))
    nonsense.table_entry.action.action.action_id = 0x01FFFFFF
    switch.garbage += [garbage, nonsense]
    async with running(switch, options=INSPECTING) as watched:
        watched.agent.set_desired(state(1, *FULL))
        status = await watched.until(lambda status: status.has_realised(1))
        assert "2 entries make no sense; the first: the switch has sent an entry of table 0x2ffffff" in status.error
        assert (status.state, len(switch.entries)) == (SwitchState.READY, len(FULL))
        asked = len(switch.asked)
        watched.agent.set_desired(state(2, *FULL, tunnel(3), host(4, 3)))
        await watched.until(lambda status: status.has_realised(2))
        await switch.until(lambda: len(switch.asked) > asked + 2 * len(parts_of(PIPELINE.codec)))
        assert (len(switch.entries), watched.agent.status.entries_drifted) == (len(FULL) + 2, 0)


async def test_an_entry_that_is_garbled_when_read_is_not_written_over_and_over(switch: FakeSwitch) -> None:
    """It is there, cannot be read, and cannot be inserted: that is reported, and heals by itself."""
    async with running(switch, options=INSPECTING) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
        key = identity_of(entity(rule(5)))
        right = switch.entries.pop(key)
        garbled = p4r.Entity.FromString(right.SerializeToString())
        garbled.table_entry.action.action.action_id = 0x01FFFFFF
        switch.entries[key] = garbled
        status = await watched.until(lambda status: bool(status.problems) and status.state is SwitchState.READY)
        assert status.error
        assert status.problems[0].origins == (Origin("port", "red/prod/5"),)
        assert status.problems[0].reason.startswith("ALREADY_EXISTS")
        switch.entries[key] = right
        status = await watched.until(lambda status: status.has_realised(1) and not status.error)
        assert status.problems == ()


async def test_freed_room_is_used_at_once(switch: FakeSwitch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch that holds less than its P4Info says; only the room that another entry leaves can help."""
    monkeypatch.setattr(refusals, "FIRST_RETRY_SECONDS", 3600.0)
    monkeypatch.setattr(refusals, "LAST_RETRY_SECONDS", 3600.0)
    switch.capacities[POLICY] = 2
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, rule(1), rule(2), rule(3)))
        status = await watched.until(lambda status: status.has_settled(1))
        (problem,) = status.problems
        assert problem.reason.startswith("RESOURCE_EXHAUSTED")
        ((kind, key),) = problem.origins
        lost = int(key.rpartition("/")[2])
        kept = [rule(number) for number in (1, 2, 3) if number != lost][:1]
        watched.agent.set_desired(state(2, rule(lost), *kept))
        status = await watched.until(lambda status: status.has_realised(2))
        assert (status.problems, len(switch.entries), kind) == ((), 2, "port")


async def test_a_refused_entry_that_changes_is_tried_at_once(
    switch: FakeSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "FIRST_RETRY_SECONDS", 3600.0)
    switch.refused_tables[POLICY] = rpc_code.INVALID_ARGUMENT
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, rule(1)))
        await watched.until(lambda status: status.has_settled(1))
        switch.refused_tables.clear()
        watched.agent.set_desired(state(2, TableEntry("policy", rule(1).key, 10, ActionCall("deny"))))
        await watched.until(lambda status: status.has_realised(2))
        assert len(switch.entries) == 1

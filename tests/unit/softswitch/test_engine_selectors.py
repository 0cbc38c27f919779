# SPDX-License-Identifier: Apache-2.0
"""Action profiles and selectors: references, weights, watch ports, one-shot groups, empty groups."""

from collections import Counter
from collections.abc import Callable

import pytest

from softswitch.errors import (
    EntryExistsError,
    EntryInUseError,
    EntryNotFoundError,
    InvalidEntryError,
    TableFullError,
)
from softswitch.runtime import (
    ActionCall,
    ActionProfile,
    ActionSet,
    GroupMember,
    GroupRef,
    MemberRef,
    Switch,
    Table,
    WeightedAction,
)

SELECTED = 6


def to_port(port: int) -> ActionCall:
    return ActionCall("TheIngress.set_port", (port, 0))


@pytest.fixture
def switch(make_switch: Callable[[str], Switch]) -> Switch:
    return make_switch("tables")


@pytest.fixture
def table(switch: Switch) -> Table:
    return switch.tables["TheIngress.selected"]


@pytest.fixture
def profile(switch: Switch) -> ActionProfile:
    return switch.action_profiles["TheIngress.paths"]


def spread(switch: Switch, flows: int = 400) -> Counter[int]:
    """Ports that many flows of entry 1 take."""
    ports: Counter[int] = Counter()
    for flow in range(flows):
        frame = bytes([SELECTED]) + (1).to_bytes(2, "big") + flow.to_bytes(4, "big") + bytes(3)
        ((port, _),) = switch.process(0, frame)
        ports[port] += 1
    return ports


def test_member(switch: Switch, table: Table, profile: ActionProfile) -> None:
    profile.insert_member(7, to_port(3))
    entry = table.insert((1,), MemberRef(7))
    assert set(spread(switch)) == {3}
    profile.modify_member(7, to_port(4))
    assert set(spread(switch)) == {4}
    with pytest.raises(EntryInUseError):
        profile.delete_member(7)
    table.delete(entry.key)
    profile.delete_member(7)
    assert not profile.members


def test_group_follows_weights_and_members(switch: Switch, table: Table, profile: ActionProfile) -> None:
    for member in (1, 2, 3):
        profile.insert_member(member, to_port(member))
    profile.insert_group(9, [GroupMember(1, 1), GroupMember(2, 3)])
    table.insert((1,), GroupRef(9))
    ports = spread(switch)
    assert set(ports) == {1, 2}
    assert 2 < ports[2] / ports[1] < 4
    profile.modify_group(9, [GroupMember(3)])
    assert set(spread(switch)) == {3}
    profile.modify_member(3, to_port(5))
    assert set(spread(switch)) == {5}


def test_flow_keeps_its_member(switch: Switch, table: Table) -> None:
    table.insert((1,), ActionSet(tuple(WeightedAction(to_port(port)) for port in range(1, 9))))
    frame = bytes([SELECTED, 0, 1]) + bytes(7)
    assert len({switch.process(0, frame)[0][0] for _ in range(20)}) == 1


def test_watched_port_down_is_skipped_and_comes_back(switch: Switch, table: Table, profile: ActionProfile) -> None:
    table.insert((1,), ActionSet((WeightedAction(to_port(1), 1, 1), WeightedAction(to_port(2), 1, 2))))
    before = spread(switch)
    switch.set_port_up(1, False)
    assert not switch.is_port_up(1)
    assert set(spread(switch)) == {2}
    switch.set_port_up(1, True)
    assert spread(switch) == before
    profile.insert_member(1, to_port(1))
    profile.insert_group(1, [GroupMember(1, watch_port=4)])
    switch.set_port_up(4, False)
    table.modify((1,), GroupRef(1))
    assert set(spread(switch)) == {1}, "with no member left nothing happens, so the program's own choice stays"
    assert profile.group(1).live[0].code == -1


def test_group_made_while_its_port_is_down(switch: Switch, table: Table) -> None:
    switch.set_port_up(1, False)
    table.insert((1,), ActionSet((WeightedAction(to_port(1), 1, 1), WeightedAction(to_port(2), 1, 2))))
    assert set(spread(switch)) == {2}


def test_empty_group_hits_and_does_nothing(switch: Switch, table: Table, profile: ActionProfile) -> None:
    profile.insert_group(1, [])
    table.insert((1,), GroupRef(1))
    ((port, frame),) = switch.process(0, bytes([SELECTED, 0, 1]) + bytes(7))
    assert (port, frame[9], frame[10]) == (1, 1, 0)


def test_one_shot_group_lives_with_its_entry(table: Table, profile: ActionProfile) -> None:
    actions = ActionSet((WeightedAction(to_port(1)), WeightedAction(to_port(2))))
    for key in range(7):
        table.insert((key,), actions)
    assert profile.has_one_shot_groups
    table.insert((7,), actions)
    with pytest.raises(TableFullError, match="holds 16 members"):
        table.insert((8,), actions)
    assert len(table) == 8
    table.modify((7,), ActionSet((WeightedAction(to_port(1)),)))
    table.delete((0,))
    table.insert((8,), actions)
    table.clear()
    assert not profile.has_one_shot_groups


def test_refusals(table: Table, profile: ActionProfile, switch: Switch) -> None:
    profile.insert_member(1, to_port(1))
    with pytest.raises(EntryExistsError):
        profile.insert_member(1, to_port(1))
    with pytest.raises(InvalidEntryError, match="port is 9 bits wide"):
        profile.insert_member(2, to_port(512))
    with pytest.raises(EntryNotFoundError, match="no member 5"):
        profile.insert_group(1, [GroupMember(5)])
    with pytest.raises(InvalidEntryError, match="at least 1"):
        profile.insert_group(1, [GroupMember(1, 0)])
    with pytest.raises(InvalidEntryError, match="given twice"):
        profile.insert_group(1, [GroupMember(1), GroupMember(1)])
    with pytest.raises(InvalidEntryError, match="add up to 3, more than 2"):
        profile.insert_group(1, [GroupMember(1, 3)], max_size=2)
    with pytest.raises(EntryNotFoundError, match="no group 1"):
        table.insert((1,), GroupRef(1))
    with pytest.raises(InvalidEntryError, match="takes a member, group or action set"):
        table.insert((1,), to_port(1))
    with pytest.raises(InvalidEntryError, match="has no member"):
        table.insert((1,), ActionSet(()))
    with pytest.raises(InvalidEntryError, match="no selector"):
        switch.tables["TheIngress.profiled"].insert((1,), ActionSet((WeightedAction(to_port(1)),)))
    assert len(table) == 0
    assert not profile.groups


def test_group_in_use_cannot_go(table: Table, profile: ActionProfile) -> None:
    profile.insert_member(1, to_port(1))
    profile.insert_group(1, [GroupMember(1)])
    table.insert((1,), GroupRef(1))
    with pytest.raises(EntryInUseError):
        profile.delete_group(1)
    with pytest.raises(EntryInUseError):
        profile.delete_member(1)
    table.modify((1,), MemberRef(1))
    profile.delete_group(1)
    table.delete((1,))
    profile.delete_member(1)


def test_reset_forgets_everything(switch: Switch, table: Table, profile: ActionProfile) -> None:
    profile.insert_member(1, to_port(1))
    profile.insert_group(1, [GroupMember(1)])
    table.insert((1,), GroupRef(1))
    switch.reset()
    assert (len(table), len(profile.members), len(profile.groups)) == (0, 0, 0)

# SPDX-License-Identifier: Apache-2.0
"""Writes that do not fit are refused, name what is wrong, and change nothing."""

import pytest

from softswitch.errors import (
    ConstantEntryError,
    EntryExistsError,
    EntryNotFoundError,
    InvalidEntryError,
    TableFullError,
)
from softswitch.runtime import (
    ActionCall,
    ActionInfo,
    GroupRef,
    KeyField,
    MatchKind,
    MatchValue,
    MemberRef,
    MeterConfig,
    Table,
)

ACTIONS = {
    "forward": ActionInfo("forward", (("port", 9),), 0),
    "drop": ActionInfo("drop", (), 1),
}
KEY = (
    KeyField("exact", MatchKind.EXACT, 8),
    KeyField("prefix", MatchKind.LPM, 32),
    KeyField("label", MatchKind.TERNARY, 16),
    KeyField("port", MatchKind.RANGE, 16),
    KeyField("choice", MatchKind.OPTIONAL, 4),
)
GOOD: tuple[MatchValue, ...] = (1, (0x0A000000, 8), (5, 0xFF), (10, 20), None)
DROP = ActionCall("drop")


@pytest.fixture
def table() -> Table:
    return Table("acl", KEY, ACTIONS, 2, default_action=DROP)


@pytest.mark.parametrize(
    ("position", "value", "complaint"),
    [
        (0, 256, "exact is 8 bits wide"),
        (0, -1, "exact is 8 bits wide"),
        (0, (1, 1), "exact is matched exact"),
        (0, None, "exact is matched exact"),
        (1, (0x0A000001, 8), "prefix has bits set beyond its prefix"),
        (1, (0x0A000000, 33), "prefix has a prefix length of 0 to 32"),
        (1, (1 << 32, 32), "prefix is 32 bits wide"),
        (1, 5, "prefix is matched lpm"),
        (2, (0x1FF, 0xFF), "label has bits set outside its mask"),
        (2, (0, 0x1FFFF), "label has a mask of 16 bits"),
        (3, (20, 10), "port is a range"),
        (3, (0, 65536), "port is a range"),
        (4, 16, "choice is 4 bits wide"),
        (4, (1, 1), "choice is matched optional"),
    ],
)
def test_bad_match_value_names_its_field(table: Table, position: int, value: MatchValue, complaint: str) -> None:
    key = (*GOOD[:position], value, *GOOD[position + 1 :])
    with pytest.raises(InvalidEntryError, match=f"table acl: key field {complaint}"):
        table.insert(key, DROP, 1)
    assert len(table) == 0


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        (ActionCall("flood"), "no action flood; it has drop, forward"),
        (ActionCall("forward"), "takes 1 parameters, not 0"),
        (ActionCall("forward", (512,)), "parameter port is 9 bits wide"),
        (MemberRef(1), "has no action profile"),
        (GroupRef(1), "has no action profile"),
    ],
)
def test_bad_action_is_refused(table: Table, action: ActionCall, complaint: str) -> None:
    with pytest.raises(InvalidEntryError, match=complaint):
        table.insert(GOOD, action, 1)
    assert len(table) == 0


def test_priority_is_required_exactly_where_entries_can_overlap(table: Table) -> None:
    with pytest.raises(InvalidEntryError, match="priority above 0"):
        table.insert(GOOD, DROP)
    exact = Table("exact", KEY[:1], ACTIONS, 10)
    with pytest.raises(InvalidEntryError, match="have priority 0"):
        exact.insert((1,), DROP, 5)


def test_wrong_number_of_key_fields(table: Table) -> None:
    with pytest.raises(InvalidEntryError, match=r"the key has 5 fields \(exact, prefix, label, port, choice\), not 2"):
        table.insert(GOOD[:2], DROP, 1)


def test_duplicate_missing_and_full(table: Table) -> None:
    table.insert(GOOD, DROP, 1)
    with pytest.raises(EntryExistsError, match="exact=1"):
        table.insert(GOOD, ActionCall("forward", (1,)), 1)
    assert table.get(GOOD, 1).action == DROP
    table.insert(GOOD, DROP, 2)
    with pytest.raises(TableFullError, match="holds 2 entries"):
        table.insert(GOOD, DROP, 3)
    with pytest.raises(EntryNotFoundError):
        table.modify(GOOD, DROP, 3)
    with pytest.raises(EntryNotFoundError):
        table.delete(GOOD, 3)
    table.delete(GOOD, 1)
    table.insert(GOOD, DROP, 3)


def test_refused_modify_leaves_the_entry(table: Table) -> None:
    entry = table.insert(GOOD, ActionCall("forward", (3,)), 1)
    with pytest.raises(InvalidEntryError):
        table.modify(GOOD, ActionCall("forward", (1 << 9,)), 1)
    assert (entry.action, entry.args) == (ActionCall("forward", (3,)), (3,))


def test_modify_keeps_counters(table: Table) -> None:
    entry = table.insert(GOOD, DROP, 1)
    entry.packets, entry.bytes = 5, 500
    assert table.modify(GOOD, ActionCall("forward", (3,)), 1) is entry
    assert (entry.packets, entry.bytes, entry.args) == (5, 500, (3,))


def test_default_action(table: Table) -> None:
    table.set_default(ActionCall("forward", (4,)))
    assert table.default_action == ActionCall("forward", (4,))
    with pytest.raises(InvalidEntryError):
        table.set_default(ActionCall("flood"))
    table.reset_default()
    assert table.default_action == DROP
    fixed = Table("fixed", KEY, ACTIONS, 2, default_action=DROP, has_const_default=True)
    with pytest.raises(ConstantEntryError):
        fixed.set_default(DROP)


def test_constant_entries_cannot_be_changed(table: Table) -> None:
    table.load(GOOD, DROP, 1, is_const=True)
    with pytest.raises(ConstantEntryError):
        table.insert(GOOD, DROP, 2)
    with pytest.raises(ConstantEntryError):
        table.modify(GOOD, DROP, 1)
    with pytest.raises(ConstantEntryError):
        table.delete(GOOD, 1)
    table.clear()
    assert len(table) == 1


def test_keyless_table_has_no_entries() -> None:
    with pytest.raises(InvalidEntryError, match="no key"):
        Table("always", (), ACTIONS, 1).insert((), DROP)


def test_idle_timeout_only_where_declared(table: Table) -> None:
    with pytest.raises(InvalidEntryError, match="idle timeout"):
        table.insert(GOOD, DROP, 1, idle_timeout_ns=5)
    ageing = Table("ageing", KEY, ACTIONS, 2, has_idle_timeout=True)
    assert ageing.insert(GOOD, DROP, 1, idle_timeout_ns=5).idle_timeout_ns == 5


def test_direct_meter_only_where_declared(table: Table) -> None:
    entry = table.insert(GOOD, DROP, 1)
    with pytest.raises(InvalidEntryError, match="no direct meter"):
        table.configure_meter(entry, MeterConfig(1, 1, 1, 1), 0)
    metered = Table("metered", KEY, ACTIONS, 2, meter_name="colours")
    with pytest.raises(InvalidEntryError, match="above the peak rate"):
        metered.configure_meter(metered.insert(GOOD, DROP, 1), MeterConfig(2, 1, 1, 1), 0)

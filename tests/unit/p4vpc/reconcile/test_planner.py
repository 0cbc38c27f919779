# SPDX-License-Identifier: Apache-2.0
"""The planner against a strict model of a switch: full tables, dangling references and doubled keys are errors."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4vpc.compiler.entries import (
    CLONE_TABLE,
    MULTICAST_TABLE,
    ActionCall,
    ActionSet,
    DesiredEntry,
    Entry,
    Exact,
    Identity,
    Lpm,
    MulticastEntry,
    Origin,
    Range,
    TableEntry,
    Ternary,
    WeightedAction,
)
from p4vpc.reconcile import (
    ActionSchema,
    DependencyCycleError,
    FieldSchema,
    MatchKind,
    Operation,
    Plan,
    Reference,
    Schema,
    SchemaError,
    SelectorSchema,
    TableSchema,
    plan,
    plan_some,
)
from p4vpc.reconcile.planner import members_of
from p4vpc.reconcile.schema import key_values

TUNNELS = TableSchema(
    "tunnels",
    (FieldSchema("tunnel_index", 4),),
    {"set_tunnel": ActionSchema("set_tunnel", (FieldSchema("dst_address", 8),))},
    size=4,
)
HOSTS = TableSchema(
    "hosts",
    (FieldSchema("vrf", 4), FieldSchema("address", 8)),
    {
        "set_remote": ActionSchema("set_remote", (FieldSchema("tunnel_index", 4),)),
        "set_local": ActionSchema("set_local", (FieldSchema("port", 4),)),
    },
    size=5,
    references=(Reference("tunnels", (0,), (0,), "set_remote"),),
)
ALIASES = TableSchema(
    "aliases",
    (FieldSchema("vrf", 4), FieldSchema("address", 8)),
    {"alias": ActionSchema("alias")},
    size=6,
    references=(Reference("hosts", (0, 1), (0, 1)),),
)
RULES = TableSchema(
    "rules",
    (FieldSchema("label", 4, MatchKind.TERNARY), FieldSchema("port", 8, MatchKind.RANGE)),
    {"permit": ActionSchema("permit")},
)
FIXED = TableSchema("fixed", (FieldSchema("x", 4),), {"permit": ActionSchema("permit")}, is_const=True)
ECMP = TableSchema(
    "ecmp",
    (FieldSchema("prefix", 8, MatchKind.LPM),),
    {"via": ActionSchema("via", (FieldSchema("port", 4),))},
    selector=SelectorSchema("ecmp_selector", size=8, max_group_size=4),
)
SCHEMA = Schema({table.name: table for table in (ALIASES, HOSTS, TUNNELS, RULES, FIXED, ECMP)})


def tunnel(index: int, address: int = 1) -> TableEntry:
    return TableEntry("tunnels", (Exact(index),), 0, ActionCall("set_tunnel", (address,)))


def host(address: int, tunnel_index: int | None, vrf: int = 1) -> TableEntry:
    action = ActionCall("set_local", (0,)) if tunnel_index is None else ActionCall("set_remote", (tunnel_index,))
    return TableEntry("hosts", (Exact(vrf), Exact(address)), 0, action)


def alias(address: int, vrf: int = 1) -> TableEntry:
    return TableEntry("aliases", (Exact(vrf), Exact(address)), 0, ActionCall("alias"))


def rule(label: int, low: int = 0, high: int = 255, priority: int = 1) -> TableEntry:
    return TableEntry("rules", (Ternary(label, 15), Range(low, high)), priority, ActionCall("permit"))


def ecmp(prefix: int, ports: Iterable[int]) -> TableEntry:
    members = tuple(WeightedAction(ActionCall("via", (port,)), 1, port) for port in sorted(ports))
    return TableEntry("ecmp", (Lpm(prefix << 4, 4),), 0, ActionSet(members))


def wanted(entries: Iterable[Entry]) -> dict[Identity, DesiredEntry]:
    return {entry.identity: DesiredEntry(entry, (Origin("port", str(entry.identity)),)) for entry in entries}


def held(entries: Iterable[Entry]) -> dict[Identity, Entry]:
    return {entry.identity: entry for entry in entries}


class StrictSwitch:
    """Applies batches in a random order within each, as a target may, and refuses whatever a real one could refuse."""

    def __init__(self, entries: Mapping[Identity, Entry], seed: int):
        self.entries = dict(entries)
        self._random = random.Random(seed)

    def apply(self, planned: Plan) -> None:
        for batch in planned.batches:
            identities = [change.entry.identity for change in batch]
            assert len(set(identities)) == len(identities), "one key twice in a batch"
            shuffled = list(batch)
            self._random.shuffle(shuffled)
            for change in shuffled:
                self._update(change.operation, change.entry)
                self._check()

    def _update(self, operation: Operation, entry: Entry) -> None:
        identity = entry.identity
        if operation is Operation.INSERT:
            assert identity not in self.entries, f"{identity} exists"
        else:
            assert identity in self.entries, f"{identity} not found"
        if operation is Operation.DELETE:
            del self.entries[identity]
        else:
            self.entries[identity] = entry

    def _check(self) -> None:
        for table in SCHEMA.tables.values():
            mine = [entry for identity, entry in self.entries.items() if identity[0] == table.name]
            assert not table.size or len(mine) <= table.size, f"{table.name} is full"
            for reference in table.references:
                targets = {
                    key_values(identity[1], reference.target_fields)
                    for identity in self.entries
                    if identity[0] == reference.target
                }
                for entry in mine:
                    assert set(reference.values(entry)) <= targets, f"{entry} dangles"


@st.composite
def states(draw: st.DrawFn, *, is_within_sizes: bool) -> list[Entry]:
    """Referentially sound states, within the table sizes or not."""
    excess = 0 if is_within_sizes else 3
    tunnels = draw(st.dictionaries(st.integers(0, 7), st.integers(0, 3), max_size=4 + excess))
    vias = st.sampled_from([None, *tunnels])
    hosts = draw(st.dictionaries(st.integers(0, 9), vias, max_size=5 + excess))
    aliases = draw(st.sets(st.sampled_from(sorted(hosts)), max_size=6)) if hosts else set()
    rules = draw(st.dictionaries(st.tuples(st.integers(0, 3), st.integers(1, 3)), st.integers(0, 2), max_size=5))
    groups = draw(st.dictionaries(st.integers(0, 1), st.sets(st.integers(0, 3), min_size=1), max_size=2))
    floods = draw(st.dictionaries(st.integers(1, 3), st.sets(st.integers(0, 3), min_size=1), max_size=3))
    entries: list[Entry] = [tunnel(index, address) for index, address in tunnels.items()]
    entries += [host(address, via) for address, via in hosts.items()]
    entries += [alias(address) for address in aliases]
    entries += [rule(label, low, priority=priority) for (label, priority), low in rules.items()]
    entries += [ecmp(prefix, ports) for prefix, ports in groups.items()]
    entries += [MulticastEntry(group, tuple((port, 0) for port in sorted(ports))) for group, ports in floods.items()]
    return draw(st.permutations(entries))


@given(states(is_within_sizes=True), states(is_within_sizes=True), st.integers(1, 7), st.integers(min_value=0))
def test_applying_the_plan_gives_what_is_desired(after: list[Entry], before: list[Entry], size: int, seed: int) -> None:
    planned = plan(wanted(after), held(before), SCHEMA, batch_size=size)
    switch = StrictSwitch(held(before), seed)
    switch.apply(planned)
    assert switch.entries == held(after)
    assert planned.left_out == ()
    assert all(len(batch) <= size for batch in planned.batches)


@given(states(is_within_sizes=True))
def test_a_settled_switch_gets_no_update(entries: list[Entry]) -> None:
    assert plan(wanted(entries), held(entries), SCHEMA) == Plan(())


@given(states(is_within_sizes=False), states(is_within_sizes=True), st.integers(min_value=0))
def test_what_does_not_fit_is_left_out_and_the_rest_is_written(
    after: list[Entry], before: list[Entry], seed: int
) -> None:
    planned = plan(wanted(after), held(before), SCHEMA)
    switch = StrictSwitch(held(before), seed)
    switch.apply(planned)
    missing = {item.entry.identity: item for item in planned.left_out}
    expected = wanted(after)
    assert switch.entries.keys() | missing.keys() == expected.keys()
    assert not switch.entries.keys() & missing.keys()
    assert all(item.origins == expected[identity].origins and item.reason for identity, item in missing.items())
    assert plan(expected, switch.entries, SCHEMA).batches == ()


@given(states(is_within_sizes=True), states(is_within_sizes=True))
def test_updates_are_minimal_while_no_table_is_full(after: list[Entry], before: list[Entry]) -> None:
    roomy = Schema({name: _roomy(table) for name, table in SCHEMA.tables.items()})
    planned = plan(wanted(after), held(before), roomy)
    changed = {identity for identity, entry in held(after).items() if held(before).get(identity) != entry}
    gone = held(before).keys() - held(after).keys()
    assert sorted(map(repr, (change.entry.identity for change in planned.changes))) == sorted(map(repr, changed | gone))


@given(states(is_within_sizes=False), states(is_within_sizes=True), st.booleans(), st.integers(min_value=0))
def test_where_it_is_known_what_differs_the_rest_need_not_be_looked_at(
    after: list[Entry], before: list[Entry], is_roomy: bool, seed: int
) -> None:
    schema = Schema({name: _roomy(table) for name, table in SCHEMA.tables.items()}) if is_roomy else SCHEMA
    new, old = wanted(after), held(before)
    differing = {it for it in new.keys() | old.keys() if (new[it].entry if it in new else None) != old.get(it)}
    sizes = Counter(identity[0] for identity in old)
    members = Counter({"ecmp": sum(map(members_of, old.values()))})
    planned = plan_some(differing, new, old, sizes, schema, members=members)
    if planned is None:
        short = _short_of_room(new, sizes, schema)
        if _is_selector_short([new[it].entry for it in differing if it in new], members["ecmp"]):
            short.add("ecmp")
        assert any(identity[0] in short for identity in differing)
        return
    whole = plan(new, old, schema)
    assert Counter(planned.changes) == Counter(whole.changes)
    assert whole.left_out == ()
    if not is_roomy:
        switch = StrictSwitch(old, seed)
        switch.apply(planned)
        assert switch.entries == held(after)


def _short_of_room(new: Iterable[Identity], sizes: Counter[str], schema: Schema) -> set[str]:
    """The tables that might not take all entries before the first of the old ones is deleted."""
    wanted_of = Counter(identity[0] for identity in new)
    return {name for name, it in schema.tables.items() if it.size and sizes[name] + wanted_of[name] > it.size}


def _is_selector_short(new: Iterable[Entry], held_members: int) -> bool:
    """Whether there might be no room for these groups beside those of before."""
    needs = [members_of(entry) for entry in new]
    return max(needs, default=0) > 4 or held_members + sum(needs) > 8


def _roomy(table: TableSchema) -> TableSchema:
    return TableSchema(table.name, table.key, table.actions, 0, table.is_const, table.selector, table.references)


def operations(planned: Plan) -> list[list[tuple[str, str]]]:
    return [[(change.operation.name, change.entry.identity[0]) for change in batch] for batch in planned.batches]


def test_referents_come_before_referrers_and_go_after_them() -> None:
    state = [alias(1), host(1, 2), tunnel(2)]
    assert operations(plan(wanted(state), {}, SCHEMA)) == [
        [("INSERT", "tunnels")],
        [("INSERT", "hosts")],
        [("INSERT", "aliases")],
    ]
    assert operations(plan({}, held(state), SCHEMA)) == [
        [("DELETE", "aliases")],
        [("DELETE", "hosts")],
        [("DELETE", "tunnels")],
    ]


def test_a_replacement_is_made_before_the_old_entry_is_broken() -> None:
    before, after = [tunnel(1), host(1, 1), rule(1)], [tunnel(2), host(1, 2), rule(1, priority=2)]
    steps = operations(plan(wanted(after), held(before), SCHEMA))
    assert [operation for batch in steps for operation, _ in batch] == [
        "INSERT",
        "INSERT",
        "MODIFY",
        "DELETE",
        "DELETE",
    ]


def test_a_full_table_is_emptied_first_with_what_refers_to_it() -> None:
    before = [tunnel(index) for index in range(4)] + [host(1, 0), alias(1)]
    after = [tunnel(index) for index in range(1, 5)] + [host(1, 4), alias(1)]
    assert operations(plan(wanted(after), held(before), SCHEMA)) == [
        [("DELETE", "aliases")],
        [("DELETE", "hosts")],
        [("DELETE", "tunnels")],
        [("INSERT", "tunnels")],
        [("INSERT", "hosts")],
        [("INSERT", "aliases")],
    ]


def test_room_is_made_with_unreferenced_entries_if_there_are_any() -> None:
    before = [tunnel(index) for index in range(4)] + [host(1, 0)]
    after = [tunnel(2), tunnel(3), tunnel(4), host(1, 4)]
    assert operations(plan(wanted(after), held(before), SCHEMA)) == [
        [("DELETE", "tunnels")],
        [("INSERT", "tunnels")],
        [("MODIFY", "hosts")],
        [("DELETE", "tunnels")],
    ]


def test_over_capacity_keeps_what_is_installed_and_reports_the_rest_with_its_referrers() -> None:
    before = [tunnel(index) for index in range(2, 6)]
    after = [tunnel(0), host(1, 0), alias(1), host(2, None), *before]
    planned = plan(wanted(after), held(before), SCHEMA)
    assert [(item.entry.identity[0], item.reason) for item in planned.left_out] == [
        ("tunnels", "table tunnels is full: it holds 4 entries, 5 are wanted"),
        ("hosts", "the entry of tunnels that it refers to was left out"),
        ("aliases", "the entry of hosts that it refers to was left out"),
    ]
    assert [change.entry for change in planned.changes] == [host(2, None)]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (TableEntry("fixed", (Exact(1),), 0, ActionCall("permit")), "table fixed is constant in this pipeline"),
        (TableEntry("nowhere", (Exact(1),), 0, ActionCall("permit")), "the pipeline has no table nowhere"),
        (ecmp(1, range(5)), "selector ecmp_selector takes groups of 4 members, this has 5"),
    ],
)
def test_what_the_pipeline_cannot_hold_is_left_out(entry: TableEntry, reason: str) -> None:
    planned = plan(wanted([entry, tunnel(1)]), {}, SCHEMA)
    assert [(item.entry, item.reason) for item in planned.left_out] == [(entry, reason)]
    assert [change.entry for change in planned.changes] == [tunnel(1)]


def test_a_selector_holds_only_so_many_members() -> None:
    groups = [ecmp(prefix, range(3)) for prefix in range(3)]
    planned = plan(wanted(groups), held(groups[1:]), SCHEMA)
    assert [(item.entry, item.reason) for item in planned.left_out] == [
        (groups[0], "selector ecmp_selector is full: it holds 8 members")
    ]
    assert planned.batches == ()


def test_a_full_selector_does_not_fill_another() -> None:
    other = TableSchema("tunnels_ecmp", ECMP.key, ECMP.actions, selector=SelectorSchema("other_selector", size=4))
    schema = Schema({"ecmp": ECMP, "tunnels_ecmp": other})
    groups = [ecmp(number, range(4)) for number in (1, 2)]
    others = [TableEntry("tunnels_ecmp", (Lpm(number << 4, 4),), 0, groups[0].action) for number in (1, 2)]
    planned = plan(wanted([*groups, *others]), {}, schema)
    assert [change.entry for change in planned.changes] == [*groups, others[0]]
    assert [(item.entry, item.reason) for item in planned.left_out] == [
        (others[1], "selector other_selector is full: it holds 4 members")
    ]


def test_constant_and_unknown_tables_on_the_switch_are_left_alone() -> None:
    fixed = TableEntry("fixed", (Exact(1),), 0, ActionCall("permit"))
    assert plan({}, held([fixed]), SCHEMA).batches == ()


def test_entries_that_mean_the_same_are_the_same() -> None:
    have: list[Entry] = [
        TableEntry("rules", (Ternary(0, 0), Range(0, 255)), 1, ActionCall("permit")),
        ecmp(1, (1, 2)),
        MulticastEntry(1, ((1, 0), (2, 0))),
    ]
    split = (WeightedAction(ActionCall("via", (2,)), 1, 2), WeightedAction(ActionCall("via", (1,)), 1, 1))
    want: list[Entry] = [
        TableEntry("rules", (Ternary(5, 0), Range(0, 255)), 1, ActionCall("permit")),
        TableEntry("ecmp", (Lpm(0x1F, 4),), 0, ActionSet(split)),
        MulticastEntry(1, ((2, 0), (1, 0))),
    ]
    assert plan(wanted(want), held(have), SCHEMA).batches == ()


def test_two_entries_with_one_key_are_reported_not_written_twice() -> None:
    one = TableEntry("ecmp", (Lpm(0x10, 4),), 0, ActionCall("via", (1,)))
    other = TableEntry("ecmp", (Lpm(0x1F, 4),), 0, ActionCall("via", (2,)))
    planned = plan(wanted([one, other]), {}, SCHEMA)
    assert [change.entry for change in planned.changes] == [one]
    assert [item.reason for item in planned.left_out] == [
        "another entry of table ecmp has the same key and another action"
    ]


def test_multicast_groups_come_before_the_tables_that_refer_to_them() -> None:
    flood = TableSchema(
        "flood",
        (FieldSchema("bridge_domain", 4),),
        {"replicate": ActionSchema("replicate", (FieldSchema("group", 16),))},
        references=(Reference(MULTICAST_TABLE, (0,), (0,), "replicate"),),
    )
    entries: list[Entry] = [
        TableEntry("flood", (Exact(1),), 0, ActionCall("replicate", (7,))),
        MulticastEntry(7, ((1, 0),)),
    ]
    schema = Schema({"flood": flood})
    assert operations(plan(wanted(entries), {}, schema)) == [[("INSERT", MULTICAST_TABLE)], [("INSERT", "flood")]]
    assert operations(plan({}, held(entries), schema)) == [[("DELETE", "flood")], [("DELETE", MULTICAST_TABLE)]]


def test_multicast_groups_come_after_what_their_replicas_may_name() -> None:
    """A copy must not leave before the switch knows how: by which VLAN, into which tunnel."""
    flood = TableSchema(
        "flood",
        (FieldSchema("bridge_domain", 4),),
        {"replicate": ActionSchema("replicate", (FieldSchema("group", 16),))},
        references=(Reference(MULTICAST_TABLE, (0,), (0,), "replicate"), Reference("hosts", (0, 1), (0, 0))),
    )
    schema = Schema({"flood": flood, "hosts": HOSTS, "tunnels": TUNNELS})
    assert schema.ranks == {CLONE_TABLE: -1, "tunnels": 0, "hosts": 1, MULTICAST_TABLE: 2, "flood": 3}
    entries: list[Entry] = [
        MulticastEntry(7, ((1, 0x8001),)),
        TableEntry("tunnels", (Exact(1),), 0, ActionCall("set_tunnel", (9,))),
    ]
    assert operations(plan(wanted(entries), {}, schema)) == [[("INSERT", "tunnels")], [("INSERT", MULTICAST_TABLE)]]
    assert operations(plan({}, held(entries), schema)) == [[("DELETE", MULTICAST_TABLE)], [("DELETE", "tunnels")]]


def test_a_circle_of_references_is_an_error_that_names_it() -> None:
    def table(name: str, target: str) -> TableSchema:
        return TableSchema(name, (FieldSchema("x", 4),), {}, references=(Reference(target, (0,), (0,)),))

    with pytest.raises(DependencyCycleError, match="a -> b -> a"):
        Schema({"a": table("a", "b"), "b": table("b", "a")})


@pytest.mark.parametrize(("target", "position"), [("nowhere", 0), ("tunnels", 3)])
def test_a_reference_to_nothing_is_an_error(target: str, position: int) -> None:
    bad = TableSchema("a", (FieldSchema("x", 4),), {}, references=(Reference(target, (position,), (0,)),))
    with pytest.raises(SchemaError, match="refers to"):
        Schema({"a": bad, "tunnels": TUNNELS})

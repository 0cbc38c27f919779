# SPDX-License-Identifier: Apache-2.0
"""Every entry is one of Contract 1 in docs/architecture.md, and between them they use all of it.

The checked-in P4Info says the same of the pipeline (test_compiler_p4info); the contract is there before it is.
"""

from p4vpc.compiler.entries import ActionCall, ActionSet, Exact, Lpm, Match, Range, TableEntry, Ternary
from tests.unit.p4src.pipeline_files import Table, tables_of_contract
from tests.unit.p4vpc.compiler.test_compiler_p4info import calls, entries, values

KINDS = {Exact: "exact", Lpm: "lpm", Ternary: "ternary", Range: "range"}
SELECTOR_TABLES = {"tunnel_next_hops", "underlay_routes_v4", "underlay_routes_v6"}


def fits(match: Match, bits: int) -> bool:
    return all(0 <= value < 1 << bits for value in values(match))


def test_entries_fit_the_contract() -> None:
    contract = tables_of_contract()
    for entry in entries():
        table = contract[entry.table]
        assert [KINDS[type(match)] for match in entry.key] == [kind for _, _, kind in table.key], entry
        assert all(fits(match, bits) for match, (_, bits, _) in zip(entry.key, table.key, strict=True)), entry
        assert isinstance(entry.action, ActionSet) is (entry.table in SELECTOR_TABLES), entry
        for call in calls(entry):
            assert_params(table, call, entry)


def assert_params(table: Table, call: ActionCall, entry: TableEntry) -> None:
    params = table.actions[call.name]
    assert len(call.params) == len(params), entry
    assert all(0 <= value < 1 << bits for value, (_, bits) in zip(call.params, params, strict=True)), entry


def test_all_of_the_contract_is_used() -> None:
    contract = tables_of_contract()
    written = list(entries())
    assert contract.keys() - {entry.table for entry in written} == set()
    used = {call.name for entry in written for call in calls(entry)}
    offered = {action for table in contract.values() for action in table.actions}
    assert offered - used == {"deny"}

# SPDX-License-Identifier: Apache-2.0
"""What of the desired entries fits into the tables.

A switch that refuses the entry too many tells it late, in its own way, and after its neighbours are written. So the
sizes of the P4Info are checked before: entries that are there already stay, new ones are taken in their order until the
table is full, and what is left out is reported with its origins. What refers to an entry that was left out is left out
with it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from p4vpc.compiler.entries import (
    CLONE_TABLE,
    MULTICAST_TABLE,
    ActionSet,
    DesiredEntry,
    Entry,
    Identity,
    MeterEntry,
    Origin,
    TableEntry,
)
from p4vpc.reconcile.schema import MeterSchema, Reference, Schema, SelectorSchema, TableSchema, key_values


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An entry that is desired and will not be written, and why."""

    entry: Entry
    origins: tuple[Origin, ...]
    reason: str


def fit(
    desired: Mapping[Identity, DesiredEntry], actual: Mapping[Identity, Entry], schema: Schema
) -> tuple[dict[Identity, DesiredEntry], list[LeftOut]]:
    """Split `desired` into what the pipeline can hold and what not."""
    by_table: dict[str, dict[Identity, DesiredEntry]] = defaultdict(dict)
    for identity, item in desired.items():
        by_table[identity[0]][identity] = item
    if not any(_may_not_fit(name, items, schema) for name, items in by_table.items()):
        return dict(desired), []
    return _Fitting(by_table, actual, schema).run()


def _may_not_fit(name: str, items: Mapping[Identity, DesiredEntry], schema: Schema) -> bool:
    """Whether a closer look is needed: cheap, as a table that overflows is the exception."""
    if name in (MULTICAST_TABLE, CLONE_TABLE):
        return False
    if name in schema.meters:
        return any(not _has_cell(item.entry, schema.meters[name]) for item in items.values())
    table = schema.tables.get(name)
    return table is None or table.is_const or table.selector is not None or 0 < table.size < len(items)


class _Fitting:
    """One run over the tables, referents before referrers."""

    def __init__(
        self, by_table: Mapping[str, dict[Identity, DesiredEntry]], actual: Mapping[Identity, Entry], schema: Schema
    ):
        self._by_table = by_table
        self._actual = actual
        self._schema = schema
        self._left_out: list[LeftOut] = []
        self._lost: dict[str, list[Identity]] = defaultdict(list)
        self._selector_use: dict[str, int] = defaultdict(int)

    def run(self) -> tuple[dict[Identity, DesiredEntry], list[LeftOut]]:
        kept: dict[Identity, DesiredEntry] = {}
        for name in sorted(self._by_table, key=lambda name: self._schema.ranks.get(name, 0)):
            table = self._schema.tables.get(name)
            items = self._by_table[name]
            if table is None:
                kept.update(self._without_table(name, items))
                continue
            if table.is_const:
                self._leave_out(items, f"table {name} is constant in this pipeline")
                continue
            items = self._with_referents(table, items, kept)
            items = self._within_selector(table, items)
            kept.update(self._within_size(table, items))
        return kept, self._left_out

    def _without_table(self, name: str, items: dict[Identity, DesiredEntry]) -> dict[Identity, DesiredEntry]:
        if name in (MULTICAST_TABLE, CLONE_TABLE):
            return items
        meter = self._schema.meters.get(name)
        if meter is None:
            kinds = {"meter" if isinstance(item.entry, MeterEntry) else "table" for item in items.values()}
            self._leave_out(items, f"the pipeline has no {' or '.join(sorted(kinds))} {name}")
            return {}
        fitting = {identity: item for identity, item in items.items() if _has_cell(item.entry, meter)}
        beyond = {identity: item for identity, item in items.items() if identity not in fitting}
        self._leave_out(beyond, f"meter {name} has only the cells 0 to {meter.size - 1}")
        return fitting

    def _with_referents(
        self, table: TableSchema, items: dict[Identity, DesiredEntry], kept: Mapping[Identity, DesiredEntry]
    ) -> dict[Identity, DesiredEntry]:
        for reference in table.references:
            lost = _named(reference, self._lost.get(reference.target, ()))
            if not lost:
                continue
            lost -= _named(reference, (identity for identity in kept if identity[0] == reference.target))
            orphans = {
                identity: item
                for identity, item in items.items()
                if any(values in lost for values in reference.values(item.entry))
            }
            self._leave_out(orphans, f"the entry of {reference.target} that it refers to was left out")
            items = {identity: item for identity, item in items.items() if identity not in orphans}
        return items

    def _within_selector(self, table: TableSchema, items: dict[Identity, DesiredEntry]) -> dict[Identity, DesiredEntry]:
        selector = table.selector
        if selector is None:
            return items
        fitting: dict[Identity, DesiredEntry] = {}
        for identity in self._installed_first(items):
            item = items[identity]
            need = _members(item.entry, selector)
            if selector.max_group_size and need > selector.max_group_size:
                reason = f"selector {selector.name} takes groups of {selector.max_group_size} members, this has {need}"
            elif selector.size and self._selector_use[selector.name] + need > selector.size:
                reason = f"selector {selector.name} is full: it holds {selector.size} members"
            else:
                self._selector_use[selector.name] += need
                fitting[identity] = item
                continue
            self._leave_out({identity: item}, reason)
        return fitting

    def _within_size(self, table: TableSchema, items: dict[Identity, DesiredEntry]) -> dict[Identity, DesiredEntry]:
        if not 0 < table.size < len(items):
            return items
        order = self._installed_first(items)
        reason = f"table {table.name} is full: it holds {table.size} entries, {len(items)} are wanted"
        self._leave_out({identity: items[identity] for identity in order[table.size :]}, reason)
        return {identity: items[identity] for identity in order[: table.size]}

    def _installed_first(self, items: Mapping[Identity, DesiredEntry]) -> list[Identity]:
        return sorted(items, key=lambda identity: identity not in self._actual)

    def _leave_out(self, items: Mapping[Identity, DesiredEntry], reason: str) -> None:
        for identity, item in items.items():
            self._left_out.append(LeftOut(item.entry, item.origins, reason))
            self._lost[identity[0]].append(identity)


def _named(reference: Reference, identities: Iterable[Identity]) -> set[tuple[int, ...]]:
    """The values under which a reference finds these entries."""
    values = (key_values(identity[1], reference.target_fields) for identity in identities)
    return {value for value in values if value is not None}


def _has_cell(entry: Entry, meter: MeterSchema) -> bool:
    return isinstance(entry, MeterEntry) and 0 <= entry.index < meter.size


def _members(entry: Entry, selector: SelectorSchema) -> int:
    if not isinstance(entry, TableEntry) or not isinstance(entry.action, ActionSet):
        return 0
    if selector.is_sum_of_weights:
        return sum(member.weight for member in entry.action.members)
    return len(entry.action.members)

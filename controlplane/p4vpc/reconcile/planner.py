# SPDX-License-Identifier: Apache-2.0
"""From two sets of entries to the ordered batches that turn one into the other.

The order inside one batch is not defined by P4Runtime (section 12.3), so whatever has to come first comes in an earlier
batch. There are three passes::

    make room    deletes without which a full table could not take its inserts;   falling rank
    make         inserts and modifies;                                            rising rank
    break        all other deletes;                                               falling rank

so that an entry that replaces another is there before the other goes, a referent is there before its referrer, and
gone after it. Only where a table is full must something break first: then what refers to the entry that makes room is
deleted with it, and put back in the second pass if it is still wanted. No batch names one entry twice.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, TypeAlias, overload

from p4vpc.compiler.entries import (
    CLONE_TABLE,
    MULTICAST_TABLE,
    ActionSet,
    DesiredEntry,
    Entry,
    Identity,
    Origin,
    TableEntry,
    table_of,
)
from p4vpc.reconcile.capacity import LeftOut, fit, has_cell
from p4vpc.reconcile.normalise import normalise
from p4vpc.reconcile.schema import Reference, Schema, SelectorSchema, key_values

DEFAULT_BATCH_SIZE = 500
"""Updates in one write. A failing batch answers with a status for each of them, which must fit into gRPC metadata."""


class Operation(IntEnum):
    """What an update does; numbered as in P4Runtime."""

    INSERT = 1
    MODIFY = 2
    DELETE = 3


class Change(NamedTuple):
    """One update. `origins` are the intent objects that asked for it; empty for a delete, which nobody asks for."""

    operation: Operation
    entry: Entry
    origins: tuple[Origin, ...] = ()


Batch: TypeAlias = tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write, batch after batch, and what will not be written."""

    batches: Sequence[Batch]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def changes(self) -> Iterator[Change]:
        """All updates in their order."""
        return (change for batch in self.batches for change in batch)


def plan(
    desired: Mapping[Identity, DesiredEntry],
    actual: Mapping[Identity, Entry],
    schema: Schema,
    *,
    batch_size: int = DEFAULT_BATCH_SIZE,
) -> Plan:
    """The updates that turn `actual` into `desired`, as few as possible.

    Args:
        desired: what the switch shall hold.
        actual: what it holds, normalised, without default entries. Entries of constant tables are ignored.
        schema: tables, sizes and references of the pipeline that runs there.
        batch_size: most updates in one batch.
    """
    additions = _additions(desired, actual, schema)
    if additions is not None:
        return Plan(_Additions(additions, batch_size) if additions else ())
    canonical, ambiguous = _normalised(desired, actual, schema)
    wanted, unfit = fit(canonical, actual, schema)
    difference = _Difference(wanted, actual, schema)
    difference.make_room()
    return Plan(tuple(difference.batches(batch_size)), (*ambiguous, *unfit))


class _Additions(Sequence[Batch]):
    """Batches of inserts and modifies; made when they are written, as a plan for an empty switch is as big as it."""

    def __init__(self, groups: Iterable[tuple[Operation, list[DesiredEntry]]], size: int):
        self._slices = [
            (operation, items[start : start + size])
            for operation, items in groups
            for start in range(0, len(items), size)
        ]

    def __len__(self) -> int:
        return len(self._slices)

    @overload
    def __getitem__(self, position: int) -> Batch: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Batch]: ...
    def __getitem__(self, position: int | slice) -> Batch | Sequence[Batch]:
        if isinstance(position, slice):
            return [_batch(*some) for some in self._slices[position]]
        return _batch(*self._slices[position])


def _batch(operation: Operation, items: Iterable[DesiredEntry]) -> Batch:
    return tuple([Change(operation, entry, origins) for entry, origins in items])


def _additions(
    desired: Mapping[Identity, DesiredEntry], actual: Mapping[Identity, Entry], schema: Schema
) -> list[tuple[Operation, list[DesiredEntry]]] | None:
    """What is missing or different, by rising rank, if that is all: nothing is to be deleted, and everything fits.

    So it is with a switch that is empty, or settled, or has lost entries. None if it takes a closer look.
    """
    by_table: defaultdict[str, list[tuple[Identity, DesiredEntry]]] = defaultdict(list)
    for pair in desired.items():
        by_table[pair[0][0]].append(pair)
    if not all(_fits(name, [item for _, item in pairs], schema) for name, pairs in by_table.items()):
        return None
    inserts: defaultdict[int, list[DesiredEntry]] = defaultdict(list)
    modifies: defaultdict[int, list[DesiredEntry]] = defaultdict(list)
    there = 0
    for name, pairs in by_table.items():
        rank = schema.ranks.get(name, 0)
        if not actual:
            inserts[rank] += [item for _, item in pairs]
            continue
        for identity, item in pairs:
            have = actual.get(identity)
            if have is None:
                inserts[rank].append(item)
                continue
            there += 1
            if have is not item.entry and have != item.entry:
                modifies[rank].append(item)
    if there < len(actual):
        return None
    return [
        (operation, some[rank])
        for rank in sorted({*inserts, *modifies})
        for operation, some in ((Operation.INSERT, inserts), (Operation.MODIFY, modifies))
        if rank in some
    ]


def _fits(name: str, items: Collection[DesiredEntry], schema: Schema) -> bool:
    """Whether the table takes all of the entries, and they are in canonical form."""
    table = schema.tables.get(name)
    if table is not None and table.is_plain:
        return not table.is_const and not 0 < table.size < len(items) and not any(map(_has_action_set, items))
    if not _is_plain(name, schema) or (table is not None and 0 < table.size < len(items)):
        return False
    if not all(normalise(item.entry, schema) is item.entry and _has_its_cell(item.entry, schema) for item in items):
        return False
    if table is None or table.selector is None:
        return True
    members = [members_of(item.entry) for item in items]
    size, most = table.selector.size, table.selector.max_group_size
    is_alone = sum(it.selector == table.selector for it in schema.tables.values()) == 1
    return is_alone and not 0 < size < sum(members) and not 0 < most < max(members)


def _has_action_set(item: DesiredEntry) -> bool:
    return isinstance(item.entry, TableEntry) and isinstance(item.entry.action, ActionSet)


def plan_some(
    differing: Iterable[Identity],
    desired: Mapping[Identity, DesiredEntry],
    actual: Mapping[Identity, Entry],
    sizes: Mapping[str, int],
    schema: Schema,
    *,
    members: Mapping[str, int],
    batch_size: int = DEFAULT_BATCH_SIZE,
) -> Plan | None:
    """The same as `plan`, where it is known that `desired` and `actual` agree but under some identities.

    None where that takes a look at everything: a table or an action selector may get full, a table is constant, or an
    entry is not in canonical form.

    Args:
        differing: where they may not agree.
        desired: what the switch shall hold.
        actual: what it holds.
        sizes: how many entries of `actual` are in each table.
        schema: as for `plan`.
        members: how many members the action sets of each table's entries in `actual` have.
        batch_size: most updates in one batch.
    """
    wanted: dict[Identity, DesiredEntry] = {}
    held: dict[Identity, Entry] = {}
    inserts: Counter[str] = Counter()
    joins: Counter[SelectorSchema] = Counter()
    for identity in differing:
        item, have = desired.get(identity), actual.get(identity)
        if not _is_plain(identity[0], schema):
            return None
        if item is not None:
            if normalise(item.entry, schema) != item.entry or not _has_its_cell(item.entry, schema):
                return None
            wanted[identity] = item
            inserts[identity[0]] += have is None
            if selector := _selector_of(identity[0], schema):
                joins[selector] += (number := members_of(item.entry))
                if 0 < selector.max_group_size < number:
                    return None
        if have is not None:
            held[identity] = have
    for name, number in inserts.items():
        table = schema.tables.get(name)
        if table is not None and table.size and sizes.get(name, 0) + number > table.size:
            return None
    for selector, number in joins.items():
        used = sum(number for name, number in members.items() if _selector_of(name, schema) == selector)
        if 0 < selector.size < used + number:
            return None
    return Plan(tuple(_Difference(wanted, held, schema).batches(batch_size)))


def members_of(entry: Entry) -> int:
    """How much room the entry takes at most in its table's action selector."""
    if isinstance(entry, TableEntry) and isinstance(entry.action, ActionSet):
        return sum(member.weight for member in entry.action.members)
    return 0


def _selector_of(name: str, schema: Schema) -> SelectorSchema | None:
    table = schema.tables.get(name)
    return table.selector if table is not None else None


def _is_plain(name: str, schema: Schema) -> bool:
    if name in (MULTICAST_TABLE, CLONE_TABLE) or name in schema.meters:
        return True
    table = schema.tables.get(name)
    return table is not None and not table.is_const


def _has_its_cell(entry: Entry, schema: Schema) -> bool:
    name = entry.identity[0]
    return name not in schema.meters or has_cell(entry, schema.meters[name])


def _normalised(
    desired: Mapping[Identity, DesiredEntry], actual: Mapping[Identity, Entry], schema: Schema
) -> tuple[dict[Identity, DesiredEntry], list[LeftOut]]:
    """`desired` under canonical identities. What equals an entry of `actual` is canonical and costs one comparison."""
    result: dict[Identity, DesiredEntry] = {}
    ambiguous: list[LeftOut] = []
    for identity, item in desired.items():
        if actual.get(identity) == item.entry:
            result[identity] = item
            continue
        entry = normalise(item.entry, schema)
        if entry is item.entry and identity not in result:
            result[identity] = item
            continue
        same = result.setdefault(entry.identity, DesiredEntry(entry, item.origins))
        if same.entry != entry:
            reason = f"another entry of table {entry.identity[0]} has the same key and another action"
            ambiguous.append(LeftOut(entry, item.origins, reason))
    return result, ambiguous


class _Difference:
    """What differs, and in which pass it is put right."""

    def __init__(self, wanted: Mapping[Identity, DesiredEntry], actual: Mapping[Identity, Entry], schema: Schema):
        self._wanted = wanted
        self._actual = actual
        self._schema = schema
        self._early: dict[Identity, Entry] = {}
        self._makes: dict[Identity, Change] = {}
        self._deletes = {
            identity: entry
            for identity, entry in actual.items()
            if identity not in wanted and not self._is_const(identity[0])
        }
        for identity, item in wanted.items():
            have = actual.get(identity)
            if have is None:
                self._makes[identity] = Change(Operation.INSERT, item.entry, item.origins)
            elif have != item.entry:
                self._makes[identity] = Change(Operation.MODIFY, item.entry, item.origins)

    def _is_const(self, table: str) -> bool:
        if table in (MULTICAST_TABLE, CLONE_TABLE) or table in self._schema.meters:
            return False
        schema = self._schema.tables.get(table)
        return schema is None or schema.is_const

    def make_room(self) -> None:
        """Move as many deletes to the front as full tables need, with everything that refers to them."""
        short = self._shortage()
        if not short:
            return
        referrers = _Referrers(self._actual, self._schema)
        for table in sorted(short, key=self._rank):
            free = [identity for identity in self._deletes if identity[0] == table]
            free.sort(key=lambda identity: bool(referrers.of(identity)))
            for identity in free[: short[table]]:
                self._delete_early(identity, referrers)

    def _shortage(self) -> dict[str, int]:
        """How many entries each table would hold too many if deletes came last."""
        inserts = Counter(
            identity[0] for identity, change in self._makes.items() if change.operation is Operation.INSERT
        )
        held = Counter(identity[0] for identity in self._actual)
        short: dict[str, int] = {}
        for name, number in inserts.items():
            table = self._schema.tables.get(name)
            if table is not None and table.size and held[name] + number > table.size:
                short[name] = held[name] + number - table.size
        return short

    def _delete_early(self, identity: Identity, referrers: "_Referrers") -> None:
        pending = [identity]
        while pending:
            identity = pending.pop()
            if identity in self._early:
                continue
            self._early[identity] = self._actual[identity]
            self._deletes.pop(identity, None)
            item = self._wanted.get(identity)
            if item is not None:
                self._makes[identity] = Change(Operation.INSERT, item.entry, item.origins)
            pending.extend(referrers.of(identity))

    def _rank(self, table: str) -> int:
        return self._schema.ranks.get(table, 0)

    def batches(self, size: int) -> Iterator[Batch]:
        yield from self._in_ranks(
            (Change(Operation.DELETE, entry) for entry in self._early.values()), size, falling=True
        )
        yield from self._in_ranks(self._makes.values(), size, falling=False)
        yield from self._in_ranks(
            (Change(Operation.DELETE, entry) for entry in self._deletes.values()), size, falling=True
        )

    def _in_ranks(self, changes: Iterable[Change], size: int, *, falling: bool) -> Iterator[Batch]:
        by_rank: defaultdict[int, list[Change]] = defaultdict(list)
        ranks: dict[str, int] = {}
        for change in changes:
            table = table_of(change.entry)
            rank = ranks.get(table)
            if rank is None:
                rank = ranks[table] = self._rank(table)
            by_rank[rank].append(change)
        for rank in sorted(by_rank, reverse=falling):
            group = by_rank[rank]
            for start in range(0, len(group), size):
                yield tuple(group[start : start + size])


class _Referrers:
    """For each entry that a switch holds: which other entries refer to it."""

    def __init__(self, actual: Mapping[Identity, Entry], schema: Schema):
        self._index: dict[tuple[Reference, tuple[int, ...]], list[Identity]] = defaultdict(list)
        self._by_target: dict[str, set[Reference]] = defaultdict(set)
        for table in schema.tables.values():
            for reference in table.references:
                self._by_target[reference.target].add(reference)
        for identity, entry in actual.items():
            schema_of = schema.tables.get(identity[0])
            for reference in schema_of.references if schema_of else ():
                for values in reference.values(entry):
                    self._index[reference, values].append(identity)
        self._schema = schema

    def of(self, identity: Identity) -> list[Identity]:
        """Identities of the entries that refer to `identity`."""
        found: list[Identity] = []
        for reference in self._by_target.get(identity[0], ()):
            values = key_values(identity[1], reference.target_fields)
            if values is not None:
                found.extend(self._index.get((reference, values), ()))
        return found

# SPDX-License-Identifier: Apache-2.0
"""What the planner has to know of a pipeline: tables, sizes and who refers to whom.

The southbound builds it from a P4Info; nothing here knows protobuf. References come from `@refers_to(table, field)` on
key fields and action parameters. They give each table a rank: a table has a higher rank than every table it refers to,
so inserting by rising rank and deleting by falling rank never leaves a reference dangling. The replicas of a multicast
group name ports and instances that tables describe, and no annotation says which; so groups have a higher rank than
every table that does not itself depend on groups. Clone sessions name nothing but ports, and come before all tables.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from p4vpc.compiler.entries import (
    CLONE_TABLE,
    MULTICAST_TABLE,
    ActionCall,
    Entry,
    Exact,
    Key,
    Lpm,
    Match,
    Range,
    Ternary,
)
from p4vpc.errors import SouthboundError


class SchemaError(SouthboundError):
    """The pipeline contradicts itself: a reference to nothing, or in a circle."""


class DependencyCycleError(SchemaError):
    """Tables refer to each other in a circle, so there is no order in which to fill them."""


class MatchKind(StrEnum):
    """How a key field is compared. An optional field is a `Ternary` whose mask is all ones or zero."""

    EXACT = "exact"
    LPM = "lpm"
    TERNARY = "ternary"
    RANGE = "range"
    OPTIONAL = "optional"


NEEDS_PRIORITY = frozenset({MatchKind.TERNARY, MatchKind.RANGE, MatchKind.OPTIONAL})


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """A key field of a table, or (kind EXACT) a parameter of an action. `width` in bits."""

    name: str
    width: int
    kind: MatchKind = MatchKind.EXACT

    @property
    def maximum(self) -> int:
        """The largest value that fits."""
        return (1 << self.width) - 1

    def wildcard(self) -> Match:
        """The match that an omitted field stands for (P4Runtime 1.4, section 9.1.1)."""
        match self.kind:
            case MatchKind.LPM:
                return Lpm(0, 0)
            case MatchKind.RANGE:
                return Range(0, self.maximum)
            case MatchKind.EXACT:
                return Exact(0)
            case _:
                return Ternary(0, 0)


@dataclass(frozen=True, slots=True)
class ActionSchema:
    """An action that a table may call."""

    name: str
    params: tuple[FieldSchema, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """Values in the entries of one table that name an entry of another.

    Attributes:
        target: the table referred to.
        target_fields: positions in the key of `target`.
        source_fields: as many positions in the key of the referring table, or in the parameters of `action`.
        action: name of the action whose parameters refer; empty if the key does.
    """

    target: str
    target_fields: tuple[int, ...]
    source_fields: tuple[int, ...]
    action: str = ""

    def values(self, entry: Entry) -> Iterator[tuple[int, ...]]:
        """What this reference says in `entry`: once, once for each member of an action set, or not at all.

        An entry that does not have the fields says nothing; that it is malformed is for the codec to tell.
        """
        last = max(self.source_fields)
        if not self.action:
            key = entry.identity[1]
            values = key_values(key, self.source_fields) if last < len(key) else None
            if values is not None:
                yield values
            return
        for call in action_calls(entry):
            if call.name == self.action and last < len(call.params):
                yield tuple(call.params[position] for position in self.source_fields)


@dataclass(frozen=True, slots=True)
class SelectorSchema:
    """An action selector. Sizes in members; 0: the target does not say.

    Attributes:
        is_sum_of_weights: a member of weight n counts n times (P4Info `size_semantics`).
    """

    name: str
    size: int = 0
    max_group_size: int = 0
    is_sum_of_weights: bool = True


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table. `size` is the number of entries it holds, 0 if the target does not say."""

    name: str
    key: tuple[FieldSchema, ...]
    actions: Mapping[str, ActionSchema]
    size: int = 0
    is_const: bool = False
    selector: SelectorSchema | None = None
    references: tuple[Reference, ...] = ()

    has_priority: bool = field(init=False, compare=False)
    """Whether entries need a priority > 0 (P4Runtime 1.4, section 9.1)."""

    is_plain: bool = field(init=False, compare=False)
    """Whether there is only one way to say an entry: all of its key is exact, and it takes one action."""

    def __post_init__(self) -> None:
        has_priority = any(column.kind in NEEDS_PRIORITY for column in self.key)
        is_exact = all(column.kind is MatchKind.EXACT for column in self.key)
        object.__setattr__(self, "has_priority", has_priority)
        object.__setattr__(self, "is_plain", is_exact and self.selector is None)


@dataclass(frozen=True, slots=True)
class MeterSchema:
    """An indirect meter. `size` is its number of cells, `unit` what they count per second."""

    name: str
    size: int
    unit: str = "bytes"


@dataclass(frozen=True)
class Schema:
    """All tables of a pipeline, with their ranks, and its indirect meters.

    Raises:
        SchemaError: a reference names a table or field that does not exist, or a meter has the name of a table.
        DependencyCycleError: the references go in a circle.
    """

    tables: Mapping[str, TableSchema]
    meters: Mapping[str, MeterSchema] = field(default_factory=lambda: MappingProxyType({}))
    ranks: Mapping[str, int] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        for table in self.tables.values():
            self._check_references(table)
        for name in sorted(self.tables.keys() & self.meters.keys()):
            raise SchemaError(f"{name} is the name of a table and of a meter")
        object.__setattr__(self, "ranks", MappingProxyType(_ranks(self.tables)))

    def _check_references(self, table: TableSchema) -> None:
        for reference in table.references:
            if reference.target == MULTICAST_TABLE:
                continue
            target = self.tables.get(reference.target)
            if target is None:
                raise SchemaError(f"table {table.name} refers to table {reference.target}, which does not exist")
            if any(not 0 <= position < len(target.key) for position in reference.target_fields):
                raise SchemaError(f"table {table.name} refers to a field that table {target.name} does not have")


def _ranks(tables: Mapping[str, TableSchema]) -> dict[str, int]:
    """Rank of each table: 0 for those that refer to nothing, else one more than the highest rank referred to."""
    targets = {name: {reference.target for reference in table.references} for name, table in tables.items()}
    order = _referents_first(targets)
    above_groups: set[str] = set()
    for name in order:
        if targets[name] & {MULTICAST_TABLE, *above_groups}:
            above_groups.add(name)
    ranks: dict[str, int] = {}
    for name in order:
        if name not in above_groups:
            ranks[name] = max((1 + ranks[target] for target in targets[name]), default=0)
    ranks[MULTICAST_TABLE] = max((1 + rank for rank in ranks.values()), default=0)
    ranks[CLONE_TABLE] = -1
    for name in order:
        if name in above_groups:
            ranks[name] = max(1 + ranks[target] for target in targets[name])
    return ranks


def _referents_first(targets: Mapping[str, Set[str]]) -> list[str]:
    """All tables, each after those that it refers to; DependencyCycleError if there is no such order."""
    order: dict[str, None] = {}
    path: list[str] = []

    def visit(name: str) -> None:
        if name in order or name == MULTICAST_TABLE:
            return
        if name in path:
            circle = [*path[path.index(name) :], name]
            raise DependencyCycleError("tables refer to each other in a circle: " + " -> ".join(circle))
        path.append(name)
        for target in sorted(targets[name]):
            visit(target)
        path.pop()
        order[name] = None

    for name in targets:
        visit(name)
    return list(order)


def action_calls(entry: Entry) -> Iterator[ActionCall]:
    """Every action that the entry may run: one, those of its action set, or none (multicast)."""
    action = getattr(entry, "action", None)
    if isinstance(action, ActionCall):
        yield action
    elif action is not None:
        for member in action.members:
            yield member.action


def key_values(key: Key, positions: tuple[int, ...]) -> tuple[int, ...] | None:
    """The values of some key fields; None if one of them is a wildcard, which refers to nothing."""
    values = []
    for position in positions:
        match key[position]:
            case Exact(value):
                values.append(value)
            case Lpm(value, prefix_len) if prefix_len:
                values.append(value)
            case Ternary(value, mask) if mask:
                values.append(value)
            case _:
                return None
    return tuple(values)

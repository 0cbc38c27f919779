# SPDX-License-Identifier: Apache-2.0
"""Neutral table entries: what the compiler wants a switch to hold, in no encoding (Contract 3 of docs/architecture.md).

Everything is frozen and hashable, values are ints, names are P4Info names. An entry states every key field of its
table in P4Info order, also those that do not matter: `Ternary(0, 0)` and a `Range` over the whole width are "don't
care" here; P4Runtime wants them left out, and that is the southbound's business.

They are named tuples, because millions of them are made, hashed and compared. So a match equals one of another kind
with the same numbers: those of one field of a table are all of one kind.
"""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, TypeVar, overload

from p4vpc.intent.ids import ObjectId

T = TypeVar("T")

Origin = ObjectId
"""The intent object that an entry comes from."""

MULTICAST_TABLE = "multicast_group"
"""Stands for the packet replication engine where an identity needs a table; no P4 table has this name."""

CLONE_TABLE = "clone_session"
"""The same for clone sessions."""


class Exact(NamedTuple):
    """The field equals `value`."""

    value: int


class Lpm(NamedTuple):
    """The first `prefix_len` bits of the field equal those of `value`; the other bits of `value` are 0."""

    value: int
    prefix_len: int


class Ternary(NamedTuple):
    """The field's bits under `mask` equal those of `value`; `value` has no bit outside of `mask`."""

    value: int
    mask: int


class Range(NamedTuple):
    """The field is at least `low` and at most `high`."""

    low: int
    high: int


Match: TypeAlias = Exact | Lpm | Ternary | Range
Key: TypeAlias = tuple[Match, ...]
Identity: TypeAlias = tuple[str, Key, int]
"""(table, key, priority): two entries with one identity are the same entry to P4Runtime."""


class ActionCall(NamedTuple):
    """An action with its parameters in P4Info order."""

    name: str
    params: tuple[int, ...] = ()


class WeightedAction(NamedTuple):
    """One member of an action set.

    Attributes:
        weight: share of the flows, relative to the other members; >= 1.
        watch_port: while this port is down the target skips the member; None: always used.
    """

    action: ActionCall
    weight: int = 1
    watch_port: int | None = None


class ActionSet(NamedTuple):
    """One-shot action selector: the members among which the target spreads flows. Sorted, not empty."""

    members: tuple[WeightedAction, ...]


class TableEntry(NamedTuple):
    """One entry of one table. `priority` is 0 unless the key has a ternary or range field; higher wins."""

    table: str
    key: Key
    priority: int
    action: ActionCall | ActionSet

    @property
    def identity(self) -> Identity:
        """(table, key, priority): what P4Runtime calls the same entry."""
        return self[:3]


class MulticastEntry(NamedTuple):
    """A multicast group: one copy for each (port, instance)."""

    group_id: int
    replicas: tuple[tuple[int, int], ...]

    @property
    def identity(self) -> Identity:
        """As that of a table entry, with `MULTICAST_TABLE` as table."""
        return (MULTICAST_TABLE, (Exact(self.group_id),), 0)


class CloneEntry(NamedTuple):
    """A clone session: who gets a copy of what a program clones to it, one for each (port, instance).

    Attributes:
        packet_length_bytes: copies are cut to so many bytes; 0: they are not.
    """

    session_id: int
    replicas: tuple[tuple[int, int], ...]
    packet_length_bytes: int = 0

    @property
    def identity(self) -> Identity:
        """As that of a table entry, with `CLONE_TABLE` as table."""
        return (CLONE_TABLE, (Exact(self.session_id),), 0)


@dataclass(frozen=True, slots=True)
class MeterEntry:
    """The configuration of one cell of an indirect meter: two rates, three colours (RFC 2698).

    Rates are per second, rates and bursts in the unit that the P4Info states for the meter. A cell that no entry
    configures lets everything pass.

    Attributes:
        cir, cburst: committed rate and burst; what exceeds them is yellow.
        pir, pburst: peak rate and burst; what exceeds them is red.
    """

    meter: str
    index: int
    cir: int
    cburst: int
    pir: int
    pburst: int

    @property
    def identity(self) -> Identity:
        """As that of a table entry: meters and tables share the names of one P4Info."""
        return (self.meter, (Exact(self.index),), 0)


Entry: TypeAlias = TableEntry | MulticastEntry | CloneEntry | MeterEntry


def table_of(entry: Entry) -> str:
    """Return the first part of an entry's identity."""
    return entry.table if isinstance(entry, TableEntry) else entry.identity[0]


class DesiredEntry(NamedTuple):
    """An entry and the intent objects it comes from (sorted, at least one)."""

    entry: Entry
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class DesiredState(Mapping[Identity, DesiredEntry]):
    """All that one switch shall hold at one revision: identity -> (entry, origins).

    Two states are equal if their switch and their entries (with origins) are; the revision does not count.
    """

    switch: str
    revision: int = field(compare=False)
    entries: Mapping[Identity, DesiredEntry]

    def __getitem__(self, identity: Identity) -> DesiredEntry:
        return self.entries[identity]

    def __iter__(self) -> Iterator[Identity]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def get(self, identity: Identity) -> DesiredEntry | None: ...
    @overload
    def get(self, identity: Identity, default: DesiredEntry | T) -> DesiredEntry | T: ...
    def get(self, identity: Identity, default: Any = None) -> Any:
        """As of any mapping."""
        return self.entries.get(identity, default)

    def items(self) -> ItemsView[Identity, DesiredEntry]:
        """As `entries` has them: a switch's are gone through as a whole."""
        return self.entries.items()

    def values(self) -> ValuesView[DesiredEntry]:
        """The same without identities."""
        return self.entries.values()

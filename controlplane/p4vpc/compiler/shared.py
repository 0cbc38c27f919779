# SPDX-License-Identifier: Apache-2.0
"""Rows that are the same at several switches, made once: a port is the same destination wherever it is remote, and what
one label may send to another is the same wherever it enters.

That is most of what all switches hold together, so it is neither made nor kept once for each of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from p4vpc.compiler.entries import DesiredEntry, Entry, Identity, Origin
from p4vpc.intent import ObjectId

Row: TypeAlias = tuple[Entry, Origin]
"""What stages yield: an object asks for an entry."""


@dataclass(slots=True)
class Destination:
    """A port as a destination.

    Attributes:
        hosts: how packets for its addresses get to it.
        station: how frames for its MAC do.
    """

    hosts: tuple[Row, ...]
    station: Row


@dataclass(slots=True)
class Shared:
    """What has been made of one model so far.

    Attributes:
        remote: ports as destinations where they are not.
        pairs: what one label of a VPC may send to another.
        items: what a row comes to alone, by the `id` of the row; those rows are all in `remote`.
    """

    remote: dict[ObjectId, Destination] = field(default_factory=dict)
    pairs: dict[tuple[ObjectId, int, int], tuple[Row, ...]] = field(default_factory=dict)
    items: dict[int, tuple[Identity, DesiredEntry]] = field(default_factory=dict)

    def put(self, port: ObjectId, destination: Destination) -> None:
        """Keep a port as a remote destination."""
        self.remote[port] = destination
        rows: Iterable[Row] = (*destination.hosts, destination.station)
        for row in rows:
            entry, origin = row
            self.items[id(row)] = (entry.identity, DesiredEntry(entry, (origin,)))

    def clear(self) -> None:
        """Forget everything: nobody will ask for most of it again."""
        self.items.clear()
        self.pairs.clear()
        self.remote.clear()
